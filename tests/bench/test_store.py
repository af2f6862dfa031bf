import errno
import json
import logging
import multiprocessing
import os
import stat
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from vrbench.bench import seal
from vrbench.bench.blocks import write_rows
from vrbench.bench.lock import lock_of
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, StorageError
from vrbench.core.spec import digest


def test_the_same_inputs_are_made_once(tmp_path):
    store, calls = Store(tmp_path), []

    def make():
        calls.append(1)
        return {"x": torch.tensor([1.0, 2.0])}, {"note": "n"}

    first, second = (store.fetch("s", {"a": 8.0}, make) for _ in range(2))
    other = store.fetch("s", {"a": 9}, make)
    assert len(calls) == 2
    assert first.spec == second.spec != other.spec
    assert second.tensors["x"].tolist() == [1, 2]
    assert second.notes == {"note": "n"}
    assert [entry["cached"] for entry in store.log] == [False, True, False]


def test_a_failing_stage_leaves_nothing(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError):
        store.fetch("s", 1, lambda: 1 / 0)
    assert store.fetch("s", 1, lambda: {"x": torch.ones(1)}).tensors["x"].item() == 1
    assert [p.name for p in (tmp_path / "s").iterdir() if p.is_dir()] == [
        store.log[-1]["address"].split("/")[1]
    ]


def test_what_a_dead_run_left_is_cleared(tmp_path):
    store = Store(tmp_path)
    address = store.fetch("s", 1, lambda: {"x": torch.ones(1)}).spec
    key = address.split("/")[1]
    (tmp_path / "s" / key).rename(tmp_path / "s" / f".draft-{key}")
    (tmp_path / "s" / f".draft-{key}" / "tensors.safetensors").write_bytes(b"half")
    again = store.fetch("s", 1, lambda: {"x": torch.zeros(1)})
    assert again.tensors["x"].item() == 0
    assert not list((tmp_path / "s").glob(".draft-*"))


def test_a_full_disk_is_one_clear_line_and_loses_nothing(tmp_path):
    store = Store(tmp_path)
    kept = store.fetch("s", 1, lambda: {"x": torch.ones(1)})

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=r"no space left for the store .* what was stored"):
        store.fetch("s", 2, full)
    assert store.fetch("s", 1, full).tensors["x"].equal(kept.tensors["x"])


def test_a_store_that_cannot_be_written_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="set store=FOLDER"):
        Store(tmp_path / "file").fetch("s", 1, lambda: {"x": torch.ones(1)})


@contextmanager
def unprivileged():
    """Be somebody whom permissions bind, as root is not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def read_only():
    """A store in which nobody may write anything, with an artifact of each kind."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions are others here")
    with tempfile.TemporaryDirectory() as place:  # pytest's own are their owner's alone
        os.chmod(place, 0o755)
        root = Path(place) / "store"
        ask_for_two(Store(root), 1)
        for path in (root, *root.rglob("*")):
            os.chmod(path, path.stat().st_mode & ~0o222)
        yield root
        for path in (root, *root.rglob("*")):
            os.chmod(path, path.stat().st_mode | 0o200)


def ones(start, stop):
    return torch.ones(stop - start, 3)


def ask_for_two(store, key):
    found = store.fetch("small", key, lambda: {"x": torch.ones(2)})
    large = store.fetch_rows("large", key, (2, 3), torch.float32, ones)
    return found.tensors["x"].tolist(), large.tensors["rows"].tolist()


def test_what_is_in_the_store_is_read_without_a_lock_or_a_write(read_only):
    before = sorted(read_only.rglob("*"))
    with unprivileged():
        store = Store(read_only)
        assert ask_for_two(store, 1) == ([1, 1], [[1, 1, 1]] * 2)
        assert [entry["cached"] for entry in store.log] == [True, True]
        for stage in ("small", "other"):
            with pytest.raises(ConfigError, match=r"Permission denied\): set store=FOLDER"):
                store.fetch(stage, 2, lambda: {"x": torch.ones(2)})
    assert sorted(read_only.rglob("*")) == before


def test_who_may_not_read_a_file_is_told_who_can_let_him(read_only, monkeypatch):
    monkeypatch.setattr(seal, "_checked", set())  # as in a process that has not read it yet
    for file in read_only.glob("small/*/tensors.safetensors"):
        os.chmod(file, 0o400 if os.geteuid() == 0 else 0)  # as older versions wrote them
    with (
        unprivileged(),
        pytest.raises(StorageError, match=r"Permission denied\. Its owner") as told,
    ):
        ask_for_two(Store(read_only), 1)
    assert "delete" not in str(told.value)


