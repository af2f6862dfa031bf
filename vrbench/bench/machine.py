"""What a run runs on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import torch

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.visuals import BLOCK

PATIENCE = 1000  # batches of one shape on a GPU: what compiling takes, their saving pays back
DEVICES = ("cpu", "cuda")  # others compute some of it only (mps has no float64)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Device, threads and precision.

    Attributes:
        device: "cpu", "cuda" or "cuda:n".
        precision: what the network of the *adversary* computes in while an image is searched
            for; whatever is reported is computed in float32. "bfloat16" is faster where the
            processor has it, finds slightly other images, and is part of their key.
        threads: threads of one process; None leaves torch's choice. Sums are split among them,
            so another number rounds otherwise, and a training makes that visible. It is no part
            of keys: give the same number wherever rows are to be equal.
        executor: who computes the blocks of long stages (decoding, features, attacks, rankings):
            "serial", this process; "joblib", processes of this machine; "ray", those of a cluster
            that shares the store. No number depends on it.
        workers: processes of "joblib"; None: the cores over ``threads``.
        block: pictures that are decoded, or whose features are extracted, before they are safe
            from a kill; a multiple of 64. No number depends on it.
        compile: whether the adversary's network goes through ``torch.compile``; "auto": on a GPU,
            once a search has been long enough to pay for it. Where that fails, one line says so and
            it is done without. Rounds otherwise, as another device does.

    Example:
        >>> from vrbench import Machine
        >>> Machine().device, Machine(threads=2).threads
        ('cpu', 2)
    """

    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: int | None = None
    executor: Literal["serial", "joblib", "ray"] = "serial"
    workers: int | None = None
    block: int = 256
    compile: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.compile not in (True, False, "auto"):
            raise ConfigError(f"machine.compile: expected true, false or auto, got {self.compile}")
        if self.block < 1 or self.block % BLOCK:
            raise ConfigError(
                f"machine.block: expected a multiple of {BLOCK}, so that pictures are computed "
                f"together as ever, got {self.block}"
            )
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"machine.workers: expected at least 1, got {self.workers}")
        _check_device(self.device)

    def of_job(self, number: int) -> Machine:
        """Return the machine of one of several jobs at once: they take turns at the cards.

        Only where ``cuda`` leaves open which; where there is one card, it is the same machine.
        """
        cards = torch.cuda.device_count()
        if self.device != "cuda" or cards < 2:
            return self
        return replace(self, device=f"cuda:{number % cards}")

    @property
    def compile_after(self) -> int | None:
        """Batches of one shape before the adversary's network is compiled for it; None: never."""
        if self.compile == "auto":
            return PATIENCE if self.device.startswith("cuda") else None
        return 2 if self.compile else None

    def use(self) -> None:
        """Give torch this process's threads, and let float32 be float32 on a GPU."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer torch has other names for it, 2.4 only these
            torch.set_float32_matmul_precision("highest")
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False


def _check_device(name: str) -> None:
    """Raise unless there is such a device, and it is here.

    Raises:
        ConfigError: if there is no such device anywhere.
        IncompatibleError: if this machine has it not.
    """
    found = _device(name)
    if found is None or found.type not in DEVICES:
        raise ConfigError(f"machine.device: expected cpu, cuda or cuda:n, got {name!r}")
    cards = torch.cuda.device_count()
    if found.type == "cuda" and (found.index or 0) >= cards:
        there = f"{cards or 'no'} CUDA device{'s' if cards > 1 else ''}"
        other = "machine=cpu" if not cards else f"machine.device=cuda:{cards - 1} or below"
        raise IncompatibleError(f"machine.device={name}: this machine has {there}; take {other}")


def _device(name: str) -> torch.device | None:
    try:
        return torch.device(name)
    except RuntimeError:
        return None
