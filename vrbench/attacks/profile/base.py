"""What a shilling attack is: selected items, filler items and targets of fake profiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, final

import numpy as np

from vrbench.attacks.base import Cost
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Draft, Profiles, Source
from vrbench.attacks.profile.shop import Floats, Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, ContractError, one_of
from vrbench.core.spec import Component

Aim = Literal["push", "nuke"]
Taste = Literal["loved", "hated", "as all", "as the item", "as little"]


class ProfileAttack(Component, ABC):
    """A way to fill the profiles of fake users. Subclasses implement ``search``.

    It knows no model: it is told what the adversary knows of the shop's feedback.

    Attributes:
        knows: what the adversary must have, in words.
        aim: whether it wants targets to be recommended more, or less.
        asks_lists: whether it looks at lists that the trained shop shows.
        asks_features: whether it looks at the catalogue through an extractor.
        reads_categories: whether it reads the catalogue's categories.
        reads_names: whether it reads the names that items have outside.

    Example:
        >>> import numpy
        >>> from vrbench.attacks import ProfileAttack
        >>> from vrbench.attacks.profile.draft import Profiles
        >>> from vrbench.testing.world import fakes
        >>> class TargetAlone(ProfileAttack):
        ...     def search(self, shop, targets, budget, lengths, dice):
        ...         ends = numpy.arange(len(lengths) + 1)
        ...         return Profiles(ends, numpy.full(len(lengths), targets[0]), None)
        ...
        >>> fakes(TargetAlone())
        [[0], [0]]
    """

    knows: str = "feedback"
    aim: Aim = "push"
    asks_lists: bool = False
    reads_categories: bool = False
    reads_names: bool = False

    @property
    def asks_features(self) -> bool:
        return False

    @property
    def cost(self) -> Cost | None:
        """What it asks of a model's pictures: nothing."""
        return Cost(0, 0)

    @final
    def __call__(self, shop: Shop, targets: Ints, budget: FakeUsers, dice: Dice) -> Profiles:
        """Return fake users, inside the budget.

        Args:
            shop: what is known.
            targets: ``(n,)`` items to push or nuke, at least one.
            budget: how many, how long.
            dice: the only source of randomness.

        Raises:
            ContractError: if what a search returns is none, or not within the budget.
        """
        if budget.feedback == "implicit":
            shop = replace(shop, stars=None)
        lengths = self.lengths(shop, budget, dice)
        made = self.search(shop, targets, budget, lengths, dice)
        _require(self.name, made, lengths, shop)
        return made

    def lengths(self, shop: Shop, budget: FakeUsers, dice: Dice) -> Ints:
        """Return the ``(fakes,)`` most items of each."""
        return budget.lengths(shop, dice)

    @abstractmethod
    def search(
        self, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints, dice: Dice
    ) -> Profiles:
        """Return one profile for each of ``lengths``, ``(fakes,)``, none longer than that.

        ``shop.stars`` is None where feedback is implicit; then the profiles have none either.
        """

    def audience(self, shop: Shop, targets: Ints) -> np.ndarray | None:
        """Return ``(num_users, n)`` bool: whom each target is to reach; None: everybody alike."""
        return None


class Part(NamedTuple):
    """Some of the items of all profiles."""

    source: Source
    taste: Taste
    share: float = 1.0  # of what a profile holds besides its targets
    had: bool = True  # in implicit feedback; what is hated is not had


