"""What attacks have in common that train a surrogate by gradient steps."""

from __future__ import annotations

from typing import TypedDict

from typing_extensions import Unpack

from vrbench.attacks.optimised.base import OptimisedProfiles, Problem
from vrbench.attacks.optimised.surrogates import Kind, Surrogate, surrogate
from vrbench.attacks.profile.base import Aim
from vrbench.core.errors import one_of


class SurrogateSettings(TypedDict, total=False):
    """Which model of its own the adversary trains.

    Attributes:
        surrogate: "wrmf", weighted factors, or "itemae", an auto-encoder of items, which is dense.
        width: of the surrogate: its factors, or its hidden layer.
    """

    surrogate: Kind
    width: int


class SurrogateProfiles(OptimisedProfiles):
    """A search for fillers through the training of a surrogate.

    Args:
        aim: "push" or "nuke".
        surrogate, width: see ``SurrogateSettings``.

    Raises:
        ConfigError: if there is no such surrogate.

    Example:
        >>> from vrbench.attacks import LegUP, SurrogateProfiles
        >>> issubclass(LegUP, SurrogateProfiles), LegUP(surrogate="itemae").width
        (True, 16)
    """

    scores_everybody = True
    defaults = SurrogateSettings(surrogate="wrmf", width=16)

    def __init__(self, *, aim: Aim = "push", **model: Unpack[SurrogateSettings]) -> None:
        super().__init__(aim=aim)
        given = self.with_defaults(SurrogateSettings, model)
        self.surrogate = one_of(f"{self.name}.surrogate", given["surrogate"], Kind)
        self.width = given["width"]

    def model_for(self, problem: Problem) -> Surrogate:
        """Return the surrogate, of the problem's users and fakes, not trained yet."""
        return surrogate(self.surrogate, problem.real, len(problem.room), self.width)
