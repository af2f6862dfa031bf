"""What each item of the catalogue looks like to a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError

BLOCK = 64  # pictures computed at once: a network's products round by their number


class Signal(str, Enum):
    """How much of an image a model is shown."""

    PIXELS = "pixels"  # (3, H, W), in [0, 1], not normalised
    MAPS = "maps"  # (L, C), one row per spatial cell
    VECTOR = "vector"  # (D,)


class Visuals(ABC):
    """A read-only table with one entry per item, held in memory, mapped, or decoded on demand.

    Models never keep a copy of it: they are handed one to ``fit`` and one to ``score``.
    Attacking the served images is therefore ``score`` with another table (evasion), and
    attacking the training images is ``fit`` with another table (poisoning).

    Attributes:
        signal: what an entry is.
        shape: the shape of one entry.
        spec: where the table comes from; part of the key of all that is made with it.
        device: where entries are handed out; a table owns its device.
    """

    signal: Signal
    shape: tuple[int, ...]
    spec: Any
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, items: Tensor) -> Tensor:
        """Return the entries of ``items`` as float32: ``(*items.shape, *self.shape)``."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Visuals:
        """Return the same table, handing out its entries on ``device``."""

    def difference(self, items: Tensor, others: Tensor) -> Tensor:
        """Return the entries of ``items`` minus those of ``others``: ``(B, *shape)``."""
        return self[items] - self[others]

    def overlay(self, items: Tensor, values: Tensor, spec: Any = None) -> Visuals:
        """Return a view of this table in which ``items`` look like ``values``.

        Gradients flow into ``values``, which is how an attack sees through a recommender.

        Args:
            items: ``(n,)`` int64, each at most once.
            values: ``(n, *shape)`` float32.
            spec: what the values are, for keys; None if nothing will be stored under it.
        """
        return Overlay(self, items, values, spec)


class Table(Visuals):
    """A table whose entries are the rows of one tensor, in memory or memory-mapped.

    Args:
        signal: what an entry is.
        rows: ``(n, *shape)``; float32 and float16 as they are, uint8 read as ``rows / 255``.
        spec: where it comes from.
        device: where entries are handed out. Rows move there if ``resident``.
        resident: move all rows to ``device`` (features); else rows stay where they are and only
            what is asked for moves (a memory-mapped table larger than memory).
        file: the ``.npy`` file that rows are mapped from. Another process is handed its name, and
            maps it too, where it would be handed a copy of all rows.
    """

    def __init__(
        self,
        signal: Signal,
        rows: Tensor,
        spec: Any,
        *,
        device: torch.device | str = "cpu",
        resident: bool = True,
        file: Path | None = None,
    ) -> None:
        self.signal, self.spec, self.resident, self.file = signal, spec, resident, file
        self.device = torch.device(device)
        self.rows = rows.to(self.device) if resident else rows
        self.shape = tuple(rows.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, items: Tensor) -> Tensor:
        flat = items.to(self.rows.device).flatten()
        found = self.rows.index_select(0, flat).reshape(*items.shape, *self.shape).to(self.device)
        return found.float().div_(255) if found.dtype == torch.uint8 else found.float()

    def difference(self, items: Tensor, others: Tensor) -> Tensor:
        plain = self.rows.dtype == torch.float32 and self.rows.ndim == 2 and self.resident
        if not plain or self.rows.is_cuda:  # where signs would have to be brought over
            return super().difference(items, others)
        # One weighted gather, a quarter of the time of two gathers and a subtraction.
        pairs = torch.stack([items, others], 1)
        signs = self.rows.new_tensor([1.0, -1.0]).expand(len(items), 2).contiguous()
        return F.embedding_bag(pairs, self.rows, per_sample_weights=signs, mode="sum")

    def to(self, device: torch.device | str) -> Table:
        return Table(
            self.signal,
            self.rows,
            self.spec,
            device=device,
            resident=self.resident,
            file=self.file,
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = self.__dict__.copy()
        if self.file is not None:
            del kept["rows"]
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__ |= kept
        if self.file is not None:
            rows = mapped(self.file)
            self.rows = rows.to(self.device) if self.resident else rows


def mapped(file: Path) -> Tensor:
    """Return the rows of an ``.npy`` file, mapped: writing to them changes a private copy."""
    return torch.from_numpy(np.load(file, mmap_mode="c", allow_pickle=False))


class OnDemand(Visuals):
    """Pixels made when asked for: decoded from files, or drawn. The bench keeps them once made."""

    signal = Signal.PIXELS

    @abstractmethod
    def decode(self, items: Tensor) -> Tensor:
        """Return the pictures of ``items``, ``(n,)``, as uint8 ``(n, 3, H, W)``."""

    def __getitem__(self, items: Tensor) -> Tensor:
        flat = self.decode(items.flatten().cpu()).to(self.device).float().div_(255)
        return flat.reshape(*items.shape, *self.shape)

    def to(self, device: torch.device | str) -> OnDemand:
        other: OnDemand = object.__new__(type(self))
        other.__dict__ |= self.__dict__ | {"device": torch.device(device)}
        return other


class Overlay(Visuals):
    """Another table with a few entries replaced."""

    def __init__(self, base: Visuals, items: Tensor, values: Tensor, spec: Any) -> None:
        if values.shape != (len(items), *base.shape):
            raise ConfigError(
                f"expected values of shape {(len(items), *base.shape)}, got {tuple(values.shape)}"
            )
        self.base, self.items, self.device = base, items, base.device
        self.values = values.to(base.device)
        self.signal, self.shape = base.signal, base.shape
        self.spec = {"base": base.spec, "overlay": spec}
        self._row = torch.full((len(base),), -1, device=base.device)
        self._row[items.to(base.device)] = torch.arange(len(items), device=base.device)

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, items: Tensor) -> Tensor:
        row = self._row[items.to(self.device)]
        replaced = row >= 0
        searched = row.is_cuda or self.values.requires_grad
        if searched and len(self.values):  # to select by a mask is to wait for the device
            values = self.values[row.clamp(min=0)]
            mask = replaced.reshape(*items.shape, *[1] * len(self.shape))
            return torch.where(mask, values, self.base[items])
        return self.base[items].index_put((replaced,), self.values[row[replaced]])

    def to(self, device: torch.device | str) -> Overlay:
        return Overlay(self.base.to(device), self.items, self.values, self.spec["overlay"])