def test_a_damaged_artifact_says_what_to_delete(tmp_path):
    store = Store(tmp_path)
    folder = tmp_path / store.fetch("s", 1, lambda: {"x": torch.ones(1)}).spec
    (folder / "tensors.safetensors").write_bytes(b"damaged")
    with pytest.raises(StorageError, match="delete that folder"):
        store.fetch("s", 1, lambda: {"x": torch.ones(1)})


def test_large_tables_are_written_in_blocks_and_read_mapped(tmp_path):
    store = Store(tmp_path)
    rows = torch.tensor([1, 1, 2, 2], dtype=torch.uint8)[:, None].expand(4, 3)
    made = store.fetch_rows("t", 1, (4, 3), torch.uint8, lambda a, b: rows[a:b], 2)
    assert made.tensors["rows"].tolist() == [[1] * 3, [1] * 3, [2] * 3, [2] * 3]
    made.tensors["rows"][0] = 9  # a private copy
    again = store.fetch_rows("t", 1, (4, 3), torch.uint8, ones)
    assert again.tensors["rows"][0].tolist() == [1, 1, 1]


def test_a_dry_store_makes_nothing(tmp_path):
    store = Store(tmp_path / "none", dry=True)
    made = store.fetch("s", 1, lambda: {"x": torch.ones(1)})
    assert made.tensors is None
    assert made.spec == Store(tmp_path).fetch("s", 1, lambda: {"x": torch.ones(1)}).spec
    assert not (tmp_path / "none").exists()


def _count(root):
    def make():
        with open(f"{root}/made", "a") as file:
            file.write("x")
        return {"x": torch.ones(1)}

    for key in range(5):
        Store(root).fetch("s", key, make)


def test_two_processes_make_each_artifact_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "made").read_text() == "xxxxx"


def test_the_spec_of_an_artifact_is_written_beside_it(tmp_path):
    spec = Store(tmp_path).fetch("s", {"b": 2, "a": [1.0]}, lambda: {"x": torch.ones(1)}).spec
    assert json.loads((tmp_path / spec / "spec.json").read_text()) == {"a": [1], "b": 2}


def _made(root):
    """Return a store with one artifact of tensors and one of rows, and their folders."""
    store = Store(root)
    small = store.fetch("s", 1, lambda: ({"x": torch.arange(100.0)}, {"note": "n"}))
    large = store.fetch_rows("t", 1, (9, 3), torch.uint8, ones)
    return store, root / small.spec, root / large.spec


def _read(root, folder):
    store = Store(root)
    if folder.parent.name == "s":
        return store.fetch("s", 1, lambda: {"x": torch.zeros(1)})
    return store.fetch_rows("t", 1, (9, 3), torch.uint8, lambda a, b: 0 * ones(a, b))


@pytest.mark.parametrize("kind", ["s", "t"])
def test_a_flipped_bit_anywhere_is_said(tmp_path, kind):
    _, *folders = _made(tmp_path)
    folder = next(f for f in folders if f.parent.name == kind)
    rng = np.random.default_rng(0)
    for file in sorted(folder.iterdir()):
        sound = file.read_bytes()
        for at in {0, len(sound) - 1, *rng.integers(len(sound), size=20).tolist()}:
            damaged = bytearray(sound)
            damaged[at] ^= 1 << int(rng.integers(8))
            file.write_bytes(damaged)
            same = file.suffix == ".json" and _same(sound, bytes(damaged))
            if not same:
                with pytest.raises(StorageError, match="cannot read the artifact"):
                    _read(tmp_path, folder)
        file.write_bytes(sound)
        _read(tmp_path, folder)


