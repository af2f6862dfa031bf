"""Ratios over several pairs of categories: a geometric mean, its interval, and what can be told."""

from math import prod

import pytest

from tests.report.test_claims import HIGH, STANDING, run
from vrbench.report.leaderboard import sweep_table
from vrbench.report.over_pairs import over_pairs

PAIRS = {("bag", "watch"): (1.0, 2.0), ("sock", "watch"): (0.5, 0.25), ("boot", "hat"): (1.0, 4.0)}


def of_pair(pair, seed, before, after, place=0, **more):
    """A record of one pair, under the scenario settings that chose it."""
    told = run(seed, before, after, before, **more)
    told["case"] |= {"source": pair[0], "target": pair[1]}
    told["parts"]["scenario"] = {
        "name": "nine_pairs",
        "key": str(place),
        "settings": {"low": place, "high": 0, "k": 20},
    }
    told["parts"] |= {p: {"name": "x"} for p in ("dataset", "budget", "threat")}
    return told


def entries(seeds=(0, 1, 2), **more):
    return [
        of_pair(pair, seed, before, after * (1 + (seed - 1) / 1000), place, **more)
        for seed in seeds
        for place, (pair, (before, after)) in enumerate(PAIRS.items())
    ]


def line(told, attack="pgd"):
    heads, lines = told
    (found,) = (dict(zip(heads, values, strict=True)) for values in lines if attack in values)
    return found


def test_the_ratio_is_the_geometric_mean_over_pairs():
    found = line(over_pairs(entries(), "CHR@20"))
    expected = prod(after / before for before, after in PAIRS.values()) ** (1 / 3)
    assert found["CHR@20 attacked / clean"] == f"x {expected:.2f}"
    assert (found["pairs"], found["seeds"], found["rose in"]) == ("3", "3", "6 of 9")
    assert found["premise met"] == "9 of 9"
    assert line(over_pairs(entries(), "CHR@20"), "retrained clean")["premise met"] == "-"


def test_an_interval_needs_three_seeds_and_holds_the_mean():
    assert line(over_pairs(entries(seeds=(0, 1)), "CHR@20"))["95 % interval"] == "-"
    uneven = entries()
    uneven[0]["rows"][0]["after"] *= 1.5
    low, high = line(over_pairs(uneven, "CHR@20"))["95 % interval"].split(" to ")
    mean = float(line(over_pairs(uneven, "CHR@20"))["CHR@20 attacked / clean"].strip("x "))
    assert float(low) < mean < float(high)


def test_runs_whose_premise_is_not_met_are_counted_as_such():
    flat = {"source": HIGH, "target": HIGH}
    told = entries(standing=flat)
    assert line(over_pairs(told, "CHR@20"))["premise met"] == "0 of 9"
    oracle = entries(standing=STANDING, success=None, attack="transplant")
    assert line(over_pairs(oracle, "CHR@20"), "transplant")["premise met"] == "9 of 9"


def test_a_pair_that_was_never_recommended_has_no_ratio():
    told = entries()
    for entry in told:
        if entry["case"]["source"] == "bag":
            entry["rows"][0]["before"] = 0.0
    found = line(over_pairs(told, "CHR@20"))
    assert (found["rose in"], found["left out"]) == ("3 of 6", "3")
    assert "left out" not in over_pairs(entries(), "CHR@20")[0]
    assert found["CHR@20 attacked / clean"] == f"x {(0.5 * 4.0) ** 0.5:.2f}"


@pytest.mark.parametrize("other", [{"attack": "noise"}, {"recommender": "amr"}])
def test_cells_are_kept_apart(other):
    heads, lines = over_pairs(entries() + entries(**other), "CHR@20")
    (axis,) = other
    assert axis in heads
    assert {other[axis]} < {values[heads.index(axis)] for values in lines}


def test_a_sweep_of_one_pair_has_no_second_table():
    assert over_pairs([of_pair(("bag", "watch"), s, 1.0, 2.0) for s in (0, 1)], "CHR@20")[1] == []
    assert "over all pairs" not in sweep_table([of_pair(("bag", "watch"), 0, 1.0, 2.0)])
    assert "over all pairs" in sweep_table(entries())


def test_folds_are_counted_as_such():
    told = entries(seeds=(0,))
    for n, entry in enumerate(told):
        entry["parts"]["dataset"]["fold"] = {"number": n % 2, "valid": 0, "shared": "all"}
    heads, _ = over_pairs(told, "CHR@20")
    assert "seeds x folds" in heads
    assert "seeds" not in heads
    assert "seeds" in over_pairs(entries(), "CHR@20")[0]


def test_what_is_told_is_told_of_the_runs_that_meet_the_premise():
    told = entries()
    for entry in told:
        if entry["case"]["source"] == "sock":  # the only one to fall
            entry["case"]["standing"] = {"source": HIGH, "target": HIGH}
    found = line(over_pairs(told, "CHR@20"))
    assert found["premise met"] == "6 of 9"
    assert found["where met"].startswith(f"x {8**0.5:.2f} (")
    assert found["beyond a retrain"] == found["where met"]  # retrained as clean
    assert line(over_pairs(told, "CHR@20"), "retrained clean")["where met"] == "-"
    for none in (entries(standing=None), entries()):  # none meets it; all do
        assert "where met" not in over_pairs(none, "CHR@20")[0]


def test_seeds_without_chance_are_one_observation():
    numbered = list(enumerate(PAIRS.items()))
    told = [of_pair(p, s, b, a, n) for s in (0, 1, 2) for n, (p, (b, a)) in numbered]
    found = line(over_pairs(told, "CHR@20"))
    assert (found["seeds"], found["95 % interval"]) == ("1 of 3", "-")


def test_the_visual_share_stands_beside_where_it_was_measured():
    told = entries()
    for n, entry in enumerate(told):
        share = {"metric": "visual share", "before": 0.1 * (n % 3), "after": 0.9, "control": None}
        entry["rows"].append(share)
    assert line(over_pairs(told, "CHR@20"))["visual share"] == "0.1"
    assert "visual share" not in over_pairs(entries(), "CHR@20")[0]


def test_a_change_is_averaged_and_told_from_a_retrain():
    told = entries()
    for entry in told:
        (row,) = (row for row in entry["rows"] if row["metric"] == "CHR@20")
        moved = {"bag": 10.0, "sock": -4.0, "boot": 30.0}[entry["case"]["source"]] + entry["seed"]
        entry["rows"].append(row | dict(metric="rank shift", before=None, after=moved, control=2.0))
    found = line(over_pairs(told, "rank shift"))
    assert (found["rank shift"], found["rose in"]) == ("13", "6 of 9")
    low, high = (float(end) for end in found["95 % interval"].split(" to "))
    assert low == pytest.approx(13 - 4.303 / 3**0.5, abs=0.05)
    assert low + high == pytest.approx(26, abs=0.1)
    assert found["beyond a retrain"].startswith("11 (")
    assert line(over_pairs(told, "rank shift"), "retrained clean")["rank shift"] == "2"
