"""What every metric must do. Subclass, set ``make``, and inherit its tests."""

import copy
from abc import ABC
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import Metric
from vrbench.metrics.view import Crafted, Views, Watched
from vrbench.testing.views import all_there_is, changed


class MetricContract(ABC):
    """Two users with lists of four places, five items, and an attack on two of them."""

    make: ClassVar[Any]  # () -> a metric, of four places at the most

    @pytest.fixture
    def metric(self) -> Metric:
        made: Metric = type(self).make()
        return made

    @pytest.fixture
    def seen(self) -> tuple[Views, Dataset]:
        return all_there_is()

    def test_it_says_what_it_is(self, metric: Metric) -> None:
        assert metric.better in ("higher", "lower")
        assert metric.per in ("user", "image", "system")
        assert metric.column
        assert digest(metric) == digest(type(self).make())

    def test_one_number_a_user_or_a_picture(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        assert metric.applies(seen[0])
        count = {"user": 2, "image": 2, "system": 1}[metric.per]
        found = metric.values(*seen)
        assert found
        assert found.keys() <= {"before", "after", "control", "random"}
        for values in found.values():
            assert values.shape == (count,)
            assert not values.isinf().any()

    def test_what_a_paired_test_compares_is_of_users(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        pairs = metric.pairs(*seen)
        if pairs is None:
            pytest.skip("has no paired test")
        assert [values.shape for values in pairs] == [(2,), (2,)]

    def test_looking_changes_nothing(self, metric: Metric, seen: tuple[Views, Dataset]) -> None:
        before, key = copy.deepcopy(seen), digest(metric)
        first, second = metric.values(*seen), metric.values(*seen)
        assert same(first, second)
        assert same(seen[0], before[0])
        assert same(seen[1].test, before[1].test)
        assert digest(metric) == key

    def test_where_nothing_changed_it_says_the_same(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        views = unchanged(seen[0])
        found = metric.values(views, seen[1]) if metric.applies(views) else {}
        if not found.keys() >= {"before", "after"}:
            pytest.skip("says one thing only, or is about fake users")
        assert same(found["after"], found["before"])

    def test_where_nobody_attacked_nothing_is_said_of_after(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        nobody = Views(seen[0].before)
        if metric.applies(nobody):
            assert metric.values(nobody, seen[1]).keys() == {"before"}

    def test_who_counts_a_category_needs_one(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        if not metric.of_category:
            pytest.skip("counts no category")
        assert not metric.applies(replace(seen[0], counts_categories=False))

    def test_no_number_is_of_shorter_lists_than_it_should_be(
        self, metric: Metric, seen: tuple[Views, Dataset]
    ) -> None:
        if metric.places < 2:
            pytest.skip("is about no list, or about one place")
        views, shop = seen
        short = {"ranking": views.before.lists.ranking[:, :1]}
        whole = metric.values(Views(views.before), shop)
        try:
            found = metric.values(Views(changed(views.before, lists=short)), shop)
        except ConfigError as told:
            assert "lists of 1 are kept" in str(told)  # noqa: PT017
        else:
            assert same(found, whole)  # it is about ranks


def unchanged(views: Views) -> Views:
    """Return the shop before an attack as it were after one that changed nothing."""
    crafted, watched = views.crafted, views.watched
    assert crafted is not None
    assert watched is not None
    return Views(views.before, views.before, crafted=_as_it_was(crafted), watched=_honest(watched))


def _as_it_was(crafted: Crafted) -> Crafted:
    return replace(
        crafted,
        attacked=crafted.clean,
        predicted=crafted.predicted_before,
        vector_after=crafted.vector_before,
    )


def _honest(watched: Watched) -> Watched:
    return replace(watched, attacked=watched.clean)


def same(a: Any, b: Any) -> bool:
    """Whether two records, or what they are made of, hold equal numbers; NaN equals NaN."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.allclose(
            a.double(), b.double(), rtol=0, atol=0, equal_nan=True
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.compare)
    return bool(a == b)