def _same(one, other):
    """Return whether two JSON texts tell the same, as with another blank."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize("name", ["spec.json", "notes.json", "tensors.safetensors"])
def test_a_missing_or_cut_file_is_said(tmp_path, name):
    _, folder, _ = _made(tmp_path)
    whole = (folder / name).read_bytes()
    for left in {whole[:-1], whole[:3], b""} - {whole}:
        (folder / name).write_bytes(left)
        with pytest.raises(StorageError, match=f"{name}.*delete that folder"):
            _read(tmp_path, folder)
    (folder / name).unlink()
    with pytest.raises(StorageError, match=f"{name}.*delete that folder"):
        _read(tmp_path, folder)


def test_the_spec_of_another_key_is_said(tmp_path):
    _, folder, _ = _made(tmp_path)
    (folder / "made.json").unlink()  # as in an old store
    (folder / "spec.json").write_text("2")
    with pytest.raises(StorageError, match=r"spec\.json is of the key"):
        _read(tmp_path, folder)


def test_an_artifact_of_an_older_version_is_read(tmp_path):
    _, *folders = _made(tmp_path)
    for folder in folders:
        (folder / "made.json").unlink()
        assert _read(tmp_path, folder).tensors is not None


def test_it_is_told_on_what_it_was_made(tmp_path):
    store = Store(tmp_path, device="cuda")
    folder = tmp_path / store.fetch("s", 1, lambda: {"x": torch.ones(1)}).spec
    told = json.loads((folder / "made.json").read_text())
    assert told["device"] == "cuda"
    assert told["versions"]["torch"] == seal.versions()["torch"]
    reader = Store(tmp_path)
    assert reader.fetch("s", 1, dict).spec == f"s/{folder.name}", "the device is no part of a key"
    assert reader.log[-1]["device"] == "cuda"


def test_other_versions_are_told_once(tmp_path, caplog):
    _, folder, _ = _made(tmp_path)
    told = json.loads((folder / "made.json").read_text())
    told["versions"]["torch"] = "1.0.test"
    told["digest"] = digest({name: value for name, value in told.items() if name != "digest"})
    (folder / "made.json").write_text(json.dumps(told))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            _read(tmp_path, folder)
    said = [r.getMessage() for r in caplog.records if "1.0.test" in r.getMessage()]
    assert len(said) == 1
    assert f"torch 1.0.test, here {torch.__version__.partition('+')[0]}" in said[0]


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_permissions_follow_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        _, small, large = _made(tmp_path / "store")
    finally:
        os.umask(before)
    made = [p for folder in (small, large) for p in folder.iterdir()]
    for path in made + list((tmp_path / "store").rglob("*.lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask, path
    for path in (small, small.parent, tmp_path / "store"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o777 & ~mask, path


def test_who_is_refused_is_not_told_to_delete(tmp_path, monkeypatch):
    _, folder, _ = _made(tmp_path)

    def refused(path, **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("vrbench.bench.store.check", refused)
    with pytest.raises(StorageError, match="Permission denied") as told:
        _read(tmp_path, folder)
    assert "delete" not in str(told.value)


def test_who_waits_is_told_for_whom(tmp_path, caplog):
    going = threading.Event()

    def slow():
        going.wait(20)
        return {"x": torch.ones(1)}

    def make():
        Store(tmp_path).fetch("s", 1, slow)

    first, second = threading.Thread(target=make), threading.Thread(target=make)
    with caplog.at_level(logging.INFO):
        first.start()
        while not list(tmp_path.glob("s/.draft-*/holder.json")):
            time.sleep(0.01)
        second.start()
        while "waiting" not in caplog.text:
            time.sleep(0.01)
        going.set()
        first.join()
        second.join()
    assert f"(process {os.getpid()} on " in caplog.text
    assert not list(tmp_path.glob("s/*/holder.json"))


def test_no_room_is_found_before_anything_is_made(tmp_path):
    def never(start, stop):
        raise AssertionError

    with pytest.raises(OSError, match=r"File too large|No space left"):
        write_rows(tmp_path / "rows.npy", (1 << 40, 1 << 20), torch.float32, never, 1)


def test_what_is_written_in_blocks_is_a_plain_array(tmp_path):
    rows = torch.arange(24.0).reshape(4, 2, 3)
    for n, dtype in enumerate((torch.float32, torch.float16, torch.uint8)):
        path = tmp_path / f"{n}.npy"
        write_rows(path, (4, 2, 3), dtype, lambda a, b: rows[a:b], 3)
        assert np.array_equal(np.load(path), rows.to(dtype).numpy())
    write_rows(tmp_path / "none.npy", (0, 3), torch.float32, ones, 3)
    assert np.load(tmp_path / "none.npy").shape == (0, 3)


def test_a_lock_without_a_holder_is_taken(tmp_path):
    (tmp_path / "s").mkdir()
    folder = tmp_path / "s" / Store(tmp_path, dry=True).fetch("s", 1, dict).spec.split("/")[1]
    lock = lock_of(folder)
    lock.acquire()
    lock.release()
    open(lock.lock_file, "w").close()
    assert Store(tmp_path).fetch("s", 1, lambda: {"x": torch.ones(1)}).tensors is not None
