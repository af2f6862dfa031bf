"""The threat model: timing, attack surface and the adversary's knowledge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor
from vrbench.threats.surfaces.base import Surface
from vrbench.threats.surfaces.none import Nobody
from vrbench.threats.surfaces.pixels import Pixels


@dataclass(frozen=True, kw_only=True)
class Threat:
    """A threat model: evasion or poisoning, on which surface, with which knowledge.

    Attributes:
        timing: "evasion" swaps them after training, so the served model scores them
            afresh; "poisoning" swaps them before, so it is trained on them; "none": nobody attacks,
            the recommender is trained and measured.
        surrogate: the adversary's extractor; None means the served one (white box). With a
            surrogate, whatever else the adversary needs is rebuilt on it: promotion is aimed at a
            recommender trained on the surrogate's features.
        surface: where the adversary acts: ``Pixels``, ``Features``, ``Parameters``, or ``Looks``,
            the oracle; None is ``Pixels``, or ``Nobody`` where the timing is "none".
        mixed: a fault of VAR's released code (protocol 1.3b), to be measured: items that were not
            attacked keep the features of this extractor, whatever the shop's is. None: one
            feature space per run.
        aware: whether the adversary knows of the step that purifies pictures in front of the
            shop's network, and descends through it. If not, he holds the network without it, and
            whatever he aims at he sees through that: he promotes by the shop's own recommender,
            as it is, shown the features of the undefended network.

    Example:
        >>> from vrbench import Threat
        >>> Threat().timing, Threat(timing="poisoning").acts_on.name
        ('evasion', 'pixels')
    """

    timing: Literal["evasion", "poisoning", "none"] = "evasion"
    surrogate: Extractor | None = None
    surface: Surface | None = None
    mixed: Extractor | None = None
    aware: bool = True

    def __post_init__(self) -> None:
        if self.surface is None:
            object.__setattr__(self, "surface", Nobody() if self.timing == "none" else Pixels())
        if isinstance(self.surface, Nobody) != (self.timing == "none"):
            raise ConfigError("threat.timing=none goes with the surface Nobody, and only so")
        if not self.aware and self.surrogate is not None:
            raise ConfigError(
                "threat.aware=false is about the shop's own network; with a threat.surrogate the "
                "adversary holds another one"
            )
        if not self.aware and not isinstance(self.surface, Pixels):
            raise ConfigError(
                f"threat.aware=false is about pictures, and threat.surface is {self.acts_on.name}"
            )

    @property
    def acts_on(self) -> Surface:
        """The surface, settled."""
        assert self.surface is not None
        return self.surface
