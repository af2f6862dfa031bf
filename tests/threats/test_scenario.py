from dataclasses import replace
from itertools import permutations

import pytest
import torch

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.threats.scenario.base import NoCaseError, Scenario
from vrbench.threats.scenario.by_lift import ByLift, EachPair, lift
from vrbench.threats.scenario.cold_start import ColdStart

NAMES = ("hat", "bag", "sock", "rare")
LABELS = torch.tensor([0] * 12 + [1] * 15 + [2] * 20 + [3] * 2)
CHR = torch.tensor([0.5, 2.0, 0.1, 0.0])


def test_the_lowest_and_the_highest_category_with_enough_items_are_chosen():
    case = Scenario(min_items=10).choose(CHR, LABELS, NAMES)
    assert (case.source, case.target) == ("sock", "bag")
    assert case.items.tolist() == list(range(27, 47))


def test_what_is_named_is_kept():
    case = Scenario(source="rare").choose(CHR, LABELS, NAMES)
    assert (case.source, case.target) == ("rare", "bag")
    case = Scenario(target="sock").choose(CHR, LABELS, NAMES)
    assert (case.source, case.target) == ("hat", "sock")


def test_the_attacked_set_is_bounded_at_random_and_always_the_same():
    scenario = Scenario(source="sock", target="bag", max_items=5)
    first, second = (scenario.choose(CHR, LABELS, NAMES).items for _ in range(2))
    assert len(first) == 5
    assert first.equal(second)
    assert first.equal(first.sort().values)
    assert set(first.tolist()) < set(range(27, 47))
    assert first.tolist() != list(range(27, 32))


def test_an_unknown_category_names_the_nearest():
    with pytest.raises(ConfigError, match="no category 'sok'; did you mean 'sock'"):
        Scenario(source="sok", target="bag").choose(CHR, LABELS, NAMES)


def test_impossible_scenarios_are_refused():
    with pytest.raises(ConfigError, match="same category"):
        Scenario(source="bag", target="bag")
    with pytest.raises(ConfigError, match="labeller goes with"):
        Scenario(labels="reference")
    with pytest.raises(IncompatibleError, match="fewer than two categories"):
        Scenario(min_items=18).choose(CHR, LABELS, NAMES)
    with pytest.raises(IncompatibleError, match="no item of category 'none'"):
        Scenario(source="none", target="bag").choose(CHR, LABELS, (*NAMES, "none"))


def test_new_items_are_attacked_whatever_their_category():
    cold = torch.tensor([3, 14, 30, 48])
    case = ColdStart(min_items=10).choose(CHR, LABELS, NAMES, cold)
    assert (case.source, case.target) == ("new items", "bag")
    assert torch.equal(case.items, cold)
    assert torch.equal((case.labels == case.names.index(case.source)).nonzero()[:, 0], cold)
    rest = torch.ones(len(LABELS), dtype=torch.bool)
    rest[cold] = False
    assert torch.equal(case.labels[rest], LABELS[rest])
    few = ColdStart(min_items=10, max_items=2, target="hat").choose(CHR, LABELS, NAMES, cold)
    assert len(few.items) == 2
    assert set(few.items.tolist()) < set(cold.tolist())
    assert few.target == "hat"


def test_a_cold_start_needs_cold_items():
    with pytest.raises(IncompatibleError, match="no item is cold: take dataset=boutique_injected"):
        ColdStart().choose(CHR, LABELS, NAMES, LABELS[:0])
    with pytest.raises(ConfigError, match=r"leave scenario\.source"):
        ColdStart(source="hat")
    with pytest.raises(ConfigError, match="candidates >= 1"):
        ColdStart(candidates=0)


def test_the_lift_counts_places_and_items():
    assert lift(torch.tensor([2.0, 2.0, 0.0]), torch.tensor([10, 30, 10]), 4).tolist() == (
        pytest.approx([2.5, 5 / 6, 0.0])
    )


def test_by_lift_a_large_category_is_no_pet():
    """By CHR the large category is highest; over its size the small one is."""
    labels = torch.tensor([0] * 20 + [1] * 60 + [2] * 20)
    share = torch.tensor([1.0, 10.0, 9.0])
    names = ("hat", "shoe", "bag")
    assert Scenario(reference=None).choose(share, labels, names).target == "shoe"
    case = ByLift().choose(share, labels, names)
    assert (case.source, case.target) == ("hat", "bag")


