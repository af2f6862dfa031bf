"""An outsider's entry: made outside the tree, submitted, loaded in a line, attacked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

import vrbench
from tests.typed import typed
from vrbench.bench.result import Row
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands.check import apart
from vrbench.cli.commands.submit import refused
from vrbench.cli.entry_folder import read_card, read_runs
from vrbench.cli.entry_making import make_board, make_entry, masked, unsaid
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.report.picture_dataset import write_pictures
from vrbench.report.run_records import read, record

ROOT = Path(__file__).parents[1]
SMALL = ["dataset.num_items=120", "dataset.num_users=60", "extractor.epochs=1", "attack.steps=2"]
SMALL += ["recommender.epochs=2", "scenario=by_reference", "scenario.min_items=3"]
SMALL += ["scenario.max_items=4", "metrics=fast", "machine.threads=1", "control=true"]
AIMS = "objective=promote,promote_lists"
NAME = "boutique/outsider"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An entry as its maker left it, in a folder of his own."""
    place = tmp_path_factory.mktemp("elsewhere")
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = ["-m", AIMS, "hydra.sweep.dir=run", "store=mine", *SMALL]
    command = [sys.executable, "-m", "vrbench", *run]
    subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    who = ["--name", NAME, "--by", "A. Outsider", "--licence", "cc-by-4.0"]
    for words in (
        ["submit", "make", "run", "--to", "entries/mine", "--store", "mine", *who],
        ["submit", "board", "run", "--to", "board", "--store", "mine", *who[2:]],
    ):
        done = typed(*words, cwd=place)
        assert done.returncode == 0, done.stderr
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
    first, *judged = capsys.readouterr().out.splitlines()
    assert first == f"accepted: {entry}"
    assert judged[0].startswith("attacked HR@20 within linf_8: ")
    assert all(line.endswith("; the worst of 2") for line in judged)


def test_a_board_has_an_entry_of_each_shop(made, capsys):
    board = made.parents[1] / "board"
    folder = board / "boutique" / "vbpr-standard"
    for name in ("model.safetensors", "network_0.safetensors", "rows.jsonl"):
        assert (folder / name).read_bytes() == (made / name).read_bytes()
    assert read_card(folder).name == "boutique/vbpr-standard"
    assert (
        COMMANDS["submit"](
            ["board", str(made / "rows.jsonl"), "--to", str(board), "--by", "B", *OPEN]
        )
        == 0
    )
    assert capsys.readouterr().out == f"{folder}: is there, left as it is\n"


OPEN = ["--licence", "cc0-1.0"]
BOARD = ROOT / "results" / "leaderboard_boutique.jsonl"


def shops(monkeypatch, entries, to, **more):
    """Return the seed and number of runs of each entry that a board would have, by its name."""
    made = {}

    def note(runs, folder, *, name, **_):
        made[name] = {run["seed"] for run in runs}, len(runs)

    monkeypatch.setattr("vrbench.cli.entry_making.make_entry", note)
    told = {"by": "B", "licence": "cc0-1.0", "store": Path("store")}
    list(make_board(entries, to, **told, **more))
    return made


def test_the_published_board_is_six_shops_of_one_seed_each(monkeypatch, tmp_path):
    published = [run for _, run in read([BOARD])]
    with pytest.raises(ConfigError, match="name of 3 shops"):  # poisoned, fake users, too
        shops(monkeypatch, published, tmp_path)
    runs = [run for run in published if run["parts"]["threat"]["name"] == "evasion"]
    runs = [run for run in runs if run["parts"]["dataset"]["name"] == "boutique"]  # not new items
    models, networks = ("amr", "deepstyle", "vbpr"), ("adversarial", "standard")
    names = [f"boutique/{m}-{n}" for m in models for n in networks]
    assert shops(monkeypatch, runs, tmp_path) == {name: ({0}, 6) for name in sorted(names)}
    assert shops(monkeypatch, runs, tmp_path, seed=2) == {n: ({2}, 6) for n in sorted(names)}
    with pytest.raises(ConfigError, match="no run has seed=7"):
        shops(monkeypatch, runs, tmp_path, seed=7)


def test_two_shops_of_one_name_are_refused(monkeypatch, tmp_path):
    run = next(run for _, run in read([BOARD]))
    other = run | {"parts": run["parts"] | {"scenario": {"key": "another", "name": "few"}}}
    with pytest.raises(ConfigError, match="would be the name of 2 shops: make an entry of each"):
        shops(monkeypatch, [run, other], tmp_path)


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
    told = {row["metric"]: row["before"] for row in read_runs(entry)[0]["rows"]}
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


