"""What CONTRIBUTING.md shows of a component outside this tree is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import typed

ROOT = Path(__file__).parents[1]
PACKAGE = {
    "greys/__init__.py": "",
    "greys/parts.py": '''
from dataclasses import replace

import torch
from torch import Tensor
from typing_extensions import Unpack
from vrbench.extractors.base import Extractor, Features
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.pairwise import PairwiseSettings
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.case import Case
from vrbench.threats.experiment import Experiment
from vrbench.threats.surfaces.base import Stages
from vrbench.threats.surfaces import features
from vrbench.threats.world import Change, World


class Brightness(Extractor):
    """How bright a picture is, of three parts of it."""

    classes = ("dark", "bright")

    def forward(self, pixels: Tensor) -> Features:
        rows = pixels.mean((1, 3))  # (B, H)
        maps = torch.stack([part.mean(1) for part in rows.tensor_split(3, 1)], 1)[:, :, None]
        light = maps.mean(1)
        return Features(light, maps, torch.cat([1 - light, light], 1))


class Narrow(VBPR):
    """VBPR with a row or two."""

    defaults = PairwiseSettings(epochs=60, batch_size=64, lr=0.05, l2=0.01)

    def __init__(self, sizes: Sizes, **training: Unpack[PairwiseSettings]) -> None:
        given = self.with_defaults(PairwiseSettings, training)
        super().__init__(
            sizes, factors=4, visual_factors=4, visual_lr=0.05, l2_visual=0.0001, **given
        )


class OwnFeatures(features.Features):
    """Perturbed feature vectors, of the attacked items alone."""

    name = "own features"

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        change = super().attack(stages, x, world, case)
        if not change.complete:
            return change
        changed = change.world.visuals
        shown = world.visuals.overlay(
            case.items, changed[case.items], [self.name, changed.spec]
        )
        return replace(change, world=replace(world, visuals=shown))
''',
    "test_greys.py": """
from functools import partial

from greys.parts import Brightness, Narrow, OwnFeatures
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.feature_budget import Rows
from vrbench.testing.extractors import ExtractorContract
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.surfaces import SurfaceContract
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.threat import Threat


class TestBrightness(ExtractorContract):
    make = Brightness


class TestNarrow(PairwiseContract):
    make = Narrow


class TestOwnFeatures(SurfaceContract):
    def given(self, eps):
        return {
            "threat": Threat(surface=OwnFeatures()),
            "attack": PGD(steps=2),
            "budget": Rows(eps=eps),
            "objective": partial(Misrank),
        }
""",
}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with the files of the example, each as it stands there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shown = re.findall(r"`([\w/]+\.(?:py|yaml))`[^`]*```\w+\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert [name for name, _ in shown] == [
        "descent.py",
        "mine/attack/descent.yaml",
        "test_descent.py",
        "light.py",
        "test_light.py",
    ]
    for name, text in shown:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def python(*arguments, folder):
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_its_test_passes_there(elsewhere):
    done = python("pytest", "-q", "-p", "no:cacheprovider", folder=elsewhere)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


@pytest.mark.slow
def test_a_package_elsewhere_inherits_the_contracts(tmp_path):
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = python("pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert re.search(r"2\d passed", done.stdout), done.stdout


def test_neither_vrbench_itself_nor_the_toy_world_imports_a_contract():
    code = "import sys, vrbench.bench.run, vrbench.cli\n"
    code += "import vrbench.testing.views, vrbench.testing.world as w\n"
    code += "print('pytest' in sys.modules, len(w.toy_world().catalogue))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False 36\n"


def test_the_command_takes_it(elsewhere, monkeypatch):
    done = python(
        "vrbench", "--config-dir", "mine", "attack=descent", "--cfg", "job", folder=elsewhere
    )
    assert done.returncode == 0, done.stderr
    assert "_target_: descent.Descent\n  steps: 4" in done.stdout
    wrong = ("attack=descent", "attack.stpes=3", "--cfg", "job")
    monkeypatch.syspath_prepend(elsewhere)
    done = typed("--config-dir", "mine", *wrong, cwd=elsewhere)
    assert done.returncode == 2
    assert "did you mean 'attack.steps'" in done.stderr
