"""The heading of a cell's table names what was asked for, and nothing that nobody read."""

from functools import partial

import pytest

from vrbench.cli.cell_words import title
from vrbench.objectives import Demote, Promote, PromoteLists, TargetClass
from vrbench.surfaces import Looks, Pixels, Profiles
from vrbench.threats.threat import Threat

PARTS = ("dataset", "extractor", "recommender", "attack", "budget", "objective", "threat")
STOOD = {"chr": 0.5, "uniform": 0.25}
CASE = {
    "items": 4,
    "source": "boots",
    "target": "hats",
    "k": 20,
    "standing": {"source": STOOD, "target": STOOD},
}


@pytest.mark.parametrize(("surface", "named"), [(Pixels, True), (Profiles, False), (Looks, False)])
def test_an_objective_is_named_where_it_is_read(surface, named):
    timing = "poisoning" if surface is Profiles else "evasion"
    first = told_of(Threat(timing=timing, surface=surface()), TargetClass)[0].split(" | ")
    assert ("my_objective" in first) == named
    assert first[-2:] == ["my_threat", "seed 3"]
    assert "my_attack my_budget" in first


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (TargetClass, "to be taken for 'hats' (CHR@20 0.50, by chance 0.25)"),
        (partial(PromoteLists, k=20), "to be shown more"),
        (Promote, "to be shown more"),
        (Demote, "to be shown less"),
        (dict, "to be taken for 'hats' (CHR@20 0.50, by chance 0.25)"),  # no class of ours
    ],
)
def test_the_heading_says_what_the_adversary_wants(objective, words):
    aimed = " ".join(" ".join(told_of(Threat(timing="evasion"), objective)[1:]).split())
    assert aimed == f"4 pictures of 'boots' (CHR@20 0.50, by chance 0.25), {words}"


def told_of(threat, objective):
    names = {part: f"my_{part}" for part in PARTS}
    return title(names, {"threat": threat, "objective": objective}, CASE, 3).splitlines()
