"""What CONTRIBUTING.md shows of a component outside this tree is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with the three files of the example, each as it stands there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shown = re.findall(r"`([\w/]+\.(?:py|yaml))`[^`]*```\w+\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert [name for name, _ in shown] == [
        "descent.py",
        "mine/attack/descent.yaml",
        "test_descent.py",
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


def test_its_test_passes_there(elsewhere):
    done = python("pytest", "-q", "-p", "no:cacheprovider", folder=elsewhere)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_the_command_takes_it(elsewhere):
    done = python(
        "vrbench", "--config-dir", "mine", "attack=descent", "--cfg", "job", folder=elsewhere
    )
    assert done.returncode == 0, done.stderr
    assert "_target_: descent.Descent\n  steps: 4" in done.stdout
    wrong = ("attack=descent", "attack.stpes=3", "--cfg", "job")
    done = python("vrbench", "--config-dir", "mine", *wrong, folder=elsewhere)
    assert done.returncode == 2
    assert "did you mean 'attack.steps'" in done.stderr


def test_vrbench_itself_imports_no_contract():
    code = "import sys, vrbench.bench.run, vrbench.cli; print('pytest' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
