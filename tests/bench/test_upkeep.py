"""A store is kept small without taking anything from a run."""

import json
import os

import pytest
import torch
from filelock import FileLock

from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench.sizes_and_ages import age, in_bytes, in_seconds, size
from vrbench.bench.store import MARKER, Store
from vrbench.bench.store_contents import kept
from vrbench.bench.store_maintenance import litter, to_go
from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError, MissingDataError
from vrbench.report.run_records import AXES

DAY = 86_400
NOW = 1_800_000_000.0

command = COMMANDS["store"]


@pytest.fixture
def shop(tmp_path):
    """A store of three artifacts, used 1, 10 and 100 days before NOW."""
    store = Store(tmp_path / "store")
    budget = Linf(eps=8)
    inputs = {"attack": PGD(), "budget": budget, "items": [1, 2, 3], "seed": 4}
    made = [
        store.fetch("attacks", inputs, lambda: {"x": torch.zeros(1000)}).spec,
        store.fetch("models", {"recommender": {"name": "VBPR"}}, lambda: {"x": torch.ones(1)}).spec,
        store.fetch("models", {"visuals": "features/ab"}, lambda: {"x": torch.ones(2)}).spec,
    ]
    for address, days in zip(made, (1, 10, 100), strict=True):
        os.utime(store.root / address, (NOW - days * DAY,) * 2)
    return store, made


def test_it_says_what_it_holds(shop):
    store, (attack, model, other) = shop
    found = {a.address: a for a in kept(store.root)}
    assert set(found) == {attack, model, other}
    assert found[attack].what == "PGD, Linf 8, 3 items, seed 4"
    assert found[model].what == "VBPR"
    assert found[other].what == "features/ab"
    assert found[attack].stage == "attacks"
    files = (store.root / attack).iterdir()
    assert found[attack].size == sum(f.stat().st_size for f in files) > 4000


def test_what_a_run_asks_for_is_used_now(shop):
    store, (_, model, _) = shop
    before = {a.address: a.used for a in kept(store.root)}
    store.fetch("models", {"recommender": {"name": "VBPR"}}, dict)
    after = {a.address: a.used for a in kept(store.root)}
    assert [a for a in before if before[a] != after[a]] == [model]


def test_conditions_narrow_what_goes(shop):
    store, (attack, model, other) = shop
    artifacts = kept(store.root)

    def going(**conditions):
        return [a.address for a in to_go(artifacts, now=NOW, **conditions)]

    assert going(older_than=5 * DAY) == [other, model]
    assert going(older_than=5 * DAY, keep={other}) == [model]
    assert going(stage="attacks") == [attack]
    assert going(keep={attack, model, other}) == []
    whole = sum(a.size for a in artifacts)
    assert going(max_size=whole) == []
    assert going(max_size=whole - 1) == [other]
    assert going(max_size=whole - 1, keep={other}) == [model]
    assert going(max_size=0) == [other, model, attack]


def test_nothing_goes_unless_told_to(shop, capsys):
    store, made = shop
    told = ["--store", str(store.root), "gc", "--stage", "models"]
    assert command(told) == 0
    assert capsys.readouterr().out.count("would go: models/") == 2
    assert len(kept(store.root)) == 3
    assert command(["--store", str(store.root), "gc", "--yes"]) == 0
    assert "no artifact is chosen" in capsys.readouterr().out
    assert len(kept(store.root)) == 3
    assert command([*told, "--yes"]) == 0
    assert [a.address for a in kept(store.root)] == made[:1]
    assert not list((store.root / "models").iterdir()), "not a lock is left"
    again = store.fetch("models", {"visuals": "features/ab"}, lambda: {"x": torch.ones(2)})
    assert again.spec == made[2]
    assert not store.log[-1]["cached"]


