"""How unlike real users fake ones are."""

from dataclasses import replace

import pytest
import torch

from tests.attacks.profile.world import shop
from vrbench.core.errors import ConfigError
from vrbench.data.interactions import Interactions
from vrbench.metrics.forged import (
    PopularityDistance,
    ProfileLength,
    StarDistance,
    jensen_shannon,
    of_users,
    total_variation,
)
from vrbench.metrics.view import Views
from vrbench.testing.views import view

# Ten items with a tenth of the feedback each: every item is a part of its own.
DATA = shop([(user, item) for user in range(4) for item in range(10)], 4, 10)
VIEWS = Views(view([[0]] * 4))


def fakes(*rows, stars=None):
    users = torch.arange(len(rows)).repeat_interleave(torch.tensor([len(row) for row in rows]))
    items = torch.tensor([item for row in rows for item in row])
    return Interactions.of(users, items, len(rows), 10, None, stars)


def found(metric, some, data=DATA):
    views = replace(VIEWS, fakes=some)
    return {name: float(value) for name, value in metric.values(views, data).items()}


def test_lengths_stand_beside_those_of_real_users():
    assert found(ProfileLength(), fakes([0, 1], [5])) == {"before": 10.0, "after": 1.5}


@pytest.mark.parametrize(
    ("rows", "tvd"),
    [([list(range(10))], 0.0), ([[0]], 0.9), ([[0, 1], [2, 3, 4]], 0.5), ([[0], [0]], 0.9)],
)
def test_distances_of_popularity_are_those_by_hand(rows, tvd):
    assert found(PopularityDistance(), fakes(*rows))["after"] == pytest.approx(tvd)
    assert found(PopularityDistance(), fakes(*rows))["before"] == pytest.approx(0)


def test_divergence_is_in_bits():
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert jensen_shannon(one.double(), other.double()) == pytest.approx(1)
    assert jensen_shannon(one.double(), one.double()) == pytest.approx(0)
    half = torch.tensor([0.5, 0.5]).double()
    # H(3/4, 1/4) - H(1/2, 1/2) / 2 = 0.8113 - 0.5
    assert jensen_shannon(one.double(), half) == pytest.approx(0.8112781 - 0.5)
    assert total_variation(one, half) == pytest.approx(0.5)


def test_stars_are_compared_where_fakes_give_any():
    data = replace(DATA, train=replace(DATA.train, ratings=torch.tensor([1.0, 5.0] * 20)))
    stars = torch.tensor([5.0, 5.0])
    assert found(StarDistance(), fakes([0, 1], stars=stars), data)["after"] == pytest.approx(0.5)
    assert StarDistance().applies(replace(VIEWS, fakes=fakes([0, 1], stars=stars)))
    assert not StarDistance().applies(replace(VIEWS, fakes=fakes([0, 1])))


def test_without_fake_users_there_is_no_row():
    assert not ProfileLength().applies(VIEWS)
    assert not PopularityDistance().applies(VIEWS)


def test_columns_tell_measures_apart():
    assert PopularityDistance(measure="JS").column == "popularity JS"
    with pytest.raises(ConfigError, match="expected TVD or JS"):
        StarDistance(measure="KL")


def test_users_are_taken_out_whole_and_in_order():
    feedback = fakes([0, 1], [5], [2, 3, 9], stars=torch.arange(6.0))
    some = of_users(feedback, torch.tensor([2, 0]))
    assert some.items.tolist() == [2, 3, 9, 0, 1]
    assert some.indptr.tolist() == [0, 3, 5]
    assert some.ratings.tolist() == [3, 4, 5, 0, 1]
