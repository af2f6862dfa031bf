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
        of_pair(pair, seed, before, after, place, **more)
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
    assert found["rose in"] == "3 of 6"
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
