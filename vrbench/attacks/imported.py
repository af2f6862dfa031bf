"""Attacked pictures that were made elsewhere."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vrbench.attacks.base import Attack, Cost, Goal
from vrbench.attacks.budget import Budget
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.core.seeds import Streams

HEADER = "position,item_id,file"


class Imported(Attack):
    """Pictures from a folder or a file, brought into the budget and judged like any attack's.

    ``budget=free`` takes them as they are, and the rows say how far they went. Nothing that is
    read is executed. A folder holds 8-bit PNG files in RGB, of the size of the catalogue's
    pictures: either ``POSITION.png``, by position in the catalogue, or those that an ``items.csv``
    in it names (``position,item_id,file``; the last paths are relative to the folder), which is
    what ``pictures=true`` writes beside a run. A file is a ``.safetensors`` or ``.npz`` with
    ``items``, ``(n,)`` positions, and ``pixels``, ``(n, 3, H, W)``, uint8 or float in [0, 1].

    The key of this attack holds what the files contain, not where they lie.

    Args:
        path: the folder or file.

    Raises:
        MissingDataError: if it, or the picture of an attacked item, is not there.
        DataError: if a picture cannot be read or has another size or mode.
    """

    paper = ""
    knows = "nothing, here"
    needs_radius = False

    def __init__(self, *, path: str) -> None:
        self.path = path
        self._source = _Files(Path(path)) if Path(path).is_dir() else _Tensors(Path(path))
        named = {name: value for name, value in self.spec.items() if name != "path"}
        self.spec = {**named, "content": self._source.digest}

    @property
    def cost(self) -> Cost | None:
        return Cost(0, 0)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        found = [self._source.picture(item) for item in items.tolist()]
        for item, x in zip(items.tolist(), found, strict=True):
            if x.shape != clean.shape[1:]:
                raise DataError(
                    f"{self.path}: the picture of position {item} is {_size(x)}, expected "
                    f"{_size(clean[0])}: the catalogue's pictures must not be resized"
                )
        return torch.stack(found).to(clean) if found else clean


class _Files:
    """PNG files of a folder, by position."""

    def __init__(self, folder: Path) -> None:
        self.folder, listed = folder, folder / "items.csv"
        if listed.is_file():
            self.files = _listed(listed)
        else:
            png = [p for p in folder.iterdir() if p.suffix == ".png" and p.stem.isdecimal()]
            self.files = {int(p.stem): p for p in png}
        there = sorted((n, p) for n, p in self.files.items() if p.is_file())
        if not there:
            raise MissingDataError(
                f"no pictures in {folder}: put POSITION.png files or an items.csv there, as "
                "pictures=true writes them beside a run"
            )
        lines = [f"{position} {sha256(path)}" for position, path in there]
        self.digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def picture(self, position: int) -> Tensor:
        """Return ``(3, H, W)`` in [0, 1]."""
        path = self.files.get(position, self.folder / f"{position}.png")
        try:
            with Image.open(path, formats=["PNG"]) as opened:
                if opened.mode != "RGB":
                    raise DataError(f"{path}: expected an RGB picture, got {opened.mode}")
                pixels = np.array(opened)
        except FileNotFoundError:
            raise MissingDataError(
                f"no picture of the item at position {position}: put it at {path}"
            ) from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"cannot decode the picture {path}: {error}") from error
        return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


class _Tensors:
    """Pictures of one file, by position."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingDataError(
                f"no file or folder {path}: put attacked pictures there, or set attack.path"
            )
        items, self.pixels = _read(path)
        self.path, self.digest = path, sha256(path)[:16]
        self.row = {position: n for n, position in enumerate(items.tolist())}
        if len(self.row) != len(items):
            raise DataError(f"{path}: a position stands twice in items")

    def picture(self, position: int) -> Tensor:
        """Return ``(3, H, W)`` in [0, 1]."""
        if position not in self.row:
            raise MissingDataError(
                f"{self.path} holds no picture of the item at position {position}"
            )
        x = self.pixels[self.row[position]]
        return x.float() / 255 if x.dtype == torch.uint8 else x.float()


def _read(path: Path) -> tuple[Tensor, Tensor]:
    """Return positions ``(n,)`` and pixels ``(n, 3, H, W)`` of a file."""
    try:
        if path.suffix == ".safetensors":
            held = load_file(path)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as opened:
                held = {name: torch.from_numpy(opened[name]) for name in opened.files}
        else:
            raise DataError(f"{path}: expected a folder of PNG, a .safetensors or an .npz file")
        items, pixels = held["items"], held["pixels"]
    except KeyError as error:
        raise DataError(f"{path}: no tensor {error}; it must hold items and pixels") from None
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {path}: {error}") from error
    if items.ndim != 1 or items.is_floating_point() or pixels.ndim != 4:
        raise DataError(f"{path}: expected items (n,), whole numbers, and pixels (n, 3, H, W)")
    if len(items) != len(pixels):
        raise DataError(f"{path}: {len(items)} items and {len(pixels)} pictures")
    if pixels.dtype != torch.uint8:
        if not pixels.is_floating_point():
            raise DataError(f"{path}: expected pixels as uint8 or float, got {pixels.dtype}")
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise DataError(f"{path}: expected float pixels in [0, 1]")
    return items, pixels


def _listed(path: Path) -> dict[int, Path]:
    """Return the files of an ``items.csv``, by position."""
    found: dict[int, Path] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            position, name = (line.get("position") or "").strip(), (line.get("file") or "").strip()
            if not position.isdecimal() or not name:
                raise DataError(f"{path}: expected lines of {HEADER}, got {dict(line)}")
            if int(position) in found:
                raise DataError(f"{path}: position {position} stands twice")
            found[int(position)] = path.parent / name
    return found


def _size(x: Tensor) -> str:
    return " x ".join(map(str, x.shape))
