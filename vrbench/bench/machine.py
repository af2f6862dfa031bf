"""What a run runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from vrbench.core.errors import ConfigError, IncompatibleError


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
    """

    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: int | None = None

    def __post_init__(self) -> None:
        try:
            found = torch.device(self.device)
        except RuntimeError:
            raise ConfigError(
                f"machine.device: expected cpu or cuda, got {self.device!r}"
            ) from None
        if found.type == "cuda" and not torch.cuda.is_available():
            raise IncompatibleError(
                f"machine.device={self.device}: this machine has no CUDA device"
            )

    def use(self) -> None:
        """Give torch this process's threads."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
