"""Low-knowledge shilling attacks: they know popularity or mean ratings, no user's history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from vrbench.attacks.profile.base import Aim, InParts, Part
from vrbench.attacks.profile.draft import Source, among, uniform, weighted
from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import one_of

Items = Literal["popularity", "uniform"]
Fillers = Literal["random", "average"]


class RandomProfiles(InParts):
    """Random items beside the targets (Lam and Riedl, WWW 2004): the control of all others.

    Items are drawn uniformly. Rated, they get stars drawn as all stars are, with their mean and
    deviation; implicit, they are had.

    Example:
        >>> from vrbench.attacks import RandomProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(RandomProfiles())]
        [(5, True), (5, True)]
    """

    paper = "Lam and Riedl, WWW 2004"
    knows = "mean and deviation of all ratings"

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        return [Part(uniform(shop.num_items), "as all")]


class AverageProfiles(InParts):
    """Items rated as they are on average (Lam and Riedl, WWW 2004).

    Rated, each item gets stars drawn with its own mean and deviation. Implicit feedback has no
    other average than how many have an item: items are drawn in proportion to that, so that fakes
    resemble as many users as they can.

    Args:
        aim: "push" or "nuke".
        items: "popularity": drawn in proportion to their users; "uniform": drawn alike, as
            published. Recommenders that read no stars then see ``RandomProfiles``.

    Example:
        >>> from vrbench.attacks import AverageProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(AverageProfiles())]
        [(5, True), (5, True)]
    """

    paper = "Lam and Riedl, WWW 2004"
    knows = "mean, deviation and number of ratings of every item"

    def __init__(self, *, aim: Aim = "push", items: Items = "popularity") -> None:
        super().__init__(aim=aim)
        self.items = one_of("AverageProfiles.items", items, Items)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        return [Part(_drawn(self.items, shop), "as the item")]


class BandwagonProfiles(InParts):
    """The most popular items, loved, and others (Mobasher et al., TOIT 2007).

    Args:
        aim: "push" or "nuke".
        fillers: the others: "random", as in ``RandomProfiles``, or "average", as in
            ``AverageProfiles``: the two forms of the attack.
        share: of a profile's items besides targets that are popular ones.
        head: the share of the catalogue that counts as popular, one item at least.

    Example:
        >>> from vrbench.attacks import BandwagonProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(BandwagonProfiles())]
        [(5, True), (5, True)]
    """

    paper = "Mobasher et al., TOIT 2007"
    knows = "the most popular items"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        fillers: Fillers = "random",
        share: float = 0.5,
        head: float = 0.02,
    ) -> None:
        super().__init__(aim=aim)
        self.fillers = one_of("BandwagonProfiles.fillers", fillers, Fillers)
        self.share, self.head = self._share("share", share), self._share("head", head)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        popular = Part(among(most_popular(shop, self.head)), "loved", self.share)
        if self.fillers == "random":
            return [popular, Part(uniform(shop.num_items), "as all")]
        return [popular, Part(_drawn("popularity", shop), "as the item")]


class PopularProfiles(InParts):
    """Popular items and nothing else (O'Mahony et al., AAAI 2005).

    Rated, an item gets the fewest stars, or one step more if it is liked more than items are on
    average: enough to be like everybody who likes it, and the target still stands out. Implicit,
    popular items are had.

    Args:
        aim: "push" or "nuke".
        head: the share of the catalogue that counts as popular.

    Example:
        >>> from vrbench.attacks import PopularProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(PopularProfiles())]
        [(5, True), (5, True)]
    """

    paper = "O'Mahony et al., AAAI 2005"
    knows = "the most popular items, and which of them are liked"

    def __init__(self, *, aim: Aim = "push", head: float = 0.05) -> None:
        super().__init__(aim=aim)
        self.head = self._share("head", head)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        return [Part(among(most_popular(shop, self.head)), "as little")]


class LoveHate(InParts):
    """Random items loved, the target hated (Mobasher et al., TOIT 2007): to nuke, knowing nothing.

    Implicit feedback has no hate: fakes have random items and never a target, which is what the
    nuke of ``RandomProfiles`` comes to as well. The other way round, to push, random items are
    hated: of implicit feedback that leaves profiles of targets alone.

    Args:
        aim: "nuke" or "push".

    Example:
        >>> from vrbench.attacks import LoveHate
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(LoveHate())]
        [(5, False), (5, False)]
    """

    paper = "Mobasher et al., TOIT 2007"
    knows = "nothing"

    def __init__(self, *, aim: Aim = "nuke") -> None:
        super().__init__(aim=aim)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        source = uniform(shop.num_items)
        return [Part(source, "loved") if self.aim == "nuke" else Part(source, "hated", had=False)]


class ReverseBandwagon(InParts):
    """The least popular items, hated with the target (Mobasher et al., TOIT 2007): to nuke.

    Rated, unpopular items get the fewest stars like the target, and random ones fill up. Implicit
    feedback cannot say that nobody likes an item: fakes have unpopular items and never a target,
    which is a weak attack, and the rows show it.

    Args:
        aim: "nuke" or "push".
        share: of a profile's items besides targets that are unpopular ones.
        tail: the share of the catalogue that counts as unpopular, of the items that anybody has.

    Example:
        >>> from vrbench.attacks import ReverseBandwagon
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(ReverseBandwagon())]
        [(5, False), (5, False)]
    """

    paper = "Mobasher et al., TOIT 2007"
    knows = "the least popular items"

    def __init__(
        self,
        *,
        aim: Aim = "nuke",
        share: float = 0.5,
        tail: float = 0.05,
    ) -> None:
        super().__init__(aim=aim)
        self.share, self.tail = self._share("share", share), self._share("tail", tail)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        known = shop.by_popularity[: max(1, int((shop.popularity > 0).sum()))]
        unpopular = among(known[-max(1, round(self.tail * shop.num_items)) :])
        return [
            Part(unpopular, "hated", self.share),
            Part(uniform(shop.num_items), "as all"),
        ]


def most_popular(shop: Shop, share: float) -> Ints:
    """Return the most popular items, a share of the catalogue, one at least."""
    return shop.by_popularity[: max(1, round(share * shop.num_items))]


def _drawn(items: str, shop: Shop) -> Source:
    """Return a source of items by popularity, or of all alike."""
    return weighted(shop.popularity) if items == "popularity" else uniform(shop.num_items)
