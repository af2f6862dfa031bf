"""Wrong values for every setting of every choice: what becomes of them, as a table of counts.

    python scripts/fuzz_settings.py [--sample N] [--seed S] [--axis attack] [--show]

Each value is put into one choice, which is checked and made (data sets are only checked: making
one reads files). It gets a clear line, is accepted, ends in a traceback, or does not end within
a minute. Exit code 1 if there was any of the last two.
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from vrbench.cli.axes import PARTS, kinds_of
from vrbench.cli.folders import conf_dir
from vrbench.config import HYDRA_KEYS, check, choices, make
from vrbench.core.errors import VRBenchError

AXES = (*PARTS, "metrics", "generator", "design")
VALUES: tuple[Any, ...] = (
    *(math.nan, math.inf, -math.inf, 0, -1, 1.5, 10**9, -(10**9), 10**12, 1e12, 1e300, 2**64),
    *(True, False, None, "", "abc", "nan", "1", "a" * 2000, "..", "/dev/zero", "\N{SNOWMAN}"),
    *([], [1], ["a"], [math.nan], {}, {"a": 1}, {"_target_": "os.system"}),
    *({"_target_": 7}, {"_target_": "vrbench.attacks.gradient.pgd.PGD"}),
)
OUTCOMES = ("clear line", "accepted", "traceback", "endless")
SECONDS = 60  # a busy machine imports a library for that long


class Trial(NamedTuple):
    """One wrong value for one setting."""

    axis: str
    choice: str
    key: str  # of the setting, below the axis
    value: Any


def trials(axes: list[str]) -> Iterator[Trial]:
    """Yield every value for every setting of every choice."""
    for axis in axes:
        for choice, node in choices(axis, conf_dir()).items():
            for key in _keys(node):
                yield from (Trial(axis, choice, key, value) for value in VALUES)


def _keys(node: DictConfig, where: str = "") -> Iterator[str]:
    for key in map(str, node):
        if key in HYDRA_KEYS and key != "_target_":
            continue
        yield f"{where}{key}"
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation():
            yield from _keys(child, f"{where}{key}.")


class EndlessError(BaseException):
    """It took too long; no part may catch it."""


def outcome(trial: Trial) -> tuple[str, str]:
    """Return what became of a trial, and what was said."""

    def stop(*_: object) -> None:
        raise EndlessError

    kinds_of()  # imports torch, which is no trial's fault
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        _tried(trial)
    except VRBenchError as error:
        told = str(error)
        one = "\n" not in told and 0 < len(told) < 1000
        return ("clear line" if one else "traceback"), told
    except EndlessError:
        return "endless", ""
    except Exception as error:
        return "traceback", repr(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return "accepted", ""


def _tried(trial: Trial) -> None:
    """Check and make one choice with one wrong value."""
    node = choices(trial.axis, conf_dir())[trial.choice].copy()
    whole = OmegaConf.create({trial.axis: node}, flags={"allow_objects": False})
    OmegaConf.update(whole, f"{trial.axis}.{trial.key}", trial.value, merge=False)
    for key in ("path", "dataset.path"):  # what a user must give
        if key in node and OmegaConf.is_missing(node, key):
            whole[trial.axis][key] = "here"
    check(whole[trial.axis], trial.axis)
    if trial.axis != "dataset":
        make(whole[trial.axis])


def main() -> int:
    """Try, print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--axis", action="append", choices=AXES, help="only this one; repeatable")
    parser.add_argument("--sample", type=int, help="try only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--show", action="store_true", help="also show what was accepted")
    chosen = parser.parse_args()
    every = list(trials(chosen.axis or AXES))
    if chosen.sample is not None:
        every = random.Random(chosen.seed).sample(every, min(chosen.sample, len(every)))
    counts: Counter[tuple[str, str]] = Counter()
    for trial in every:
        became, told = outcome(trial)
        counts[trial.axis, became] += 1
        if became in ("traceback", "endless") or (chosen.show and became == "accepted"):
            line = f"{trial.axis}={trial.choice} {trial.key}={trial.value!r:.60}"
            sys.stdout.write(f"{became}: {line}: {told:.200}\n")
    sys.stdout.write(f"{'':12}" + "".join(f"{name:>12}" for name in OUTCOMES) + "\n")
    for axis in [*dict.fromkeys(trial.axis for trial in every), "all"]:
        told_of = [sum(n for (a, b), n in counts.items() if axis in (a, "all") and b == name)
                   for name in OUTCOMES]  # fmt: skip
        sys.stdout.write(f"{axis:12}" + "".join(f"{n:12}" for n in told_of) + "\n")
    bad = sum(n for (_, name), n in counts.items() if name in ("traceback", "endless"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
