"""Items attacked by how many have them."""

import pytest
import torch

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.threats.scenario.by_popularity import ByPopularity

POPULARITY = torch.tensor([0, 5, 1, 9, 0, 3, 7, 1])
LABELS = torch.tensor([0, 1, 1, 1, 0, 0, 1, 1])


def case(**settings):
    return ByPopularity(**settings).choose(
        torch.zeros(2), LABELS, ("few", "many"), None, POPULARITY
    )


@pytest.mark.parametrize(
    ("settings", "items"),
    [
        ({"rule": "cold", "share": 1.0}, [0, 4]),
        ({"rule": "tail", "share": 0.5}, [2, 5, 7]),
        ({"rule": "popular", "share": 0.5}, [1, 3, 6]),
        ({"rule": "popular", "share": 1.0}, [1, 2, 3, 5, 6, 7]),
        ({"rule": "tail", "share": 0.01}, [2]),
    ],
)
def test_the_rule_says_which(settings, items):
    found = case(**settings)
    assert found.items.tolist() == items
    assert found.source == f"{settings['rule']} items"
    assert (found.labels == found.names.index(found.source)).nonzero().squeeze(1).tolist() == items
    assert found.target == "many"


def test_a_few_are_drawn_and_always_the_same():
    one, two = (case(rule="popular", share=1.0, max_items=3).items for _ in range(2))
    assert len(one) == 3
    assert one.equal(two)


def test_one_category_will_do():
    found = ByPopularity(rule="tail").choose(
        torch.zeros(1), torch.zeros(8, dtype=torch.int64), ("item",), None, POPULARITY
    )
    assert (found.source, found.target) == ("tail items", "item")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rule": "new"}, ConfigError, "expected cold, tail or popular, got 'new'"),
        ({"share": 0.0}, ConfigError, "expected more than 0, at most 1"),
        ({"source": "few"}, ConfigError, "leave scenario.source"),
        ({"target": "fewer"}, ConfigError, "no category 'fewer'.*; have few, many"),
    ],
)
def test_what_cannot_be_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        case(**settings)


def test_without_such_items_there_is_no_case():
    with pytest.raises(IncompatibleError, match=r"scenario.rule=cold: the training has no such"):
        ByPopularity(rule="cold").choose(
            torch.zeros(2), LABELS, ("few", "many"), None, POPULARITY + 1
        )
