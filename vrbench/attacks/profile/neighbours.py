"""Segment attacks: fillers near the target by co-purchase, category or features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import sparse

from vrbench.attacks.profile.base import Aim, InParts, Part
from vrbench.attacks.profile.draft import of_rows, uniform
from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, IncompatibleError, nearest, one_of

Pools = tuple[Ints, Ints]  # rows of items, one row for each target: indptr, items

By = Literal["category", "features"]


class _Near(InParts):
    """Profiles with items of their targets' pools."""

    @abstractmethod
    def pools(self, shop: Shop, targets: Ints) -> Pools:
        """Return the items that go with each target, as rows; none is empty."""

    def near(self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice) -> Part:
        """Return items of the pool of one of a fake's targets, drawn for each fake."""
        start, count = aims[0][:-1], np.diff(aims[0])
        drawn = start + (dice.words(len(count)) * count >> 32)
        return Part(of_rows(*self.pools(shop, targets), aims[1][drawn]), "loved")


class SegmentProfiles(_Near):
    """Items that a segment of users likes, loved, and others (Mobasher et al., WebKDD 2005).

    The segment's items are the ``items`` most popular ones of ``category``; or, of no category,
    those nearest to each target by who has them (cosine). Its users, to whom the target is to be
    shown (rows marked "audience"), are those who have ``liked`` of these items or more. Rated, the
    others get the fewest stars; in implicit feedback what is hated is not had, and a profile that
    the segment's items do not fill is filled at random.

    Args:
        aim: "push" or "nuke".
        category: of the catalogue; None: the targets' neighbours.
        items: how many items the segment is known by.
        liked: how many of them a user of the segment has at least.
        share: of a rated profile's items besides targets that are the segment's.

    Example:
        >>> from vrbench.attacks import SegmentProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(SegmentProfiles())]
        [(5, True), (5, True)]
    """

    paper = "Mobasher et al., WebKDD 2005"
    knows = "what the segment likes"
    reads_categories = True

    def __init__(
        self,
        *,
        aim: Aim = "push",
        category: str | None = None,
        items: int = 10,
        liked: int = 2,
        share: float = 0.5,
    ) -> None:
        super().__init__(aim=aim)
        if not 1 <= liked <= items:
            raise ConfigError(
                f"SegmentProfiles: expected 1 <= liked <= items, got liked={liked}, items={items}"
            )
        self.category, self.items, self.liked = category, items, liked
        self.share = self._share("share", share)

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        others = Part(uniform(shop.num_items), "hated", had=False)
        return [self.near(shop, targets, aims, dice)._replace(share=self.share), others]

    def pools(self, shop: Shop, targets: Ints) -> Pools:
        if self.category is not None:
            one = _others(self._named(shop), targets)[: self.items]
            _need(one, f"no item of category {self.category!r} besides the targets")
            return np.arange(len(targets) + 1) * len(one), np.tile(one, len(targets))
        return _by_buyers(shop, targets, self.items)

    def audience(self, shop: Shop, targets: Ints) -> np.ndarray:
        indptr, items = self.pools(shop, targets)
        reached = []
        for n in range(len(targets)):
            of_segment = np.zeros(shop.num_items, dtype=np.int64)
            of_segment[items[indptr[n] : indptr[n + 1]]] = 1
            had = np.bincount(shop.users, of_segment[shop.items], shop.num_users)
            reached.append(had >= self.liked)
        return np.stack(reached, 1)

    def _named(self, shop: Shop) -> Ints:
        """Return the items of the category named, the most popular first."""
        if self.category not in shop.names:
            near = nearest(self.category, shop.names)
            raise ConfigError(
                f"attack.category: no category {self.category!r}{near}; "
                f"have {', '.join(shop.names[:40])}"
            )
        order = shop.by_popularity
        return order[shop.category_of(order) == shop.names.index(self.category)]


class SemanticProfiles(_Near):
    """Items that are like the target by what is known of them, loved (Anelli et al., ESWC 2020).

    SAShA takes what is known from a knowledge graph; here it is the category, or the features of
    the shop's image network (cosine). Nobody's feedback is needed.

    Args:
        aim: "push" or "nuke".
        by: "category": all items of the target's category are alike; "features": the ``items``
            nearest ones.
        items: how many of the nearest are taken from.

    Example:
        >>> from vrbench.attacks import SemanticProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(SemanticProfiles())]
        [(5, True), (5, True)]
    """

    paper = "Anelli et al., ESWC 2020"
    reads_categories = True

    def __init__(
        self,
        *,
        aim: Aim = "push",
        by: By = "category",
        items: int = 50,
    ) -> None:
        super().__init__(aim=aim)
        if items < 1:
            raise ConfigError(f"SemanticProfiles.items: expected 1 or more, got {items}")
        self.by, self.items = one_of("SemanticProfiles.by", by, By), items
        self.knows = "the catalogue" if by == "category" else "the shop's extractor"

    @property
    def asks_features(self) -> bool:
        return self.by == "features"

    def parts(
        self, shop: Shop, targets: Ints, aims: tuple[Ints, Ints], dice: Dice
    ) -> Sequence[Part]:
        return [self.near(shop, targets, aims, dice)]

    def pools(self, shop: Shop, targets: Ints) -> Pools:
        if self.by == "features":
            assert shop.features is not None
            table = shop.features()
            table = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
            return _nearest(table[targets] @ table.T, targets, self.items)
        found, every = [], np.arange(shop.num_items)
        for target, kind in zip(targets, shop.category_of(targets), strict=True):
            alike = _others(every[shop.category_of(every) == kind], targets)
            _need(alike, f"target {target} is alone in its category")
            found.append(alike)
        return np.concatenate([[0], np.cumsum([len(f) for f in found])]), np.concatenate(found)


def _by_buyers(shop: Shop, targets: Ints, items: int) -> Pools:
    """Return the items nearest to each target by who has them.

    Raises:
        IncompatibleError: if nobody has a target and anything else.
    """
    shape = (shop.num_users, shop.num_items)
    had = sparse.csr_matrix((np.ones(len(shop.items)), shop.items, shop.indptr), shape)
    common = (had.T.tocsr()[targets] @ had).toarray()
    # The squared cosine, up to the target's own length: whole numbers and one division.
    return _nearest(common**2 / np.maximum(shop.popularity, 1), targets, items)


def _nearest(like: np.ndarray, targets: Ints, items: int) -> Pools:
    """Return the most alike of the items that are no target, for each; only likeness above 0.

    Raises:
        IncompatibleError: if nothing is like a target.
    """
    like = like.copy()
    like[:, targets] = 0
    order = np.argsort(-like, axis=1, kind="stable")[:, :items]
    kept = np.take_along_axis(like, order, axis=1) > 0
    for target, some in zip(targets, kept, strict=True):
        _need(order[0][some], f"no other item is like target {target}, which few or none have")
    return np.concatenate([[0], kept.sum(1).cumsum()]), order[kept]


def _others(items: Ints, targets: Ints) -> Ints:
    return items[~np.isin(items, targets)]


def _need(items: Ints, why: str) -> None:
    if not len(items):
        raise IncompatibleError(f"{why}: take another attack, or another scenario")
