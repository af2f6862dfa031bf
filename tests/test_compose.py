"""conf/ composes. Needs no torch: `.ci/pythons` runs it; tests/test_conf.py asks more of each."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import vrbench.cli.variants  # noqa: F401  choices that are rows of a table

CONF = Path(__file__).parents[1] / "conf"
AXES = ("attack", "budget", "dataset", "extractor", "metrics", "objective", "recommender")
AXES += ("scenario", "threat")


def choices(axis):
    return sorted((CONF / axis).glob("*.yaml"))


@pytest.mark.parametrize("axis", AXES)
def test_every_choice_is_a_configuration(axis):
    assert choices(axis)
    for path in choices(axis):
        assert OmegaConf.load(path), path


@pytest.mark.parametrize("nth", [0, -1])
def test_choices_of_all_axes_compose(nth):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        made = compose("run", [f"{axis}={choices(axis)[nth].stem}" for axis in AXES])
    for axis in AXES:
        own = {key for key in OmegaConf.load(choices(axis)[nth]) if key != "defaults"}
        assert own <= set(made[axis]), axis
