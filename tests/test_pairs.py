"""One word on the command line becomes a sweep over pairs of categories."""

import pytest

from vrbench.cli.folders import conf_dir
from vrbench.cli.pairs import with_pairs
from vrbench.core.errors import ConfigError

THREE = "0,1,2"


def swept(*arguments):
    """Return the settings that were added."""
    found = with_pairs(arguments, conf_dir())
    assert [a for a in found if a in arguments] == list(arguments)
    return {a.partition("=")[0]: a.partition("=")[2] for a in found if a not in arguments}


def test_nine_pairs():
    assert swept("-m", "scenario=nine_pairs") == {"scenario.low": THREE, "scenario.high": THREE}
    assert with_pairs(["-m", "scenario=nine_pairs", "--cfg", "job"], conf_dir())[-2:] == [
        "--cfg",
        "job",
    ]
    named = swept("-m", "scenario=nine_pairs", "scenario.target=hat")
    assert named == {"scenario.low": THREE}


def test_every_pair_of_the_shop():
    count = 16  # categories of the embedded shop
    found = swept("-m", "scenario=every_pair")
    assert found["scenario.high"] == ",".join(map(str, range(count)))
    assert found["scenario.low"] == ",".join(map(str, range(count - 1)))
    assert swept("-m", "scenario=every_source") == {"scenario.low": found["scenario.low"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["attack=pgd"],
        ["-m", "scenario=chosen,few"],
        ["scenario=nine_pairs", "scenario.low=0", "scenario.high=1"],
        ["-m", "scenario=nine_pairs", "scenario.low=0,1"],
    ],
)
def test_other_command_lines_stay_as_they_are(arguments):
    assert with_pairs(arguments, conf_dir()) == arguments


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["scenario=nine_pairs"], "started with -m"),
        (["-m", "scenario=nine_pairs,chosen"], "one scenario: sweep it by itself"),
        (["-m", "scenario=every_pair", "scenario.labels=own"], r"scenario\.low=0,1,2"),
        (["-m", "scenario=every_pair", "scenario.min_items=46"], "lower scenario.min_items"),
        (
            ["-m", "scenario=every_pair", "scenario.source=hut"],
            "no category 'hut'; did you mean 'hat'",
        ),
    ],
)
def test_a_sweep_that_cannot_be_counted_is_refused_in_one_line(arguments, why):
    with pytest.raises(ConfigError, match=why):
        with_pairs(arguments, conf_dir())


def test_shops_of_different_categories_are_swept_one_by_one(monkeypatch):
    sizes = iter([{"low": 3, "high": 4}, {"low": 5, "high": 6}])
    monkeypatch.setattr("vrbench.cli.pairs._visits", lambda cfg: next(sizes))
    with pytest.raises(ConfigError, match="different numbers of categories: run them one by one"):
        with_pairs(["-m", "scenario=every_pair", "dataset=boutique,boutique_cold"], conf_dir())
