"""Weights & Biases, offline unless it is told otherwise: nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vrbench.core.extras import extra
from vrbench.trackers.base import Plain, Tracker


class WandB(Tracker):
    """A run in a folder that ``wandb sync`` sends, or sent at once.

    Args:
        project: its name there.
        mode: "offline" or "online".
    """

    def __init__(
        self, *, project: str = "vrbench", mode: Literal["offline", "online"] = "offline"
    ) -> None:
        self._wandb = extra("wandb", needed_by="track=wandb", group="wandb")
        self.project = project
        self.mode = mode

    def begin(self, name: str, settings: Mapping[str, Plain], folder: Path) -> None:
        """Start the run and write its configuration."""
        self._run: Any = self._wandb.init(
            project=self.project,
            name=name,
            mode=self.mode,
            dir=str(folder),
            config=dict(settings),
        )
        self._steps: set[str] = set()

    def number(self, name: str, value: float, step: int) -> None:
        """Write a number; that of a curve against the steps of its own group."""
        if not step:
            self._run.log({name: value})
            return
        steps = f"{name.rpartition('/')[0] or name}/step"
        if steps not in self._steps:
            self._steps.add(steps)
            self._run.define_metric(steps, hidden=True)
        self._run.define_metric(name, step_metric=steps)
        self._run.log({name: value, steps: step})

    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write an image."""
        self._run.log({name: self._wandb.Image(pixels)})

    def end(self, failed: str | None) -> None:
        """End the run."""
        if failed:
            self._run.summary["failed"] = failed
        self._run.finish(exit_code=1 if failed else 0)
