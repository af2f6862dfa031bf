"""A configuration calls components, and nothing else."""

import sys
from pathlib import Path

import pytest

from vrbench.cli.targets import find
from vrbench.config import Composition
from vrbench.core.errors import ConfigError

CONF = Path(__file__).parents[1] / "conf"
MINE = """
import os
from os import system
from vrbench.attacks.gradient.pgd import PGD
from vrbench.data.sources.boutique import boutique
from vrbench.data.dataset import Dataset

class Mine(PGD):
    pass

class Plain:
    def __init__(self, *, steps: int = 1) -> None: ...

def shop(*, seed: int = 0) -> Dataset:
    return boutique(seed=seed)

def anything(*, seed: int = 0):
    return seed

def text() -> str:
    return "a"

def unknown() -> "Nowhere": ...

made = Mine()
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Modules of somebody's own, which nobody imported before."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_parts.py").write_text(MINE)
    (tmp_path / "own_broken.py").write_text("x = 1\ny = 1 / 0\n")
    (tmp_path / "own_exit.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "own_missing.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "own_syntax.py").write_text("def f(:\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "subprocess.Popen",
        "builtins.eval",
        "builtins.exec",
        "importlib.import_module",
        "pickle.load",
        "functools.partial",
        "torch.load",
        "torch.hub.load",
        "torch.nn.Linear",
        "pandas.read_pickle",
        "numpy.load",
        "hydra.utils.instantiate",
        "hydra.utils.get_method",
        "vrbench.attacks.gradient.pgd",
        "vrbench.cli.main",
        "vrbench.cli.outcomes.Report",
        "vrbench.bench.store.Store",
        "vrbench.bench.run.run",
        "vrbench.data.sources.download.fetched",
        "vrbench.attacks.gradient.pgd.torch.load",
        "vrbench.data.dataset.Dataset.cold_items",
        "own_parts.os.system",
        "own_parts.system",
        "own_parts.Plain",
        "own_parts.anything",
        "own_parts.text",
        "own_parts.unknown",
        "own_parts.made",
        "own_parts",
        "nothing_of_that_name.Mine",
        "own_parts.Nothing",
        "",
        ".",
        "..os.system",
        "a b",
        "__main__",
        7,
        None,
        ["os.system"],
    ],
)
def test_any_other_callable_is_refused(mine, target):
    with pytest.raises(ConfigError) as refused:
        find(target, "attack._target_")
    assert "\n" not in str(refused.value)
    assert "attack._target_" in str(refused.value)


def test_a_module_of_pythons_own_is_not_even_imported():
    assert "antigravity" not in sys.modules
    with pytest.raises(ConfigError, match="fly is not called"):
        find("antigravity.fly")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("target", ["own_parts.Mine", "own_parts.PGD", "own_parts.shop"])
def test_components_and_data_sets_of_ones_own_are_found(mine, target):
    assert find(target).__name__ == target.rpartition(".")[2]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("own_broken.Mine", "own_broken.py:2: ZeroDivisionError: division by zero"),
        ("own_exit.Mine", "own_exit.py:2: SystemExit: 0"),
        ("own_missing.Mine", "own_missing.py:1: ModuleNotFoundError: No module named"),
        ("own_syntax.Mine", "SyntaxError"),
    ],
)
def test_what_a_module_does_while_it_is_imported_is_told_with_its_place(mine, target, says):
    with pytest.raises(ConfigError) as refused:
        find(target, "attack._target_")
    assert says in str(refused.value)


def test_the_traceback_is_shown_when_asked_for(mine, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(Exception, match="division by zero") as raised:
        find("own_broken.Mine")
    assert not isinstance(raised.value, ConfigError)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            ["attack._target_=vrbench.recommenders.visual.vbpr.VBPR"],
            "expected Attack or ParameterAttack",
        ),
        (
            ["dataset._target_=vrbench.attacks.gradient.pgd.PGD"],
            "dataset._target_: expected Dataset",
        ),
        (["budget._target_=vrbench.attacks.gradient.pgd.PGD"], "expected Budget or Embeddings"),
        (["metrics.chr._target_=os.system"], "metrics.chr._target_: os.system is not called"),
        (["metrics.chr._target_=vrbench.attacks.gradient.pgd.PGD"], "expected Metric"),
        (["extractor.network._target_=os.system"], "os.system is not called"),
        (["extractor.network._target_=vrbench.attacks.gradient.pgd.PGD"], "expected Extractor"),
        (["threat=transfer", "threat.surrogate._target_=os.system"], "os.system is not called"),
        (["+attack._args_=[1]"], "attack._args_: settings are given by name"),
        (["+attack._recursive_=false"], "attack._recursive_: settings are given by name"),
        (["+attack._convert_=none"], "attack._convert_: settings are given by name"),
        (["+attack._partial_=true"], "attack._partial_: the run adds nothing"),
        (["+attack._partial_=maybe"], "attack._partial_: expected true or false"),
        (["recommender._partial_=false"], "recommender: VBPR needs 'sizes'"),
    ],
)
def test_a_part_is_of_the_kind_its_place_asks_for(overrides, says):
    with pytest.raises(ConfigError) as refused:
        Composition(overrides, CONF)
    assert says in str(refused.value)
