"""README's "nothing loaded is executed", held literally: every reader of archives, watched."""

import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.data.test_dvbpr import parts, save
from tests.hostile import NAMES, calls, files_of, mark_of, watched
from vrbench.attacks.imported import Imported
from vrbench.core.errors import VRBenchError
from vrbench.data.readers.object_arrays import load_objects
from vrbench.data.sources.dvbpr import dvbpr_npy
from vrbench.extractors.checkpoints import read_state

READERS = {
    ".pth": read_state,
    ".npy": load_objects,
    ".npz": lambda path: Imported(path=str(path)),
    ".safetensors": read_state,
}


def refused(path, read=None):
    """Return what a reader says of a file it refuses; None if it reads it."""
    try:
        (read or READERS[path.suffix])(path)
    except VRBenchError as error:
        told = str(error)
        assert path.name in told
        assert "\n" not in told
        assert len(told) < 600
        return told
    return None


def campaign(folder, names):
    """Have every hostile file read; return how many there were and how many were refused."""
    mark, asked, no = mark_of(folder), 0, 0
    for name, held in [("none", {"empty": b""})] + [(n, calls(*n, mark)) for n in names]:
        for how, pickled in held.items():
            for file, content in files_of(pickled).items():
                path = folder / f"{how}.{file}"
                path.write_bytes(content)
                with watched() as seen:
                    told = refused(path)
                seen = [s for s in seen if str(path) not in s]
                assert not seen, (name, how, file, seen)
                path.unlink()
                asked, no = asked + 1, no + (told is not None)
    assert [p.name for p in folder.iterdir()] == [], "nothing was left by anything"
    return asked, no


@pytest.fixture
def warm(tmp_path):
    """Readers that have imported what they import at their first use, and an empty folder."""
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pth")
    save(tmp_path / "a.npy", parts())
    np.savez(tmp_path / "a.npz", items=np.arange(1), pixels=np.zeros((1, 3, 4, 4)))
    for suffix in (".pth", ".npy", ".npz"):
        assert refused(tmp_path / f"a{suffix}") is None
        (tmp_path / f"a{suffix}").unlink()
    return tmp_path


def test_the_watch_sees_what_pickle_itself_would_run(tmp_path):
    with watched() as seen:
        pickle.loads(calls("os", "mkdir", mark_of(tmp_path))["reduce"])
    assert any(s.startswith("pickle.find_class") for s in seen)
    assert any(s.startswith("os.mkdir") for s in seen)
    assert (tmp_path / "ran").is_dir()


def test_nothing_loaded_is_executed(warm):
    asked, no = campaign(warm, NAMES[:3])
    assert asked == no == 7 * (1 + 3 * 14)


@pytest.mark.slow
def test_nothing_loaded_is_executed_by_any_name_or_opcode(warm):
    asked, no = campaign(warm, NAMES)
    assert asked == no == 7 * (1 + len(NAMES) * 14)


def originals(folder):
    """Write one honest file of each kind; return them with their readers."""
    state = {"a.w": torch.randn(3, 4), "b": torch.arange(5), "h": torch.ones(2).half()}
    held = {"state_dict": state, "epoch": 3, "x": [1, 2.5, None, (1,)]}
    torch.save(held, folder / "zip.pth")
    torch.save(held, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "s.safetensors")
    for protocol in (0, 2, 4):
        save(folder / f"objects{protocol}.npy", parts(), protocol)
    np.save(folder / "plain.npy", np.arange(6).reshape(2, 3))
    pixels = np.zeros((2, 3, 4, 4), np.uint8)
    np.savez(folder / "plain.npz", items=np.arange(2), pixels=pixels)
    np.savez_compressed(folder / "packed.npz", items=np.arange(2), pixels=pixels)
    unpacked = {p: lambda path: dvbpr_npy(path=str(path), size=16) for p in (0, 2, 4)}
    read = {f"objects{p}.npy": r for p, r in unpacked.items()}
    return {p: read.get(p.name, READERS[p.suffix]) for p in sorted(folder.iterdir())}


def mutated(whole, rng):
    data = bytearray(whole)
    how = rng.randrange(5)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) if rng.random() < 0.5 else min(len(data), 600))
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at] = rng.randrange(256)
        elif how == 2 and len(data) > 20:
            del data[at : at + rng.randrange(1, 9)]
        elif how == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            data = data[: max(1, at)]
    return bytes(data)


def mutations(folder, count):
    """Have every honest file read ``count`` times with a few bytes changed: no traceback."""
    (folder / "whole").mkdir()
    lines = 0
    for original, read in originals(folder / "whole").items():
        whole, rng = original.read_bytes(), random.Random(original.name)
        for n in range(count):
            path = folder / f"{n}{original.suffix}"
            path.write_bytes(mutated(whole, rng))
            lines += refused(path, read) is not None
            path.unlink()
    return lines


def test_mutated_archives_are_read_or_refused_in_one_line(tmp_path):
    assert mutations(tmp_path, 12) > 60


@pytest.mark.slow
def test_many_mutated_archives_are_read_or_refused_in_one_line(tmp_path):
    assert mutations(tmp_path, 700) > 5000


def test_every_way_to_call_is_tried_with_every_name():
    kinds = [set(calls(*name, "x")) for name in NAMES]
    assert all(a == b for a, b in itertools.pairwise(kinds))
