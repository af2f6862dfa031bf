"""The attack and the recommender that docs/how-to writes work as they stand there."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch

from vrbench.cli.folders import conf_dir, own_first
from vrbench.config import Composition
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.testing.attacks import AttackContract

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"


def block(page, language):
    """The first block of a language on a page."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[0]


def defined(page, name):
    """The class that a page defines."""
    space = {"__name__": page}
    exec(block(page, "python"), space)  # our own page
    return space[name]


class TestShrinkingSteps(AttackContract):
    @staticmethod
    def make():
        return defined("own-attack.md", "ShrinkingSteps")()


@pytest.mark.parametrize(
    ("page", "axis", "choice", "module", "settings"),
    [
        ("own-attack.md", "attack", "shrinking", "own_attack", {"steps": 10}),
        ("own-recommender.md", "recommender", "looks", "own_recommender", {"factors": 32}),
    ],
)
def test_its_yaml_names_it(page, axis, choice, module, settings, tmp_path, monkeypatch):
    (tmp_path / f"{module}.py").write_text(block(page, "python"), encoding="utf-8")
    (tmp_path / "mine" / axis).mkdir(parents=True)
    (tmp_path / "mine" / axis / f"{choice}.yaml").write_text(block(page, "yaml"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with own_first(tmp_path / "mine"):
        made = Composition([f"{axis}={choice}"], conf_dir()).make(axis)
    of = made.keywords if isinstance(made, partial) else vars(made)
    assert settings.items() <= of.items()


def test_the_recommender_learns_from_looks_alone(world, extractor):
    items = torch.arange(len(world.catalogue))
    looks = Table(Signal.VECTOR, extractor.see(world.catalogue.images[items], Signal.VECTOR), None)
    sizes = Sizes(world.train.num_users, world.train.num_items, looks.shape, None)
    model = defined("own-recommender.md", "Looks")(sizes, epochs=60)
    model.fit(world.train, world.valid, looks, stream(0))
    scores = model.score(torch.arange(world.train.num_users), model.encode(items, looks))
    liked = torch.zeros_like(scores, dtype=torch.bool)
    liked[world.test.users, world.test.items] = True
    assert scores[liked].mean() > scores.mean() + scores.std() / 2
