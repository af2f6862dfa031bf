"""What is free is found without help, and what does not fit is refused before it is made."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from vrbench.core import memory
from vrbench.core.errors import IncompatibleError
from vrbench.core.memory import Bounded, available, require, sizing

GIB = 2**30


@pytest.fixture
def machine(tmp_path):
    """Return a function that writes the files of a machine, and the folder they lie in."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    write(**{"proc/meminfo": f"MemTotal: {32 * 2**20} kB\nMemAvailable:   {8 * 2**20} kB\n"})
    return write


def group(folder, limit, used, inactive, v1=False):
    names = memory.LIMITS[v1], memory.USED[v1]
    texts = str(limit), str(used)
    files = {f"{folder}/{n}": f"{t}\n" for n, t in zip(names, texts, strict=True)}
    kept = "total_inactive_file" if v1 else "inactive_file"
    return files | {f"{folder}/memory.stat": f"anon 5\n{kept} {inactive}\n"}


def test_what_the_kernel_calls_available(machine):
    assert available(machine()) == 8 * GIB


def test_a_control_group_and_those_around_it_bound_it(machine):
    files = group("sys/fs/cgroup/job/step", "max", 5, 0)
    files |= group("sys/fs/cgroup/job", 4 * GIB, 3 * GIB, GIB)
    root = machine(**{"proc/self/cgroup": "0::/job/step\n"}, **files)
    assert available(root) == 2 * GIB


def test_a_control_group_of_the_first_version(machine):
    files = group("sys/fs/cgroup/memory", 3 * GIB, GIB, 0, v1=True)
    lines = "9:name=systemd:/\n4:memory:/not/seen/from/here\n1:cpu,cpuacct:/\n"
    assert available(machine(**{"proc/self/cgroup": lines}, **files)) == 2 * GIB


def test_more_in_use_than_is_allowed_is_nothing_left(machine):
    files = group("sys/fs/cgroup", GIB, 2 * GIB, 0)
    assert available(machine(**{"proc/self/cgroup": "0::/\n"}, **files)) == 0


def test_this_machine_has_some(tmp_path):
    assert available() is None or available() > 2**20
    everything = available(tmp_path)  # where there is no /proc, all that is built in
    assert everything is None or everything >= available()


def test_what_does_not_fit_is_one_line(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2 * GIB)
    require(2 * GIB, "EASE", "x")
    with pytest.raises(IncompatibleError, match=r"^EASE needs about 3\.5 GiB .* 2\.0 are"):
        require(7 * GIB // 2, "EASE", "recommender.factors (now 9)")
    monkeypatch.setattr(memory, "available", lambda: None)
    require(2**80, "EASE", "x")


@pytest.mark.parametrize("make", [torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand])
def test_tensors_are_refused_before_they_are_made(monkeypatch, make):
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    with (
        Bounded("It", "attack", {}),
        pytest.raises(IncompatibleError, match="It needs about 3,725"),
    ):
        make(10**6, 10**6)
    with Bounded("It", "attack", {}):
        assert make(2**10, 2**8).shape == (2**10, 2**8)
        with pytest.raises(IncompatibleError):
            make(1)  # no more beside that
    with Bounded("It", "attack", {}):
        assert make(10**6, 10**6, device="meta").shape == (10**6, 10**6)


def test_a_module_draws_the_same_numbers_within_it():
    torch.manual_seed(3)
    free = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Embedding(3, 4))
    torch.manual_seed(3)
    with Bounded("It", "attack", {}):
        bound = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Embedding(3, 4))
    for left, right in zip(free.parameters(), bound.parameters(), strict=True):
        assert torch.equal(left, right)


def test_the_setting_to_lower_is_the_largest_that_is_a_length():
    chosen = {"factors": 64, "hidden": 600, "steps": 2000, "lr": 0.1, "deep": True}
    assert sizing((900, 600), "recommender", chosen) == "recommender.hidden (now 600)"
    assert sizing((128, 9), "recommender", chosen) == "recommender.factors (now 64)"
    assert sizing((300, 9), "recommender", chosen) == "recommender.hidden (now 600)"
    assert sizing((64, 1000), "recommender", chosen) == "recommender.factors (now 64)"
    assert "number of users or items" in sizing((900, 900), "recommender", chosen)


FAULTS = """
import resource, torch
from vrbench.core.memory import kept_when_freed
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def held():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * resource.getpagesize() // 2**20
before = held()
with kept_when_freed() as kept:
    assert kept
    inside = min([faults() for _ in range(20)][10:])
print(inside, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_is_freed_is_not_asked_for_again_and_handed_back_at_last():
    told = {k: v for k, v in os.environ.items() if "MALLOC" not in k and k != "GLIBC_TUNABLES"}
    done = subprocess.run([sys.executable, "-c", FAULTS], env=told, capture_output=True, text=True)
    inside, kept = (int(number) for number in done.stdout.split())
    assert inside < 1000, done.stderr  # 64 MiB are 16,384 pages of 4 KiB
    assert kept < 40  # MiB, after blocks of 64


def test_who_has_set_malloc_is_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    with memory.kept_when_freed() as kept:
        assert not kept