def test_what_runs_use_is_counted_and_stays(shop, tmp_path, capsys):
    store, (_, model, other) = shop
    entry = {"schema": 1, "seed": 0, "parts": {axis: {"name": "n"} for axis in AXES}}
    entry["stages"] = [{"address": model}, {"address": model}]
    (tmp_path / "rows.json").write_text(json.dumps(entry))
    assert command(["--store", str(store.root), "ls", str(tmp_path)]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert lines[model][-2:] == ["1", "VBPR"]
    assert lines[other][-2:] == ["0", "features/ab"]
    command(["--store", str(store.root), "gc", "--keep", str(tmp_path), "--yes"])
    assert [a.address for a in kept(store.root)] == [model]
    with pytest.raises(MissingDataError, match="no readable rows"):
        command(["--store", str(store.root), "gc", "--keep", str(tmp_path / "none"), "--yes"])
    assert [a.address for a in kept(store.root)] == [model]


def test_what_a_run_is_making_stays(shop, capsys):
    store, made = shop
    busy = store.root / made[0]
    draft = busy.with_name(f".draft-{busy.name}")
    draft.mkdir()
    told = ["--store", str(store.root), "gc", "--max-size", "0B", "--yes"]
    with FileLock(busy.with_name(f"{busy.name}.lock")):
        assert litter(store.root) == []
        command(told)
        assert f"in use, stays: {made[0]}" in capsys.readouterr().out
        assert draft.is_dir()
    assert [a.address for a in kept(store.root)] == made[:1]
    assert litter(store.root) == [draft]


def test_what_dead_runs_left_goes(shop):
    store, made = shop
    stage = store.root / "models"
    (stage / ".draft-0123456789abcdef").mkdir()
    (stage / ".draft-0123456789abcdef" / "half").write_text("")
    (stage / "0123456789abcdef.lock").touch()
    (stage / "4567456745674567.lock").touch()
    assert {p.name for p in litter(store.root)} == {
        ".draft-0123456789abcdef",
        "0123456789abcdef.lock",
        "4567456745674567.lock",
    }
    assert (stage / "4567456745674567.lock").exists()
    command(["--store", str(store.root), "gc", "--yes"])
    assert litter(store.root) == []
    assert not {".draft-0123456789abcdef", "0123456789abcdef.lock", "4567456745674567.lock"} & {
        p.name for p in stage.iterdir()
    }
    assert sorted(a.address for a in kept(store.root)) == sorted(made)


def test_sizes_and_ages_are_read_and_written():
    assert (in_bytes("10GB"), in_bytes("1.5 kb")) == (10**10, 1500)
    assert (in_seconds("30d"), in_seconds("12h")) == (30 * DAY, 12 * 3600)
    assert (size(0), size(1234), size(2 * 10**9)) == ("0 B", "1.23 KB", "2 GB")
    assert (age(90), age(7300), age(3 * DAY)) == ("2 m", "2 h", "3 d")
    for wrong in ("10", "GB", "10XB"):
        with pytest.raises(ConfigError, match="expected a size such as 10GB"):
            in_bytes(wrong)
    with pytest.raises(ConfigError, match="expected an age such as 30d"):
        in_seconds("30D")


def test_no_store_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="no store at"):
        command(["--store", str(tmp_path / "none"), "ls"])


def test_a_folder_that_is_no_store_is_left_alone(tmp_path, capsys):
    """Whatever is laid out like one: projects hold a spec.json two folders deep, too."""
    spec = tmp_path / "work" / "api" / "v1" / "spec.json"
    spec.parent.mkdir(parents=True)
    spec.write_text("{}")
    (spec.parent / "code.py").write_text("")
    everything = ["--store", str(tmp_path / "work"), "gc", "--max-size", "0B", "--yes"]
    with pytest.raises(ConfigError, match="is not a store of vrbench"):
        command(everything)
    assert spec.exists()
    (tmp_path / "work" / MARKER).touch()  # a run used it as a store
    command(everything)
    assert {p.name for p in spec.parent.iterdir()} == {"spec.json", "code.py"}
    assert "api" not in capsys.readouterr().out


def test_an_old_store_is_known_by_its_layout_and_marked(shop, capsys):
    store, made = shop
    (store.root / MARKER).unlink()
    command(["--store", str(store.root), "gc", "--stage", "models", "--yes"])
    assert (store.root / MARKER).is_file()
    assert [a.address for a in kept(store.root)] == made[:1]
    (store.root / MARKER).unlink()
    (store.root / "attacks" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"it holds .*letter\.txt"):
        command(["--store", str(store.root), "gc", "--max-size", "0B", "--yes"])
    assert [a.address for a in kept(store.root)] == made[:1]
    capsys.readouterr()


def test_only_what_a_run_made_goes_and_no_link_is_followed(shop, tmp_path, capsys):
    store, made = shop
    elsewhere = Store(tmp_path / "elsewhere")
    far = elsewhere.root / elsewhere.fetch("models", 1, lambda: {"x": torch.ones(1)}).spec
    (store.root / "far").symlink_to(far.parent, target_is_directory=True)
    (store.root / "models" / "0123456789abcdef").symlink_to(far, target_is_directory=True)
    draft = store.root / "models" / ".draft-fedcba9876543210"
    draft.mkdir()
    (draft / "linked").symlink_to(far, target_is_directory=True)
    own = store.root / made[1] / "thesis.tex"
    own.write_text("chapter 1")
    inside = store.root / made[2] / "notes.json"
    inside.unlink()
    inside.symlink_to(tmp_path / "diary")
    (tmp_path / "diary").write_text("secret")
    command(["--store", str(store.root), "gc", "--max-size", "0B", "--yes"])
    capsys.readouterr()
    assert not (store.root / made[0]).exists()
    assert own.exists()
    assert (tmp_path / "diary").exists()
    assert (far / "spec.json").exists()
    assert (far / "tensors.safetensors").exists()
    assert not draft.exists()


def test_all_of_it_is_compared_with_its_checksums(shop, capsys):
    store, (attack, model, other) = shop
    check = ["--store", str(store.root), "check"]
    assert command(check) == 0
    assert capsys.readouterr().out == "3 sound, 0 damaged\n"
    file = store.root / attack / "tensors.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    (store.root / model / "made.json").unlink()
    assert command(check) == 2
    told = capsys.readouterr().out
    assert f"damaged: {attack} (PGD, Linf 8, 3 items, seed 4): tensors.safetensors" in told
    assert "1 sound, 1 damaged, 1 without a checksum" in told
    assert other not in told
