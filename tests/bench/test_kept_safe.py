"""Kills, company, full disks: what was stored is never lost, mixed or silently wrong."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from vrbench.bench.store import Store
from vrbench.core.errors import StorageError

pytestmark = pytest.mark.slow
CHILD = """
import sys, time
from pathlib import Path
import torch
from vrbench.bench.store import Store
from vrbench.core.errors import VRBenchError
from functools import partial
torch.set_num_threads(1)
store, pause = Store(Path(sys.argv[1])), float(sys.argv[2])

def draw(key, before):
    def make():
        time.sleep(pause)
        rng = torch.Generator().manual_seed(key)
        return {"x": before + torch.rand(5000, generator=rng)}, {"key": key}
    return make

def part(before, start, stop):
    time.sleep(pause / 4)
    return before[:1000].reshape(10, 100) + start // 10

try:
    x = torch.zeros(5000)
    for key in range(6):
        x = store.fetch("small", key, draw(key, x)).tensors["x"]
        rows = store.fetch_rows("large", key, (40, 100), torch.float32, partial(part, x), 10)
        assert rows.tensors["rows"].shape == (40, 100)
except VRBenchError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def start(root, pause=0.02, **options):
    command = [sys.executable, "-c", CHILD, str(root), str(pause)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def finish(process):
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 0, told


def content(root):
    """Return what a store holds: numbers and specs by address, but not who made them."""
    names = ("tensors.safetensors", "rows.npy", "notes.json", "spec.json")
    files = [p for p in root.glob("*/*/*") if p.name in names]
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    finish(start(root))
    return content(root)


def drafts(root):
    return list(root.glob("*/.draft-*"))


def wait_for_draft(root, seconds=60):
    until = time.monotonic() + seconds
    while not drafts(root):
        assert time.monotonic() < until
        time.sleep(0.005)


def test_killed_at_random_moments_it_ends_bit_for_bit_equal(tmp_path, undisturbed):
    rng = random.Random(0)
    for _ in range(8):
        process = start(tmp_path)
        wait_for_draft(tmp_path)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(tmp_path))
    assert content(tmp_path) == undisturbed
    assert not drafts(tmp_path)


@pytest.mark.parametrize("count", [2, 3])
def test_several_at_once_make_the_same(tmp_path, undisturbed, count):
    for process in [start(tmp_path) for _ in range(count)]:
        finish(process)
    assert content(tmp_path) == undisturbed


def test_who_waits_for_a_stopped_holder_goes_on_when_it_does_or_dies(tmp_path, undisturbed):
    for wake in (signal.SIGCONT, signal.SIGKILL):
        root = tmp_path / wake.name
        holder = start(root, 1.0)
        wait_for_draft(root)
        holder.send_signal(signal.SIGSTOP)
        waiting = start(root, 0.02)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=8)
        holder.send_signal(wake)
        finish(waiting)
        holder.communicate()
        assert content(root) == undisturbed


@pytest.fixture
def root_user():
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root")


def test_a_full_disk_is_said_and_what_was_stored_is_kept(tmp_path, root_user, undisturbed):
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        process = start(small / "store")
        told = process.communicate(timeout=120)[1]
        assert process.returncode == 1
        assert "no space left for the store" in told
        assert "Traceback" not in told
        kept = content(small / "store")
        assert kept
        assert kept.items() <= undisturbed.items()
        assert not drafts(small / "store")
        shutil.copytree(small / "store", tmp_path / "larger")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    finish(start(tmp_path / "larger"))
    assert content(tmp_path / "larger") == undisturbed


def test_flipped_bits_are_never_silent(tmp_path):
    store, rng = Store(tmp_path), random.Random(0)

    def make():
        return {"x": torch.arange(3000.0)}, {"n": 1}

    folder = tmp_path / store.fetch("s", 1, make).spec
    files = sorted(p for p in folder.iterdir() if p.suffix != ".json")
    for _ in range(300):
        file = rng.choice(files)
        sound = file.read_bytes()
        damaged = bytearray(sound)
        damaged[rng.randrange(len(sound))] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        with pytest.raises(StorageError, match="checksum differs"):
            store.fetch("s", 1, make)
        file.write_bytes(sound)
        assert Path(folder, "made.json").exists()