class InParts(ProfileAttack):
    """Profiles of targets and one or two kinds of other items (Gunes et al., AIR 2014).

    Push: targets get the most stars; in implicit feedback, fakes have them. Nuke: targets get the
    fewest; in implicit feedback, fakes have everything but targets, which then fall behind what
    the fakes have.

    Args:
        aim: "push" or "nuke".

    Example:
        >>> from vrbench.attacks import InParts, RandomProfiles
        >>> issubclass(RandomProfiles, InParts), RandomProfiles(aim="nuke").aim
        (True, 'nuke')
    """

    def __init__(self, *, aim: Aim = "push") -> None:
        self.aim = one_of(f"{self.name}.aim", aim, Aim)

    def _share(self, setting: str, value: float) -> float:
        """Return a setting that is a share.

        Raises:
            ConfigError: if it is none.
        """
        if not 0 <= value <= 1:
            raise ConfigError(f"{self.name}.{setting}: expected a share, 0 to 1, got {value}")
        return value

    @abstractmethod
    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        """Return what profiles are filled with, the last part with all that is left.

        Args:
            shop: what is known.
            targets: ``(n,)`` attacked items.
            aims: rows of indices into ``targets``, one row for each fake.
            dice: the only source of randomness.
        """

    def search(
        self, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints, dice: Dice
    ) -> Profiles:
        aims = budget.aims(lengths, targets)
        implicit = shop.stars is None
        draft = Draft(len(lengths), shop.num_items, targets)
        found: list[tuple[Ints, Ints]] = []
        tastes: list[Taste] = []
        left = lengths
        if self.aim == "push" or not implicit:
            rows = np.repeat(np.arange(len(lengths)), np.diff(aims[0]))
            found.append(draft.put(rows, targets[aims[1]]))
            tastes.append("loved" if self.aim == "push" else "hated")
            left = left - np.diff(aims[0])
        parts = [p for p in self.parts(shop, targets, aims, dice) if p.had or not implicit]
        for n, part in enumerate(parts):
            # Whole numbers of items: the same on every machine.
            last = n == len(parts) - 1
            some = left if last else np.floor(left * part.share + 0.5).astype(np.int64)
            found.append(draft.fill(some, part.source, dice))
            tastes.append(part.taste)
            left = left - some
        return assembled(found, tastes, budget, shop, len(lengths), dice)


def assembled(
    found: list[tuple[Ints, Ints]],
    tastes: list[Taste],
    budget: FakeUsers,
    shop: Shop,
    count: int,
    dice: Dice,
) -> Profiles:
    """Return the parts of all profiles as rows."""
    rows, items = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(rows * shop.num_items + items, kind="stable")
    indptr = np.concatenate([[0], np.bincount(rows, minlength=count).cumsum()])
    stars = None
    if shop.stars is not None:
        given = [
            _stars(taste, some, shop, budget, dice)
            for taste, (_, some) in zip(tastes, found, strict=True)
        ]
        stars = np.concatenate(given)[order]
    return Profiles(indptr, items[order], stars)


def _stars(taste: Taste, items: Ints, shop: Shop, budget: FakeUsers, dice: Dice) -> Floats:
    """Return the stars that ``items``, ``(m,)``, are given, each on the shop's scale."""
    levels = shop.levels
    lowest = levels[0] if budget.lowest is None else budget.lowest
    if taste in ("loved", "hated"):
        return np.full(len(items), levels[-1] if taste == "loved" else lowest)
    if taste == "as little":
        better = shop.of_items[0][items] >= shop.overall[0]
        return np.where(better, levels[min(1, len(levels) - 1)], lowest)
    mean, spread = shop.overall if taste == "as all" else (part[items] for part in shop.of_items)
    wanted = mean + spread * dice.normal(len(items))
    between = (levels[1:] + levels[:-1]) / 2
    return np.asarray(levels[np.searchsorted(between, wanted)])


def _require(name: str, made: Profiles, lengths: Ints, shop: Shop) -> None:
    """Raise unless profiles are whole, within the catalogue, and no longer than allowed.

    Raises:
        ContractError: says what is wrong.
    """
    sizes = (len(made.indptr), len(made.items))
    if sizes[0] != len(lengths) + 1 or made.indptr[0] or made.indptr[-1] != sizes[1]:
        raise ContractError(f"{name} must return one row for each of {len(lengths)} fake users")
    if (made.lengths > lengths).any() or (made.lengths < 0).any():
        raise ContractError(f"{name}: a profile is longer than the budget allows")
    inside = (made.items >= 0) & (made.items < shop.num_items)
    first = np.zeros(sizes[1], dtype=bool)
    first[made.indptr[:-1][made.lengths > 0]] = True
    steps = np.diff(made.items, prepend=-1) > 0
    if not inside.all() or not (steps | first).all():
        raise ContractError(f"{name}: items must be of the catalogue, ascending in a profile")
    if (made.stars is None) != (shop.stars is None):
        raise ContractError(f"{name}: stars are given where feedback is rated, and only there")
    if made.stars is not None and not np.isfinite(made.stars).all():
        raise ContractError(f"{name}: stars must be numbers")
