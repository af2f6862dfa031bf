import errno
import json
import multiprocessing

import pytest
import torch

from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, StorageError


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


def test_a_damaged_artifact_says_what_to_delete(tmp_path):
    store = Store(tmp_path)
    folder = tmp_path / store.fetch("s", 1, lambda: {"x": torch.ones(1)}).spec
    (folder / "tensors.safetensors").write_bytes(b"damaged")
    with pytest.raises(StorageError, match="delete that folder"):
        store.fetch("s", 1, lambda: {"x": torch.ones(1)})


def test_large_tables_are_written_in_blocks_and_read_mapped(tmp_path):
    store = Store(tmp_path)
    blocks = [torch.full((2, 3), n, dtype=torch.uint8) for n in (1, 2)]
    made = store.fetch_rows("t", 1, (4, 3), torch.uint8, lambda: iter(blocks))
    assert made.tensors["rows"].tolist() == [[1] * 3, [1] * 3, [2] * 3, [2] * 3]
    made.tensors["rows"][0] = 9  # a private copy
    again = store.fetch_rows("t", 1, (4, 3), torch.uint8, lambda: iter(()))
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
