"""The adversary's surrogate shop, retrained on every candidate set of fake profiles."""

from __future__ import annotations

from typing import TypedDict

import torch
from typing_extensions import Unpack

from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.base import OptimisedProfiles, Problem
from vrbench.attacks.optimised.factors import Loss, fitted, refitted, with_fakes
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class OwnShop:
    """Weighted factors (``factors.Loss``), which say where targets come to stand.

    Published black boxes ask the shop itself, and count whom it shows the target: that takes a
    shop trained anew hundreds of times, and of an item of the tail the count is 0 throughout. Here
    it is a model of the adversary's, and what it is asked for is the targets' places.

    Args:
        problem: the attack's.
        factors: length of a row.
        refits: rounds of both solves after each change, from the clean model.
        dice: of the start.
    """

    def __init__(self, problem: Problem, factors: int, refits: int, dice: Dice) -> None:
        self.real, self.refits, self.wish = problem.real, refits, Wish(problem)
        self.loss = Loss(alpha=10.0, l2=1.0)
        nothing = with_fakes(problem.real, 0 * problem.fixed)
        self.clean = fitted(nothing, self.loss, factors, dice)

    def __call__(self, fakes: Floats) -> float:
        """Return what ``(fakes, num_items)`` shares of items are worth: ``Wish.places``."""
        model = refitted(with_fakes(self.real, fakes), self.loss, self.clean, self.refits)
        scores = model.user[: self.wish.users] @ model.item.T
        return self.wish.places(torch.from_numpy(scores))


class OwnShopSettings(TypedDict, total=False):
    """The model of the adversary's own that a search without gradients asks.

    Attributes:
        factors: length of a row.
        refits: rounds of its solves after each change.
    """

    factors: int
    refits: int


class OwnShopProfiles(OptimisedProfiles):
    """A search for fillers that retrains a model of the adversary's own after every change.

    Args:
        aim: "push" or "nuke".
        factors, refits: see ``OwnShopSettings``.

    Example:
        >>> from vrbench.attacks import OwnShopProfiles, PoisonRec
        >>> issubclass(PoisonRec, OwnShopProfiles), PoisonRec(refits=1).factors
        (True, 16)
    """

    scores_everybody = True
    defaults = OwnShopSettings(factors=16, refits=2)

    def __init__(self, *, aim: Aim = "push", **model: Unpack[OwnShopSettings]) -> None:
        super().__init__(aim=aim)
        given = self.with_defaults(OwnShopSettings, model)
        self.factors, self.refits = given["factors"], given["refits"]

    def shop_of(self, problem: Problem, dice: Dice) -> OwnShop:
        """Return the model, fitted to the clean feedback."""
        return OwnShop(problem, self.factors, self.refits, dice)