@pytest.mark.parametrize(
    ("share", "end"), [([0.0, 0.0, 5.0], "lowest lift"), ([1.0, 5.0, 5.0], "highest lift")]
)
def test_a_tie_is_refused_by_lift_and_told_by_chr(share, end, caplog):
    labels = torch.arange(30) % 3
    with pytest.raises(NoCaseError, match=rf"2 categories have the {end} alike \(.*scenario\."):
        ByLift().choose(torch.tensor(share), labels, ("hat", "shoe", "bag"))
    Scenario().choose(torch.tensor(share), labels, ("hat", "shoe", "bag"))
    assert "alike" in caplog.text


def visited(scenario, share, labels, names):
    """Return every pair that a sweep over a scenario of pairs attacks, in order."""
    visits = scenario.visits(len(names))
    return [
        (case.source, case.target)
        for high in range(visits.get("high", 1))
        for low in range(visits.get("low", 1))
        for case in [replace(scenario, low=low, high=high).choose(share, labels, names)]
    ]


def test_every_pair_is_visited_once_whatever_ties():
    names, labels = ("hat", "shoe", "bag", "sock"), torch.arange(40) % 4
    for share in ([0.0, 3.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0]):
        found = visited(EachPair(pairs="every"), torch.tensor(share), labels, names)
        assert sorted(found) == sorted(permutations(names, 2))


def test_nine_pairs_say_where_a_tie_was_broken_by_name(caplog):
    names, labels = tuple("abcdef"), torch.arange(60) % 6
    four_alike = torch.tensor([0.0, 0.0, 0.0, 0.0, 5.0, 15.0])
    case = EachPair(low=1).choose(four_alike, labels, names)
    assert (case.source, case.target, case.tied) == ("b", "f", (4, 1))
    assert "4 categories have one lift (a, b, c, d)" in caplog.text
    assert "scenario=every_pair tries all" in caplog.text
    caplog.clear()
    EachPair(pairs="every").choose(four_alike, labels, names)
    EachPair(pairs="every_source").choose(four_alike, labels, names)
    EachPair(low=0).choose(torch.arange(6.0), labels, names)
    assert not caplog.text
    EachPair(pairs="every_source").choose(four_alike.flip(0), labels, names)
    assert "target" not in caplog.text  # the highest is one
    EachPair(pairs="every_source").choose(5 - four_alike, labels, names)
    assert "which of them is a target here" in caplog.text


def test_a_named_end_needs_no_second_category(caplog):
    labels = torch.arange(24) % 2
    for named, pair in (({"source": "a"}, ("a", "b")), ({"target": "a"}, ("b", "a"))):
        case = EachPair(**named).choose(torch.tensor([1.0, 2.0]), labels, ("a", "b"))
        assert (case.source, case.target, case.tied) == (*pair, (1, 1))
    assert Scenario().choose(torch.tensor([1.0, 1.0]), labels, ("a", "b")).tied == (2, 2)


def test_nine_pairs_are_the_lowest_three_times_the_highest_three():
    names, labels = tuple("abcdefg"), torch.arange(70) % 7
    found = visited(EachPair(), torch.arange(7.0), labels, names)
    assert found == [(low, high) for high in "gfe" for low in "abc"]


def test_every_source_is_tried_for_the_highest_target():
    names, labels = ("hat", "shoe", "bag"), torch.arange(30) % 3
    share = torch.tensor([1.0, 9.0, 2.0])
    found = visited(EachPair(pairs="every_source"), share, labels, names)
    assert found == [("hat", "shoe"), ("bag", "shoe")]
    own = EachPair(pairs="every", target="hat")
    assert own.visits(2) == {"low": 2}
    assert own.choose(share, labels, names).source == "bag"


def test_a_pair_that_is_not_there_is_no_case():
    share, labels = torch.tensor([1.0, 9.0, 2.0]), torch.arange(30) % 3
    for wrong in ({"low": 2}, {"high": 3}):
        with pytest.raises(NoCaseError, match="no pair low="):
            EachPair(**wrong).choose(share, labels, ("hat", "shoe", "bag"))
    with pytest.raises(ConfigError, match=r"scenario\.low and \.high >= 0"):
        EachPair(low=-1)
