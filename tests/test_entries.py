"""An outsider's entry: made outside the tree, submitted, loaded in a line, attacked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import vrbench
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands.submit import refused
from vrbench.cli.entry_folder import read_card, read_rows
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import sha256

ROOT = Path(__file__).parents[1]
SMALL = ["dataset.num_items=120", "dataset.num_users=60", "extractor.epochs=1", "attack.steps=2"]
SMALL += ["recommender.epochs=2", "scenario=by_reference", "scenario.min_items=3"]
SMALL += ["scenario.max_items=4", "metrics=fast", "machine.threads=1"]
NAME = "boutique/outsider"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An entry as its maker left it, in a folder of his own."""
    place = tmp_path_factory.mktemp("elsewhere")
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    who = ["--name", NAME, "--by", "A. Outsider", "--licence", "cc-by-4.0"]
    for words in (
        ["hydra.run.dir=run", "store=mine", *SMALL],
        ["submit", "make", "run", "--to", "entries/mine", "--store", "mine", *who],
    ):
        command = [sys.executable, "-m", "vrbench", *words]
        subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    shutil.rmtree(place / "mine")
    shutil.rmtree(place / "run")
    return place / "entries" / "mine"


@pytest.fixture
def entry(made, tmp_path, monkeypatch):
    """A copy of it, for somebody else who has nothing of the maker's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VRBENCH_STORE", raising=False)
    return Path(shutil.copytree(made, tmp_path / "entries" / "theirs"))


def rewritten(entry, **changes):
    """Change the card; what was changed beside it gets its new sha256."""
    card = yaml.safe_load((entry / "card.yaml").read_text())
    card["files"] = {name: sha256(entry / name) for name in card["files"]}
    (entry / "card.yaml").write_text(yaml.safe_dump(card | changes))


def test_it_is_accepted_where_nothing_of_its_maker_is(entry, capsys):
    assert COMMANDS["submit"](["check", str(entry)]) == 0
    assert capsys.readouterr().out == f"accepted: {entry}\n"


def test_it_is_loaded_by_its_name_and_attacked_by_anybody(entry, capsys, tmp_path):
    loaded = vrbench.load(NAME)
    kept = load_file(entry / "model.safetensors")
    assert all(torch.equal(kept[n], v) for n, v in loaded.recommender.state_dict().items())
    network = load_file(entry / "network_0.safetensors")
    assert all(torch.equal(network[n], v) for n, v in loaded.extractor.state_dict().items())
    found = loaded.attacked(
        attack=vrbench.choose("attack", "noise"), budget=vrbench.choose("budget", "linf_32")
    )
    clean = {row.metric: row.before for row in found.rows if row.before is not None}
    told = {row["metric"]: row["before"] for row in read_rows(entry)["rows"]}
    assert len(clean) >= 3
    assert clean == pytest.approx({name: told[name] for name in clean}, rel=1e-4)
    with pytest.raises(ConfigError, match="attacked as it is"):
        loaded.attacked(dataset=loaded.dataset)
    assert COMMANDS["load"]([NAME]) == 0
    told = capsys.readouterr().out
    assert "A. Outsider" in told
    assert "VBPR" in told
    again = vrbench.load(entry, store=tmp_path / "another")
    assert not any(made["cached"] for made in again.session.store.log)


def test_numbers_that_its_weights_do_not_give_are_refused(entry):
    state = load_file(entry / "model.safetensors")
    save_file({n: -v for n, v in state.items()}, entry / "model.safetensors")
    rewritten(entry)
    faults = refused(entry)
    assert any("nDCG" in fault or "shift" in fault for fault in faults)


def test_weights_that_are_not_the_cards_are_refused(entry):
    with (entry / "model.safetensors").open("ab") as file:
        file.write(b" ")
    (fault,) = refused(entry)
    assert "not the card's" in fault


def test_weights_that_do_not_fit_are_refused_in_a_line(entry):
    state = load_file(entry / "model.safetensors")
    save_file({n: v[..., :1].contiguous() for n, v in state.items()}, entry / "model.safetensors")
    rewritten(entry)
    (fault,) = refused(entry)
    assert "do not fit" in fault
    assert "\n" not in fault


def test_weights_that_are_no_numbers_are_refused(entry):
    state = load_file(entry / "model.safetensors")
    save_file({n: v * torch.nan for n, v in state.items()}, entry / "model.safetensors")
    rewritten(entry)
    (fault,) = refused(entry)
    assert "not finite" in fault


def test_more_networks_than_are_looked_with_are_refused(entry):
    shutil.copy(entry / "network_0.safetensors", entry / "network_1.safetensors")
    files = yaml.safe_load((entry / "card.yaml").read_text())["files"]
    rewritten(entry, files=files | {"network_1.safetensors": files["network_0.safetensors"]})
    (fault,) = refused(entry)
    assert "more weights" in fault


def test_a_command_line_other_than_that_of_its_rows_is_refused(entry):
    rewritten(entry, overrides=["recommender=amr"])
    assert refused(entry) == ["rows.jsonl is of another command line than the card's"]


@pytest.mark.parametrize(
    "line", ["attack._target_=os.system", "dataset.path=/etc", "hydra.run.dir=x", "+a=b"]
)
def test_a_command_line_that_reaches_outside_is_not_composed(entry, line):
    rewritten(entry, overrides=[line])
    with pytest.raises(ConfigError):
        vrbench.load(entry)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "../up"}, "name: expected"),
        ({"licence": ""}, "licence: expected a text"),
        ({"by": ["me"]}, "by: expected a text"),
        ({"more": 1}, "unknown: more"),
        ({"overrides": "attack=pgd"}, "overrides: expected a list"),
        ({"files": {}}, "files: expected rows.jsonl"),
    ],
)
def test_a_card_that_is_none_says_what_is_wrong(entry, changes, why):
    rewritten(entry, **changes)
    with pytest.raises(DataError, match=why):
        read_card(entry)


def test_a_card_names_files_of_an_entry_only(entry):
    files = yaml.safe_load((entry / "card.yaml").read_text())["files"]
    rewritten(entry, files=files | {"../outside": "0" * 64})
    with pytest.raises(DataError, match="none of an entry's"):
        read_card(entry)


@pytest.mark.parametrize("text", ["- a\n", "{", "!!python/object/apply:os.system [true]\n", ""])
def test_what_is_no_card_is_refused_and_nothing_is_called(entry, text):
    (entry / "card.yaml").write_text(text)
    with pytest.raises(DataError):
        read_card(entry)


def test_a_name_that_nobody_has_says_which_there_are(entry, capsys):
    with pytest.raises(ConfigError, match=f"there is: {NAME}"):
        vrbench.load("boutique/outsiders")
    (entry / "card.yaml").unlink()
    with pytest.raises(MissingDataError):
        read_card(entry)


@pytest.mark.parametrize("lacks", ["--to", "--by", "--licence", "--name"])
def test_what_making_one_needs_is_said(tmp_path, lacks):
    given = {"--to": "x", "--by": "me", "--licence": "cc0-1.0", "--name": "a/b"}
    del given[lacks]
    with pytest.raises(ConfigError, match=f"needs {lacks}"):
        COMMANDS["submit"](["make", str(tmp_path), *(w for pair in given.items() for w in pair)])