def test_signs_of_masked_gradients_are_told_and_none_is_kept_back():
    named = {part: {"name": part} for part in ("attack", "budget", "objective")}
    few, many = {"flat loss": [1, 30]}, {"flat loss": [3, 30], "no limit fails": [0, 8]}
    again = SimpleNamespace(crafted=SimpleNamespace(masking=many))
    told = [{"parts": named, "masking": masking} for masking in (few, many)]
    assert [len(unsaid(run, again)) for run in (*told, {"parts": named})] == [1, 0, 1]
    assert unsaid(told[0], again)[0].endswith("does not say so: flat loss")
    assert unsaid({"parts": named}, SimpleNamespace(crafted=None)) == []
    (line,) = masked([*told, {"parts": named}])
    assert line == (
        "gradients may be masked, by attack=attack budget=budget objective=objective: flat loss"
    )


def test_lpips_is_not_compared_where_its_weights_are_missing():
    told = {"metric": "LPIPS", "before": None, "after": 0.1}
    made = Row("LPIPS_untrained", "lower", "picture", 3, None, 0.2, 0.0)
    (line,) = apart([told], [made], 1e-3)
    assert line == "LPIPS was measured, and has no weights here: python -m vrbench weights"


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
        ({"files": {}}, "files: expected model.safetensors and rows"),
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


def of_one_aim(entry, component):
    """Leave one run in the record of an entry, and make the card that of it."""
    (run,) = [r for r in read_runs(entry) if r["parts"]["objective"]["component"] == component]
    (entry / "rows.jsonl").write_text(record([run]))
    rewritten(entry, overrides=run["overrides"])


def test_an_entry_that_was_aimed_at_the_mean_score_alone_is_refused(entry):
    of_one_aim(entry, "Promote")
    (fault,) = refused(entry)
    assert fault.startswith("nobody aimed at objective=promote_lists: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("component", "lacks"), [("Promote", "promote_lists"), ("PromoteLists", "promote")]
)
def test_an_entry_of_one_aim_is_loaded_and_not_made(entry, component, lacks):
    of_one_aim(entry, component)
    loaded = vrbench.load(entry)
    assert loaded.parts["objective"].func.__name__ == component
    with pytest.raises(ConfigError, match=f"nobody aimed at objective={lacks}"):
        make_entry(
            read_runs(entry), entry.parent / "x", name="a/b", by="me", licence="cc0-1.0",
            store=loaded.session.store.root,
        )  # fmt: skip
    assert not (entry.parent / "x").exists()


def test_runs_of_several_shops_are_no_entry(entry):
    first, second = read_runs(entry)
    (entry / "rows.jsonl").write_text(record([first, second | {"seed": 7}]))
    rewritten(entry)
    (fault,) = refused(entry)
    assert fault.endswith("its runs differ in seed: an entry is of one")


