"""What the benchmarks of ``all`` share: peers in turns within one process, and one line a row.

A row is printed as JSON as soon as it is measured, so that a script that is stopped loses nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from vrbench.bench.machine import Machine

Way = Callable[[], object]
LONG = 60.0  # seconds: who takes longer warms up within the one turn that there is


def arguments(description: str) -> argparse.Namespace:
    """Return what every script takes: the device, the number of turns, and how much to do."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="smaller, and three turns")
    chosen = parser.parse_args()
    chosen.turns = min(chosen.turns, 3) if chosen.quick else chosen.turns
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device")
    Machine(device=chosen.device, threads=chosen.threads).use()  # as in a run: no TF32 for anybody
    return chosen


def wait(device: str) -> None:
    """Let the device finish, so that time is taken of what was done."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(way: Way, device: str) -> float:
    """Return how long one call takes."""
    wait(device)
    began = time.perf_counter()
    way()
    wait(device)
    return time.perf_counter() - began


def in_turns(ways: Mapping[str, Way], device: str, turns: int) -> dict[str, float]:
    """Return the median seconds of each way, called in turns after a first call that warms up.

    A way that fails is told in one line, and the others go on; of one that takes longer than
    ``LONG`` the first call counts, and there is no other.
    """
    going, taken = dict(ways), {name: list[float]() for name in ways}
    for turn in range(turns + 1):
        for name, way in list(going.items()):
            try:
                found = seconds(way, device)
            except Exception as error:  # a peer may fail in any way: that is its row
                note(f"{name}: {type(error).__name__}: {str(error).partition(chr(10))[0][:120]}")
                del going[name]
                continue
            if turn or found > LONG:
                taken[name].append(found)
            if found > LONG:
                note(f"{name}: one turn of {found:.0f} s")
                del going[name]
    return {name: statistics.median(times) for name, times in taken.items() if times}


def ceiling(device: str, dtype: torch.dtype) -> float:
    """Return the FLOP/s of a large product of matrices, the best of several."""
    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(seconds(lambda: a @ b, device) for _ in range(12))
    return 2 * size**3 / best


def has_bfloat16(device: str) -> bool:
    """Whether the device computes in bfloat16, and not slower than in float32."""
    found = ceiling(device, torch.bfloat16) > ceiling(device, torch.float32)
    if not found:
        note(f"{device} has no units for bfloat16: its rows are left out")
    return found


def row(what: str, who: str, value: float, unit: str, **more: object) -> None:
    """Print one row: what was measured, whose it is, and the number."""
    told = {"what": what, "who": who, "value": value, "unit": unit, **more}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Print a line for whoever reads the table."""
    sys.stdout.write(json.dumps({"note": line}) + "\n")
    sys.stdout.flush()


def worked(what: str, who: str, flop: float, taken: float, most: float) -> None:
    """Print a row of work done per second, and its share of the largest measured."""
    row(f"{what}: work", who, flop / taken / 1e12, "TFLOP/s", share=flop / taken / most)


def peer(name: str) -> Any:
    """Return a peer library, or None after one line that says it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        note(f"{name} is not installed: its rows are left out")
        return None


def rated(what: str, count: float, unit: str, found: Mapping[str, float], base: str) -> None:
    """Print a row for each: ``count`` over its seconds, and the ratio to ``base``."""
    for name, taken in found.items():
        ratio = found[base] / taken if base in found else math.nan
        row(what, name, count / taken, unit, ratio=ratio, base=base)
