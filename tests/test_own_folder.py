"""Files and classes of one's own: checked like ours, taken before ours, and blamed by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import typed
from vrbench.cli.folders import overruled, own_dir, own_first, without_own
from vrbench.config import Composition, choices, preflight
from vrbench.core.errors import ConfigError

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
SMALL = ["dataset.num_items=120", "dataset.num_users=80", "metrics=fast", "recommender.epochs=1"]
SMALL += ["extractor.epochs=1", "scenario.min_items=3", "machine.threads=1"]
CODE = """
import sys
from vrbench.attacks.gradient.pgd import PGD

class Raises(PGD):
    def search(self, *args, **kwargs):
        raise KeyError("nothing here")

class Leaves(PGD):
    def search(self, *args, **kwargs):
        sys.exit(0)

class LeavesAtOnce(PGD):
    def __init__(self, *, steps: int = 3) -> None:
        super().__init__(steps=steps)
        sys.exit(0)

class Refuses(PGD):
    def __init__(self, *, steps: int = 3) -> None:
        raise ValueError("no\\nway")
"""


@pytest.fixture
def mine(tmp_path):
    """A folder with an own pgd of 77 steps, a typo, and one choice for each class."""
    folder = tmp_path / "mine"
    (folder / "attack").mkdir(parents=True)
    shipped = (CONF / "attack" / "pgd.yaml").read_text()
    (folder / "attack" / "pgd.yaml").write_text(shipped.replace("steps: 10", "steps: 77"))
    (folder / "attack" / "typo.yaml").write_text(shipped.replace("steps:", "stepz:"))
    (folder / "attack" / "broken.yaml").write_text("_target_: [")
    (tmp_path / "own_code.py").write_text(CODE)
    for name in ("Raises", "Leaves", "LeavesAtOnce", "Refuses"):
        text = f"_target_: own_code.{name}\nsteps: 3\n"
        (folder / "attack" / f"{name}.yaml").write_text(text)
    return folder


def vrbench(*arguments, cwd):
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(cwd)])}
    env.pop("HYDRA_FULL_ERROR", None)
    done = subprocess.run(
        [sys.executable, "-m", "vrbench", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_folder_is_taken_out_of_a_command_line():
    folder = Path("mine")
    assert without_own(["list", "attack"]) == (["list", "attack"], None)
    for said in (["--config-dir", "mine"], ["--config-dir=mine"], ["-cd", "mine"]):
        assert without_own(["a=b", *said, "-m"]) == (["a=b", "-m"], folder)
    for wrong in (["--config-dir"], ["--config-dir="], ["-cd", "a", "--config-dir=b"]):
        with pytest.raises(ConfigError, match="expected one folder"):
            without_own(wrong)


def test_ones_own_file_is_taken_before_the_shipped_one_of_that_name(mine):
    assert Composition(["attack=pgd"], CONF).cfg.attack.steps == 10
    with own_first(mine):
        assert own_dir() == mine.resolve()
        assert Composition(["attack=pgd"], CONF).cfg.attack.steps == 77
        assert Composition(["attack=cw"], CONF).choices["attack"] == "cw"
    assert own_dir() is None
    assert Composition(["attack=pgd"], CONF).cfg.attack.steps == 10
    assert overruled(mine) == [str(Path("attack") / "pgd.yaml")]


def test_a_typo_behind_it_is_found_before_anything_starts(mine):
    with own_first(mine):
        with pytest.raises(ConfigError, match=r"no setting 'stepz'; did you mean 'step"):
            preflight(["attack=typo"], CONF)
        with pytest.raises(ConfigError, match=r"did you mean 'attack.steps'"):
            preflight(["attack=pgd", "attack.stpes=3"], CONF)
        with pytest.raises(ConfigError, match=r"no choice 'typpo'; did you mean 'typo'"):
            preflight(["-m", "attack=pgd,typpo"], CONF)
        with pytest.raises(ConfigError, match=r"broken\.yaml"):
            preflight(["attack=broken"], CONF)
    with pytest.raises(ConfigError, match="no folder"), own_first(mine / "nowhere"):
        pass


def test_it_is_listed(mine):
    (mine / "attack" / "broken.yaml").unlink()
    assert "typo" not in choices("attack", CONF)
    with own_first(mine):
        found = choices("attack", CONF)
    assert found["pgd"].steps == 77
    assert {"typo", "Raises", "cw"} <= set(found)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("Raises", "attack (own_code.Raises): {}/own_code.py:7: KeyError: 'nothing here'"),
        ("Leaves", "attack (own_code.Leaves): {}/own_code.py:11: SystemExit: 0"),
        ("LeavesAtOnce", "attack (own_code.LeavesAtOnce): {}/own_code.py:16: RuntimeError: a comp"),
        ("Refuses", "attack (own_code.Refuses): {}/own_code.py:20: ValueError: no way"),
    ],
)
@pytest.mark.slow
def test_a_fault_of_a_class_is_one_line_with_its_name_and_place(mine, tmp_path, choice, says):
    run = [*SMALL, f"attack={choice}", "hydra.run.dir=out", "--config-dir", "mine"]
    code, told = vrbench(*run, cwd=tmp_path)
    assert code != 0
    assert says.format(tmp_path) in told
    assert "Traceback" not in told
    assert "Traceback" in (tmp_path / "out" / "traceback.txt").read_text()
    assert "of mine, not as shipped: attack/pgd.yaml" in told


def test_a_run_in_which_every_cell_was_skipped_has_not_succeeded(tmp_path):
    done = typed("machine.device=cuda:77", "dry_run=true", cwd=tmp_path)
    assert done.returncode == 2
    assert "skipped" in done.stdout + done.stderr


def test_an_error_of_a_dry_run_is_an_error(tmp_path):
    wrong = ["scenario.source=nope", "scenario.target=hat", "dry_run=true"]
    done = typed(*SMALL, *wrong, cwd=tmp_path)
    assert done.returncode == 2
    assert "no category 'nope'" in done.stdout + done.stderr
    assert not list(tmp_path.rglob("rows.json"))


@pytest.mark.skipif(os.name != "posix", reason="arguments are text there")
def test_names_are_utf8_whatever_the_locale_says(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "vrbench", "leaderboard", "帽子"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no readable rows.json below 帽子:" in done.stderr.decode()


def test_a_terminal_that_lacks_a_letter_shows_another(tmp_path):
    """Whatever a message or a table holds, printing it ends in no traceback."""
    code = "from vrbench.cli.terminal import print_anything; print_anything(); print('帽子 é')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"??", b"?"]
