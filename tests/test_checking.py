"""Published rows are what their settings give, or they are refused."""

import copy
import json

import pytest

from tests.typed import typed
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands import check as checking
from vrbench.cli.commands.check import check
from vrbench.report.run_records import read

TINY = ["dataset.num_items=60", "dataset.num_users=40", "recommender=bprmf", "threat=none"]
TINY += ["recommender.epochs=2", "metrics=accuracy", "machine.threads=1"]
TINY += ["scenario.min_items=3", "seed=2"]


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """What one real run wrote."""
    folder = tmp_path_factory.mktemp("cell")
    done = typed(*TINY, "hydra.run.dir=out", "store=store", cwd=folder)
    assert done.returncode == 0, done.stderr
    ((_, entry),) = read([folder])
    return entry


@pytest.fixture
def fault(cell, tmp_path):
    """Return the faults of a copy of the cell that was tampered with."""

    def found(change, **how):
        told = copy.deepcopy(cell)
        change(told)
        return check([(tmp_path, told)], **{"seeds": 1, "sample": 0} | how).faults

    return found


def test_an_honest_cell_comes_out_the_same(fault):
    assert fault(lambda told: None, sample=1, tolerance=0) == []


def test_an_edited_number_is_found_by_running_again(fault):
    def better(told):
        row = told["rows"][0]
        row["before"] = row["before"] * 1.01 + 1e-6

    assert fault(better) == []
    (line,) = fault(better, sample=1)
    assert "and run again" in line
    assert fault(better, sample=1, tolerance=0.5) == []


def test_a_difference_on_another_processor_names_both(fault):
    def better(told):
        told["rows"][0]["before"] = told["rows"][0]["before"] * 1.01 + 1e-6
        told["versions"]["processor"] = "Abacus 1, BEADS"

    difference, reason = fault(better, sample=1)
    assert "and run again" in difference
    assert "made on Abacus 1, BEADS, and this is " in reason
    assert fault(lambda told: told["versions"].pop("processor"), sample=1, tolerance=0) == []


def test_a_metric_left_out_or_put_in_is_found(fault):
    (line,) = fault(lambda told: told["rows"].pop(0), sample=1)
    assert "is measured by its settings, and left out" in line
    (line,) = fault(lambda t: t["rows"].append(t["rows"][0] | {"metric": "luck"}), sample=1)
    assert "luck is not measured by its settings" in line


def test_a_key_that_does_not_match_its_settings_is_refused(fault):
    def other_key(told):
        told["parts"]["recommender"]["key"] = "0" * 16

    def other_settings(told):
        told["overrides"].append("recommender.lr=0.5")

    for change in (other_key, other_settings):
        (line,) = fault(change)
        assert "recommender=bprmf has the key" in line
        assert "edited, or of another version" in line


def test_another_name_or_seed_than_the_overrides_give_is_refused(fault):
    (line,) = fault(lambda told: told["parts"]["attack"].update(name="cw"))
    assert "attack=cw, and its overrides say attack=pgd" in line
    (line,) = fault(lambda told: told.update(seed=7))
    assert "seed 7, and its overrides say 2" in line
    (line,) = fault(lambda told: told["parts"]["attack"].pop("key"))
    assert "attack=pgd has no key" in line
    (line,) = fault(lambda told: told["overrides"].append("recommender=gone"))
    assert "recommender=gone is not composed: recommender has no such choice here" in line


def test_missing_seeds_and_names_with_two_meanings_are_named(cell, tmp_path):
    cells = []
    for seed in (2, 3):
        told = copy.deepcopy(cell)
        told["overrides"], told["seed"] = [*TINY[:-1], f"seed={seed}"], seed
        cells.append((tmp_path, told))
    assert check(cells, seeds=2, sample=0).faults == []
    (line,) = check(cells, seeds=3, sample=0).faults
    assert "bprmf" in line
    assert line.endswith("2 of 3 seeds: 2, 3")
    cells[0][1]["parts"]["attack"]["key"] = "1" * 16
    assert any("attack=pgd stands for 2" in line for line in check(cells, sample=0).faults)


def test_the_command_says_so_with_exit_code_2(cell, tmp_path, capsys):
    (tmp_path / "rows.json").write_text(json.dumps(cell))
    told = [str(tmp_path), "--check", "--sample", "0"]
    assert COMMANDS["leaderboard"]([*told, "--seeds", "1"]) == 0
    assert "no fault found" in capsys.readouterr().out
    assert COMMANDS["leaderboard"]([*told, "--published"]) == 2
    assert "1 of 5 seeds: 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "trick",
    [
        "attack._target_=torch.hub.load",
        "attack._target_=pandas.read_pickle",
        "+attack.more={_target_:os.system}",
        "dataset=folder",
        "dataset.path=/etc",
        "machine.device=${oc.env:HOME}",
        "hydra.run.dir=elsewhere",
        "hydra/launcher=joblib",
        "attack=../../mine",
        "+metrics.mine={_target_:builtins.exec}",
        "~attack",
        "attack.steps=1,2",
        ["attack=pgd"],
        5,
    ],
)
def test_nothing_that_a_record_names_is_called(fault, monkeypatch, trick):
    """Records of others are composed from shipped choices and plain settings alone."""
    made = []
    monkeypatch.setattr("vrbench.cli.commands.check.run", lambda **parts: made.append(parts))

    def change(told):
        told["overrides"].append(trick)
        if trick == "dataset=folder":
            told["overrides"].append("dataset.path=/etc")

    lines = fault(change, sample=1)
    assert all("cannot be" in line for line in lines)
    assert lines
    assert not made


def test_data_that_are_not_here_are_named_once(cell, tmp_path):
    told = []
    for seed in range(4):
        entry = copy.deepcopy(cell)
        entry["overrides"] = [*TINY[2:], "dataset=dvbpr_npy", f"seed={seed}"]
        entry["seed"] = seed
        entry["parts"]["dataset"]["name"] = "dvbpr_npy"
        told.append((tmp_path, entry))
    faults = [line for line in check(told, seeds=1, sample=1).faults if "cannot" in line]
    (line,) = faults
    assert line.startswith("4 cells cannot be checked: ")


def test_data_that_are_not_here_are_told_before_every_cell_is_composed(
    cell, tmp_path, monkeypatch, caplog
):
    """One cell of each data set says it; the others are looked at only where some are here."""
    absent = copy.deepcopy(cell)
    absent["overrides"] = [*TINY[2:], "dataset=ml_100k"]
    absent["parts"]["dataset"]["name"] = "ml_100k"
    monkeypatch.setenv("VRBENCH_DATA", str(tmp_path / "nowhere"))
    composed, compose = [], checking._composed
    monkeypatch.setattr(checking, "_composed", lambda one: composed.append(one) or compose(one))
    (line,) = check([(tmp_path, absent)] * 9, seeds=1, sample=1).faults
    assert line.startswith(f"9 cells cannot be checked: no file {tmp_path / 'nowhere' / 'ml-100k'}")
    assert len(composed) == 1
    assert caplog.messages == []
    here = copy.deepcopy(cell)
    here["parts"]["recommender"]["key"] = "0" * 16
    faults = check([(tmp_path, absent)] * 9 + [(tmp_path, here)], seeds=1, sample=0).faults
    assert caplog.messages == [line]
    assert line in faults
    assert any("recommender=bprmf has the key 0000000000000000" in fault for fault in faults)
