"""A model of an Elliot configuration, as it is trained here."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.core.errors import ConfigError

PART = "recommender"


@dataclass
class Trained:
    """One recommender of a translated configuration.

    Attributes:
        name: Elliot's, in small letters: of its files.
        choice: of ``recommender`` here.
        settings: what is set of it.
        space: what is searched of it, as in ``conf/tune.yaml``; empty: nothing.
        sampler: how it is searched.
        trials: how many; None: a grid, all of it.
        saves: what is left beside its rows.
        metric: of the validation by which settings are chosen, a choice of ``metrics``.
        perturbed: what ``meta.eval_perturbations`` says of changes of its embeddings; None: they
            are not evaluated.
        seed: of its training; None: not told.
        notes: one line per option that is taken otherwise than in Elliot.
    """

    name: str
    choice: str
    settings: dict[str, Any] = field(default_factory=dict)
    space: dict[str, dict[str, Any]] = field(default_factory=dict)
    sampler: str = "grid"
    trials: int | None = None
    saves: set[str] = field(default_factory=set)
    metric: str = "ndcg_20"
    perturbed: dict[str, float] | None = None
    seed: int | None = None
    notes: list[str] = field(default_factory=list)

    def longest(self, setting: str) -> int:
        """Return the largest whole number that a setting may be; 0 where it is not told."""
        space = self.space.get(f"{PART}.{setting}", {})
        return int(max(space.get("choices", [space.get("high", self.settings.get(setting, 0))])))

    def yaml(self) -> str:
        """Return it as a file of ``conf/recommender``.

        Raises:
            ConfigError: if a setting cannot be as it is told.
        """
        composed = composition(self.choice, own_dir())
        changes = {f"{PART}.{name}": value for name, value in self.settings.items()}
        try:
            composed.make(PART, changes)
        except ConfigError as error:
            raise ConfigError(f"models.{self.name}: {error}") from None
        return composed.yaml(PART, changes)


@cache
def composition(choice: str, own: Path | None) -> Composition:
    """Return a choice of recommender, composed; what that is depends on a folder of one's own."""
    del own
    return Composition([f"{PART}={choice}"], conf_dir())
