"""What metrics are shown, made by hand or at random."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.data.readers.ratings import Ratings
from vrbench.metrics.base import Metric
from vrbench.metrics.view import (
    Attacked,
    Cold,
    Counted,
    Crafted,
    HeldOut,
    Lists,
    TwoStage,
    Users,
    View,
    Views,
    Watched,
)

NONE = torch.empty(0, dtype=torch.int64)
RED_OR_BLUE = (0, 0, 1, 1, 1)  # the categories of the five items of ``two_users``


def dataset(
    test: Sequence[tuple[int, int]], num_items: int, num_users: int | None = None
) -> Dataset:
    """Return a dataset whose test is the given ``(user, item)`` pairs, and nothing else."""
    pairs = torch.tensor(test).reshape(-1, 2)
    users = num_users or int(pairs[:, 0].max()) + 1
    empty = Interactions.of(NONE, NONE, users, num_items)
    images = Table(Signal.PIXELS, torch.zeros(num_items, 3, 1, 1), None)
    catalogue = Catalogue(images, torch.zeros(num_items, dtype=torch.int64), ("all",), None)
    return Dataset(
        catalogue, empty, empty, Interactions.of(pairs[:, 0], pairs[:, 1], users, num_items)
    )


def view(
    ranking: Tensor | Sequence[Sequence[int]],
    labels: Sequence[int] | None = None,
    *,
    data: Dataset | None = None,
    scores: Sequence[Sequence[float]] | None = None,
    ranks: Sequence[Sequence[int]] | None = None,
    items: Sequence[int] = (0,),
    source: int = 0,
) -> View:
    """Return a view in which every item is ranked for every user, best first.

    Args:
        ranking: ``(U, k)`` item ids.
        labels: category of each item; unless given, all are zero.
        data: of whose test the ranks are read off the ranking.
        scores: ``(U, n)`` of the attacked items; unless given, zero.
        ranks: ``(U, n)`` of the attacked items; unless given, 1.
        items: the attacked ones.
        source: their category.
    """
    ranking = torch.as_tensor(ranking)
    users, k = ranking.shape
    known = torch.zeros(int(ranking.max()) + 1).long() if labels is None else torch.tensor(labels)
    relevant = NONE
    if data is not None:
        place = torch.zeros(users, data.test.num_items, dtype=torch.int64)
        place.scatter_(1, ranking, torch.arange(1, k + 1).expand(users, -1))
        relevant = place[data.test.users, data.test.items]
    none = torch.zeros(users, len(items))
    return View(
        lists=Lists(ranking=ranking, candidates=torch.full((users,), k)),
        tested=HeldOut(ranks=relevant),
        attacked=Attacked(
            items=torch.tensor(items),
            scores=none if scores is None else torch.tensor(scores),
            ranks=(none + 1).int() if ranks is None else torch.tensor(ranks).int(),
        ),
        counted=Counted(labels=known, source=source, target=1),
    )


def changed(view: View, **parts: dict[str, Any]) -> View:
    """Return ``view`` with fields of its parts changed.

    Example:
        >>> from vrbench.testing.views import changed, two_users
        >>> seen, _ = two_users()
        >>> changed(seen, counted={"source": 1}).counted.source
        1
    """
    made = {part: replace(getattr(view, part), **fields) for part, fields in parts.items()}
    return replace(view, **made)


def random_case(
    seed: int = 0, num_users: int = 40, num_items: int = 30
) -> tuple[View, Dataset, Tensor, Tensor]:
    """Return a view, its dataset, the ``(U, I)`` ranking, and ``(U, I)`` whether it is liked.

    The first user likes nothing, the second everything.
    """
    rng = stream(seed, "metrics")
    ranking = torch.rand(num_users, num_items, generator=rng).argsort(1)
    liked = torch.rand(num_users, num_items, generator=rng) < 0.1
    liked[0], liked[1] = False, True
    data = dataset(liked.nonzero().tolist(), num_items, num_users)
    return view(ranking, data=data), data, ranking, liked


def two_users(after: bool = False) -> tuple[View, Dataset]:
    """Return what two users are shown of five items, by hand.

    Items 0 and 1 are red, the category under attack; 2, 3 and 4 are blue. Nobody has had 1 and 4.

    ======  =======  =============================  =======================  ==================
    user    had      will like                      list, with scores        list after
    ======  =======  =============================  =======================  ==================
    0       2        0 (5 stars) and 3 (3 stars)    0, 1, 3, 4: 5, 4, 2, 1   1, 0, 3, 4
    1       0 and 3  1 (1 star)                     2, 1, 4: 3, 2, 1         1, 2, 4
    ======  =======  =============================  =======================  ==================

    Each red item wants one of the users: 0 the first, and 1 the second.

    Args:
        after: the attack, which gave item 1 two points more.
    """
    if not after:
        return _clean_view(), _shop_of_two()
    seen = changed(
        _clean_view(),
        lists={"ranking": torch.tensor([[1, 0, 3, 4], [1, 2, 4, -1]])},
        tested={"ranks": torch.tensor([2, 3, 1])},
        attacked={
            "scores": torch.tensor([[5.0, 6.0], [1.0, 4.0]]),
            "ranks": torch.tensor([[2, 1], [0, 1]]),
        },
        users={"profiles": torch.tensor([[3.0, 9.0], [0.0, 2.0]])},
    )
    return seen, _shop_of_two()


def _shop_of_two() -> Dataset:
    """Return what the two users of ``two_users`` had and will like, and the five items."""

    def pairs(*of: tuple[int, int], ratings: Tensor | None = None) -> Interactions:
        users, items = torch.tensor(of, dtype=torch.int64).reshape(-1, 2).T
        return Interactions.of(users, items, 2, 5, None, ratings)

    images = Table(Signal.PIXELS, torch.zeros(5, 3, 1, 1), None)
    return Dataset(
        Catalogue(images, torch.tensor(RED_OR_BLUE), ("red", "blue"), None),
        train=pairs((0, 2), (1, 0), (1, 3)),
        valid=pairs(),
        test=pairs((0, 0), (0, 3), (1, 1), ratings=torch.tensor([5.0, 3.0, 1.0])),
    )


def _clean_view() -> View:
    """Return what the two users of ``two_users`` are shown before the attack."""
    return View(
        lists=Lists(
            ranking=torch.tensor([[0, 1, 3, 4], [2, 1, 4, -1]]),
            candidates=torch.tensor([4, 3]),
            scores=torch.tensor([[5.0, 4.0, 2.0, 1.0], [3.0, 2.0, 1.0, torch.nan]]),
        ),
        tested=HeldOut(
            ranks=torch.tensor([1, 3, 2]),
            scores=torch.tensor([5.0, 2.0, 2.0]),
            cold=Cold(ranks=torch.tensor([0, 0, 1]), candidates=torch.tensor([2, 2])),
        ),
        attacked=Attacked(
            items=torch.tensor([0, 1]),
            scores=torch.tensor([[5.0, 4.0], [1.0, 2.0]]),
            ranks=torch.tensor([[1, 2], [0, 2]]),
            audience=torch.tensor([[True, False], [False, True]]),
        ),
        counted=Counted(labels=torch.tensor(RED_OR_BLUE), source=0, target=1),
        two_stage=TwoStage(
            injected_ranks=torch.tensor([[1, 2], [3, 1]]),
            offered_ranks=torch.tensor([1, 2]),
            offered=torch.tensor([3, 2]),
        ),
        users=Users(
            profiles=torch.tensor([[3.0, 4.0], [0.0, 2.0]]),
            visual_share=torch.tensor([0.25, 1.0]),
        ),
    )


def two_pictures() -> Crafted:
    """Return two grey pictures of 16 x 16: one is 8 grey levels brighter now, and passes for blue.

    The other is as it was. The first took 40 questions, the second 100.
    """
    clean = torch.full((2, 3, 16, 16), 0.5)
    attacked = clean.clone()
    attacked[0] += 8 / 255
    return Crafted(
        clean=clean,
        attacked=attacked,
        reached=torch.tensor([True, False]),
        loss=torch.tensor([0.1, 2.0]),
        margin=torch.tensor([-0.5, 1.0]),
        predicted=torch.tensor([1, 0]),
        predicted_before=torch.tensor([0, 0]),
        vector_before=torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        vector_after=torch.tensor([[0.0, 1.0], [1.0, 0.0]]),
        queries=torch.tensor([40, 100]),
        target=1,
    )


def all_there_is() -> tuple[Views, Dataset]:
    """Return the shop of two users before and after an attack, with all that a metric may see.

    Beside what ``two_users`` and ``two_pictures`` tell: a control, in which nothing changed, and a
    random attack, in which as much did; stars in train, too; a fake user, who has three items and
    was left out as the most suspect one; and what a detector made of the two pictures and of four
    honest ones.
    """
    (before, shop), (after, _) = two_users(), two_users(after=True)
    had, by = torch.tensor([0, 1, 4]), torch.zeros(3, dtype=torch.int64)
    rated = replace(shop.train, ratings=torch.tensor([5.0, 4.0, 1.0]))
    views = Views(
        before,
        after,
        control=before,
        crafted=two_pictures(),
        random=after,
        fakes=Interactions.of(by, had, 1, 5, None, torch.tensor([5.0, 5.0, 1.0])),
        suspicion=torch.tensor([0.1, 0.3, 0.9]),
        left_out=torch.tensor([False, False, True]),
        watched=Watched(
            honest=torch.tensor([0.1, 0.2, 0.3, 0.4]),
            clean=torch.tensor([0.15, 0.25]),
            attacked=torch.tensor([0.9, 0.25]),
        ),
    )
    return views, replace(shop, train=rated)


def measured(metric: Metric) -> dict[str, Any]:
    """Return what a metric says of the shop of two users before and after the attack, rounded.

    One number a user or picture; of all lists together one number.
    """
    found = metric.values(*all_there_is())
    shown = {name: rounded(found[name]) for name in ("before", "after") if name in found}
    return {name: v[0] if metric.per == "system" else v for name, v in shown.items()}


def six_ratings() -> Ratings:
    """Return what Ann and Bob rated, in the order of time: Ann a, b, c, d; Bob a, b."""
    return Ratings(
        users=torch.tensor([0, 0, 1, 0, 1, 0]),
        items=torch.tensor([0, 1, 0, 2, 1, 3]),
        ratings=torch.tensor([5.0, 1.0, 4.0, 3.0, 2.0, 5.0], dtype=torch.float64),
        times=torch.tensor([10, 20, 30, 40, 50, 60]),
        user_ids=("Ann", "Bob"),
        item_ids=("a", "b", "c", "d"),
        source="six ratings",
    )


def rounded(values: Tensor | float) -> Any:
    """Return a number, or the numbers of a tensor, to three places."""
    if isinstance(values, Tensor):
        return [rounded(value) for value in values.tolist()]
    return values if isinstance(values, list) else round(values, 3)
