"""Modules are found under the paths that they had before."""

import importlib
import re
import subprocess
import sys

import pytest

from tests.test_layers import MODULES, ROOT
from vrbench.cli.targets import find
from vrbench.moved import MOVED, Moved

EARLIER = """
vrbench.attacks.base: Attack BlackBox Classes Oracle TwoSpeed Verdict
vrbench.attacks.budget: L2 Linf
vrbench.attacks.parameters: EmbeddingPGD Embeddings ParameterAttack
vrbench.attacks.pgd: PGD
vrbench.attacks.rows: Rows
vrbench.bench.parameters: perturb
vrbench.bench.stages: craft teach train
vrbench.cli: conf_dir main
vrbench.config: Composition choices choose find make
vrbench.data.boutique: boutique
vrbench.data.drawing: draw
vrbench.data.folder: folder shoppers
vrbench.data.images: Photos
vrbench.data.rated: ratings
vrbench.data.sources: source_of
vrbench.data.splits: hold_out inject
vrbench.data.strategies: Split Strategy
vrbench.data.unpictured: amazon movielens
vrbench.data.var: var
vrbench.extractors.colour: Colour
vrbench.extractors.pretrained: Timm Torchvision
vrbench.extractors.purified: Purified
vrbench.outcomes: Report
vrbench.recommenders.pairwise: PairwiseRecommender
vrbench.recommenders.var2021: ACF2021 AMR2021 DVBPR2021 FM2021 VBPR2021
vrbench.recommenders.vbpr: VBPR
vrbench.report.claims: CLAIMS Verdict
vrbench.report.curves: curves draw
vrbench.report.picture: sheet
vrbench.report.plots: against svg
vrbench.report.entries: read
vrbench.report.leaderboard: load
vrbench.threats.objectives: MatchFeatures Misrank Objective Promote TargetClass
vrbench.threats.scenario: Case ColdStart Scenario Threat
"""


@pytest.mark.filterwarnings("ignore:vrbench.* is now :DeprecationWarning")
@pytest.mark.parametrize("line", EARLIER.split("\n")[1:-1])
def test_what_people_import_goes_on_being_there(line):
    home, _, names = line.partition(": ")
    found = importlib.import_module(home)
    assert all(getattr(found, name) is not None for name in names.split())


@pytest.mark.parametrize("before", MOVED)
def test_an_earlier_path_is_the_module_of_today_and_a_warning(before):
    assert before not in MODULES
    assert MOVED[before] in MODULES
    sys.modules.pop(before, None)
    with pytest.warns(DeprecationWarning, match=f"{before} is now {MOVED[before]}"):
        found = importlib.import_module(before)
    assert found is importlib.import_module(MOVED[before])
    parent, _, last = before.rpartition(".")
    assert getattr(sys.modules[parent], last) is found


def test_a_target_of_somebody_s_yaml_goes_on_being_found():
    class Finder(Moved):
        """As if budgets had just moved."""

    finder = Finder({"vrbench.attacks.radius": "vrbench.attacks.budget"})
    sys.meta_path.insert(0, finder)
    try:
        with pytest.warns(DeprecationWarning, match="is now vrbench.attacks.budget"):
            found = find("vrbench.attacks.radius.Linf")
        assert found is find("vrbench.attacks.budget.Linf")
    finally:
        sys.meta_path.remove(finder)
        del sys.modules["vrbench.attacks.radius"]


def test_a_script_of_earlier_is_run_and_told():
    code = "import vrbench.folders, vrbench.cli; print(vrbench.folders.conf_dir is "
    code += "vrbench.cli.conf_dir, vrbench.folders.__name__)"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "vrbench.cli.folders"]
    assert "DeprecationWarning: vrbench.folders is now vrbench.cli.folders" in done.stderr


def test_nothing_of_ours_uses_an_earlier_path():
    here = ROOT.parent
    files = [*here.glob("*.md"), here / "setup.cfg"]
    for folder in ("vrbench", "tests", "scripts", "conf", "docs"):
        for ending in ("py", "yaml", "md", "ipynb"):
            files += (here / folder).rglob(f"*.{ending}")
    names = "|".join(map(re.escape, MOVED))
    imported = "|".join(
        rf"from {re.escape(home)} import [\w, ]*\b{last}\b"
        for home, _, last in (before.rpartition(".") for before in MOVED)
    )
    earlier = re.compile(rf"(?<![\w.])(?:{names})\b|{imported}")
    for path in files:
        if path.name not in ("moved.py", "test_moved.py", "CHANGELOG.md"):
            used = earlier.search(path.read_text(encoding="utf-8"))
            assert not used, f"{path}: {used}"
