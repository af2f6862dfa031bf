"""The heading of a cell's table names what was asked for, and nothing that nobody read."""

import pytest

from vrbench.cli.cell_words import title
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
    told = title(
        {p: f"my_{p}" for p in PARTS}, {"threat": Threat(timing=timing, surface=surface())}, CASE, 3
    )
    first = told.splitlines()[0].split(" | ")
    assert ("my_objective" in first) == named
    assert first[-2:] == ["my_threat", "seed 3"]
    assert "my_attack my_budget" in first
