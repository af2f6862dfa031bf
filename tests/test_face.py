"""``import vrbench``: instant, complete, and the same tomorrow.

``python -m tests.test_face`` writes the list of its names.
"""

import importlib
import inspect
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

import vrbench
from vrbench import choose
from vrbench.cli.axes import kinds_of
from vrbench.cli.targets import find
from vrbench.core.spec import digest

ROOT = Path(vrbench.__file__).parents[1]
SURFACE = Path(__file__).with_name("api.txt")
HEAVY = {"torch", "numpy", "hydra", "omegaconf", "pandas", "PIL", "timm", "ast", "inspect"}
OF_AXIS = {
    "attacks": ["attack"],
    "budgets": ["budget"],
    "datasets": ["dataset"],
    "extractors": ["extractor"],
    "filters": ["filter"],
    "generators": ["generator", "design"],
    "metrics": ["metrics"],
    "objectives": ["objective"],
    "recommenders": ["recommender"],
    "scenarios": ["scenario"],
    "splits": ["split"],
    "threats": ["threat"],
}


def faces():
    """Yield every module that shows components."""
    for name in dir(vrbench):
        if inspect.ismodule(getattr(vrbench, name)):
            yield getattr(vrbench, name)


def surface():
    """Return all that may be imported from the front, one name a line."""
    told = [f"vrbench.{name}" for name in dir(vrbench)]
    told += [f"{face.__name__}.{name}" for face in faces() for name in dir(face)]
    return "".join(f"{name}\n" for name in sorted(told))


def test_importing_it_imports_nothing_else():
    """The modules are there, and can be listed, without any library."""
    code = "import sys, vrbench, vrbench.attacks, vrbench.budgets, vrbench.metrics\n"
    code += f"print(sorted({HEAVY} & set(sys.modules)))\n"
    code += "found = [dir(vrbench), dir(vrbench.attacks), dir(vrbench.recommenders)]\n"
    code += "print(sorted({'torch', 'numpy', 'hydra'} & set(sys.modules)), len(found))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[] 3"]


def test_its_names_are_those_that_people_rely_on():
    known, found = set(SURFACE.read_text().split()), set(surface().split())
    told = "If that is meant: `python -m tests.test_face`, and a line in CHANGELOG.md."
    assert found == known, f"new: {found - known}, gone: {known - found}. {told}"


def test_every_name_leads_somewhere():
    for name in surface().split():
        module, _, last = name.rpartition(".")
        assert getattr(importlib.import_module(module), last) is not None, name


def test_every_component_of_conf_is_shown_by_its_name():
    found = {getattr(face, name) for face in faces() for name in dir(face)} | {vrbench.Machine}
    targets = set()
    for path in (ROOT / "conf").rglob("*.yaml"):
        targets |= set(re.findall(r"^\s*_target_: ([\w.]+)$", path.read_text(), re.MULTILINE))
    targets -= {"vrbench.cli.outcomes.Report"}  # Hydra's callback
    targets -= {"vrbench.metrics.lpips.lpips"}  # chooses between two that are shown
    targets = {t for t in targets if t.startswith("vrbench.")}
    targets = {t for t in targets if not t.startswith("vrbench.trackers.")}  # the command line's
    assert len(targets) > 100
    for target in targets:
        assert find(target) in found, target


@pytest.mark.parametrize("face", OF_AXIS)
def test_a_module_shows_components_of_its_kind_only(face):
    kinds = tuple(kind for axis in OF_AXIS[face] for kind in kinds_of()[axis])
    module = importlib.import_module(f"vrbench.{face}")
    for name in dir(module):
        shown = getattr(module, name)
        assert shown.__name__ == name
        if inspect.isclass(shown):
            assert issubclass(shown, kinds)
    shown = [getattr(module, name) for name in dir(module)]
    assert all(kind in shown for kind in kinds)


def test_a_wrong_name_is_told_the_nearest():
    with pytest.raises(AttributeError, match=r"vrbench.attacks has no 'PDG'; did you mean 'PGD'"):
        _ = vrbench.attacks.PDG
    with pytest.raises(AttributeError, match=r"vrbench has no 'recomenders'; did you mean 'recomm"):
        _ = vrbench.recomenders
    assert not hasattr(vrbench.budgets, "__wrapped__")


def test_choose_gives_what_a_run_would_make():
    assert digest(choose("attack", "pgd")) == digest(vrbench.attacks.PGD())
    assert choose("attack", "fgsm").steps == 1
    assert choose("attack", "pgd", steps=3).steps == 3
    assert choose("extractor", "standard", **{"network.width": 8}).network.width == 8
    assert choose("recommender", "vbpr", factors=5).keywords["factors"] == 5
    assert [metric.column for metric in choose("metrics", "ndcg")][:2] == ["nDCG@10", "nDCG@20"]
    assert isinstance(choose("split", "temporal"), vrbench.splits.Split)
    assert choose("machine", "cpu") == vrbench.Machine(threads=2)


@pytest.mark.parametrize(
    ("asked", "settings", "says"),
    [
        (("atack", "pgd"), {}, "no axis 'atack'; did you mean 'attack'"),
        (("attack", "pdg"), {}, "attack: no choice 'pdg'; did you mean 'pgd'"),
        (("attack", "../run"), {}, "attack: no choice"),
        (("attack", "pgd"), {"stpes": 3}, "no setting 'stpes'; did you mean 'steps'"),
        (("attack", "pgd"), {"steps": 0}, "expected"),
        (("attack", "pgd"), {"steps": object()}, "attack.steps: expected a plain value"),
        (("attack", "pgd"), {"_target_": "os.system"}, "os.system is not called"),
    ],
)
def test_choose_refuses_in_one_line(asked, settings, says):
    with pytest.raises(vrbench.ConfigError, match=re.escape(says)) as refused:
        choose(*asked, **settings)
    assert "\n" not in str(refused.value)


def test_type_checkers_are_told_that_it_is_annotated():
    assert (ROOT / "vrbench" / "py.typed").is_file()
    told = ConfigParser(interpolation=None)
    told.read(ROOT / "setup.cfg", encoding="utf-8")
    assert "py.typed" in told["options.package_data"]["vrbench"].split()


if __name__ == "__main__":
    SURFACE.write_text(surface())
