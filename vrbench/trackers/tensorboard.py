"""TensorBoard: event files in the run's folder, or below another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vrbench.core.extras import extra
from vrbench.trackers.base import Plain, Tracker


class TensorBoard(Tracker):
    """Event files that ``tensorboard --logdir`` shows.

    Args:
        folder: where to put a folder of each run; None: ``tensorboard`` in the run's own.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        extra("tensorboard", needed_by="track=tensorboard", group="tensorboard")
        self.folder = folder

    def begin(self, name: str, settings: Mapping[str, Plain], folder: Path) -> None:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter

        place = Path(self.folder) / f"{folder.parent.name}-{folder.name}" if self.folder else None
        self._writer: Any = SummaryWriter(str(place or folder / "tensorboard"))
        self._writer.add_text("run", name)
        told = [f"| {key} | {value} |" for key, value in sorted(settings.items())]
        self._writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *told]))

    def number(self, name: str, value: float, step: int) -> None:
        """Write a scalar."""
        self._writer.add_scalar(name, value, step)

    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write an image."""
        self._writer.add_image(name, pixels, dataformats="HWC")

    def end(self, failed: str | None) -> None:
        """Close the file."""
        if failed:
            self._writer.add_text("failed", failed)
        self._writer.close()