def test_a_file_that_is_a_link_out_of_the_folder_is_refused(entry, tmp_path):
    (entry / "model.safetensors").rename(tmp_path / "elsewhere")
    (entry / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    (fault,) = refused(entry)
    assert "leads out of the folder" in fault


def submit(pictures, to, *more):
    """Submit pictures as an attack on the entry."""
    who = ["--name", "boutique/pgd-5", "--by", "B. Breaker", "--licence", "cc0-1.0"]
    words = ["make", str(pictures), "--attacks", NAME, "--to", str(to), *who, *more]
    assert COMMANDS["submit"](words) == 0


@pytest.fixture(scope="module")
def broken(made, tmp_path_factory):
    """Pictures of an attack of somebody's own, outside of the tree, and the entry of them."""
    place = tmp_path_factory.mktemp("breaker")
    shutil.copytree(made, place / "entries" / "theirs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("VRBENCH_STORE", raising=False)
        found = vrbench.load(NAME).attacked(
            attack=vrbench.choose("attack", "pgd", steps=5),
            objective=vrbench.choose("objective", "promote_lists"),
        )
        pictures = place / "own" / "attacked"
        write_pictures(found.crafted.attacked, found.case.items, pictures)
        submit(pictures, place / "entries" / "pictures", "--objective", "promote_lists")
        with pytest.raises(DataError, match=r"is over the budget: .* \(and \d more\)"):
            submit(pictures, place / "entries" / "smaller", "--budget", "linf_2")
        assert not any((place / "entries" / "smaller").rglob("*"))
    return place / "entries"


@pytest.fixture
def theirs(broken, tmp_path, monkeypatch):
    """A copy of that entry, beside the one that it attacks, for somebody who has nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VRBENCH_STORE", raising=False)
    return Path(shutil.copytree(broken, tmp_path / "entries")) / "pictures"


def test_an_attack_of_pictures_is_accepted_loaded_and_on_the_board(theirs, capsys, tmp_path):
    files = yaml.safe_load((theirs / "card.yaml").read_text())["files"]
    pictures = [f"attacked/{path.name}" for path in (theirs / "attacked").iterdir()]
    assert sorted(files) == sorted([*pictures, "rows.jsonl"])
    assert len(pictures) == 4
    assert COMMANDS["submit"](["check", "boutique/pgd-5"]) == 0
    first, *judged = capsys.readouterr().out.splitlines()
    assert first == f"accepted: {theirs.relative_to(tmp_path)}"
    assert any(line.endswith("; the worst of 3") for line in judged)
    loaded = vrbench.load("boutique/pgd-5")
    assert loaded.card.attacks == NAME
    assert loaded.parts["attack"].name == "Imported"
    out = tmp_path / "board.html"
    records = [str(path) for path in sorted(tmp_path.glob("entries/*/rows.jsonl"))]
    told = ["--format", "html", "--headline", "rank shift", "--out", str(out)]
    COMMANDS["leaderboard"]([*records, *told])
    page = out.read_text()
    assert "imported path=pgd-5" in page


def test_pictures_that_do_not_fit_are_refused_in_a_line_each(theirs):
    files = sorted(theirs.glob("attacked/*.png"), key=lambda path: int(path.stem))
    missing, none, small, bright = files
    missing.rename(theirs / "attacked" / "99999.png")
    none.write_bytes(b"no picture")
    with Image.open(small) as picture:
        picture.resize((20, 20)).save(small)
    with Image.open(bright) as picture:
        picture.point(lambda value: 255 - value).save(bright)
    names = ["rows.jsonl", *(f"attacked/{p.name}" for p in (theirs / "attacked").iterdir())]
    card = yaml.safe_load((theirs / "card.yaml").read_text())
    card["files"] = {name: sha256(theirs / name) for name in names}
    (theirs / "card.yaml").write_text(yaml.safe_dump(card))
    gone, broken, size, over, more = refused(theirs)
    assert gone.startswith(f"no picture of the item at position {missing.stem}")
    assert broken.startswith("cannot decode")
    assert size.startswith(f"the picture of the item at position {small.stem} is 3 x 20 x 20, and")
    assert over.startswith(f"the picture of the item at position {bright.stem} is over the budget")
    assert over.endswith(", and eps is 8")
    assert more == "pictures of items that are not attacked, such as 99999: take them out"
    (theirs / "attacked" / "metadata.csv").write_text("file_name,position\n")
    (fault,) = refused(theirs)
    assert fault.endswith("metadata.csv is not named by the card: take it out")


@pytest.mark.slow
def test_pictures_that_do_less_than_they_are_said_to_are_refused(theirs):
    (run,) = read_runs(theirs)
    run["rows"] = [row | {"after": row["after"] and row["after"] + 1} for row in run["rows"]]
    (theirs / "rows.jsonl").write_text(record([run]))
    rewritten(theirs)
    assert any("rank shift, after" in fault for fault in refused(theirs))


@pytest.mark.slow
def test_rows_that_call_pictures_something_else_are_refused(theirs):
    (run,) = read_runs(theirs)
    run["parts"]["attack"] = run["parts"]["attack"] | {"name": "noise"}
    (theirs / "rows.jsonl").write_text(record([run]))
    rewritten(theirs)
    (fault,) = refused(theirs)
    assert fault.startswith("rows.jsonl: parts: other than")


@pytest.mark.slow
def test_a_table_of_pictures_is_an_entry_too(theirs, tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow
    import pyarrow.parquet

    files = sorted(theirs.glob("attacked/*.png"))
    table = {
        "image": [{"bytes": path.read_bytes()} for path in files],
        "position": [int(path.stem) for path in files],
    }
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "own.parquet")
    submit(tmp_path / "own.parquet", tmp_path / "entries" / "table")
    assert (tmp_path / "entries" / "table" / "attacked.parquet").is_file()
    assert refused(tmp_path / "entries" / "table") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attacks": "../up"}, "attacks: expected DATASET/WHO"),
        ({"files": {"rows.jsonl": "0" * 64}}, "expected pictures"),
        ({"files": {"rows.jsonl": "0" * 64, "attacked/../x.png": "0" * 64}}, "none of an entry's"),
        ({"files": {"rows.jsonl": "0" * 64, "model.safetensors": "0" * 64}}, "none of an entry's"),
    ],
)
def test_a_card_of_pictures_that_is_none_says_what_is_wrong(tmp_path, changes, why):
    card = {"name": "a/b", "by": "me", "licence": "cc0-1.0", "overrides": [], "attacks": "a/c"}
    card["files"] = {"rows.jsonl": "0" * 64, "attacked.parquet": "0" * 64}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card | changes))
    with pytest.raises(DataError, match=why):
        read_card(tmp_path)
