"""Informed shilling attacks: copies of real users, or of what the shop recommends to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vrbench.attacks.profile.base import Aim, InParts, Part
from vrbench.attacks.profile.draft import of_rows
from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import IncompatibleError


class PowerUser(InParts):
    """Copies of users with long histories (Wilson and Seminario, RecSys 2013).

    Every fake takes items of one of them, drawn at random; who have most items are power users, the
    simplest of the paper's three ways to choose them.

    Args:
        aim: "push" or "nuke".
        powers: the share of the users who are power users, one at least.

    Example:
        >>> from vrbench.attacks import PowerUser
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(PowerUser())]
        [(5, True), (5, True)]
    """

    paper = "Wilson and Seminario, RecSys 2013"
    knows = "whole histories"

    def __init__(self, *, aim: Aim = "push", powers: float = 0.05) -> None:
        super().__init__(aim=aim)
        self.powers = self._share("powers", powers)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        count = max(1, round(self.powers * shop.num_users))
        powers = np.argsort(-shop.lengths, kind="stable")[:count]
        chosen = powers[dice.integers(count, len(aims[0]) - 1)]
        return [Part(of_rows(shop.indptr, shop.items, chosen), "as the item")]


class ProbeProfiles(InParts):
    """What the shop recommends to a user, and some of that user's own (O'Mahony et al., AAAI 2005).

    The adversary looks at the lists of accomplices, a real account for each fake, drawn at random
    among those who have anything: seeds are what they have, and the rest is what they are shown.
    (The paper registers the seeds itself and asks again; most models here take in nobody between
    two trainings.) Rated, seeds and fillers get stars as the items do.

    Args:
        aim: "push" or "nuke".
        seeds: the share of a profile's items besides targets that are the accomplice's own.

    Example:
        >>> from vrbench.attacks import ProbeProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(ProbeProfiles())]
        [(5, True), (5, True)]
    """

    paper = "O'Mahony et al., AAAI 2005"
    knows = "lists and histories of accomplices"
    asks_lists = True

    def __init__(self, *, aim: Aim = "push", seeds: float = 0.2) -> None:
        super().__init__(aim=aim)
        self.seeds = self._share("seeds", seeds)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        assert shop.lists is not None
        (active,) = np.nonzero(shop.lengths)
        chosen = active[dice.integers(len(active), len(aims[0]) - 1)]
        lists = shop.lists(chosen)
        count = (lists >= 0).sum(1)
        if not count.all():
            raise IncompatibleError(
                "an accomplice is recommended nothing: there is nothing to copy"
            )
        indptr = np.concatenate([[0], count.cumsum()])
        own = of_rows(shop.indptr, shop.items, chosen)
        shown = of_rows(indptr, lists[lists >= 0], np.arange(len(chosen)))
        return [Part(own, "as the item", self.seeds), Part(shown, "as the item")]
