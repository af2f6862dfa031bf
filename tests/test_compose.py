"""Every choice of every axis is YAML that composes. Needs no torch: `.ci/pythons` runs it."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

CONF = Path(__file__).parents[1] / "conf"
AXES = ("attack", "budget", "dataset", "extractor", "metrics", "objective", "recommender")
AXES += ("scenario", "threat")


@pytest.mark.slow  # tests/test_conf.py asks more of each, and needs torch
@pytest.mark.parametrize("axis", AXES)
def test_every_choice_composes(axis):
    names = sorted(path.stem for path in (CONF / axis).glob("*.yaml"))
    assert names
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for name in names:
            assert compose("run", [f"{axis}={name}"])[axis] is not None, name
