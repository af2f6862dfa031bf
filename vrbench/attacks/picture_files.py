"""Attacked pictures in a folder, a table, or a file of tensors, by position."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from vrbench.attacks.picture_positions import listed_files, numbered_files
from vrbench.core.archives import reading
from vrbench.core.arrays import read_npz
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.extras import extra
from vrbench.core.files import regular, sha256

LISTED, PART = "metadata.csv", "attacked"
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def source_of(path: Path, known: dict[str, int] | None) -> _Files | _Parquet | _Tensors:
    """Return what reads ``path``, or the attacked part of the data set there."""
    if (path / PART).is_dir():
        path = path / PART
    elif (path / f"{PART}.parquet").is_file():
        path = path / f"{PART}.parquet"
    if path.is_dir():
        return _Files(path, known)
    if known is not None:
        raise ConfigError(f"attack.ids names the files of a folder, and {path} is none")
    return _Parquet(path) if path.suffix == ".parquet" else _Tensors(path)


class _Files:
    """PNG files of a folder, by position."""

    def __init__(self, folder: Path, known: dict[str, int] | None) -> None:
        self.folder, listed = folder, folder / LISTED
        if os.path.lexists(listed):
            self.files = listed_files(listed, known)
        else:
            self.files = numbered_files(folder, known)
        there = sorted((n, p) for n, p in self.files.items() if p.is_file())
        if not there:
            raise MissingDataError(
                f"no pictures in {folder}: put POSITION.png files or a {LISTED} there, as "
                "save=[pictures] writes them beside a run"
            )
        self.digest = _digest((position, sha256(path)) for position, path in there)

    def picture(self, position: int) -> Tensor:
        """Return ``(3, H, W)`` in [0, 1]."""
        path = self.files.get(position, self.folder / f"{position}.png")
        regular(path, f"no picture of the item at position {position}: put it at {path}")
        return _decoded(path, str(path))


class _Parquet:
    """PNG files in the rows of one table, by position."""

    def __init__(self, path: Path) -> None:
        regular(path, f"no file {path}: put attacked pictures there")
        pq = extra("pyarrow.parquet", needed_by=f"attack.path={path}", group="parquet")
        try:
            table = pq.read_table(path, columns=["image", "position"]).to_pylist()
            self.files = {int(row["position"]): bytes(row["image"]["bytes"]) for row in table}
        except Exception as error:
            # Whatever a damaged or forged file makes the reader stumble over, it is no table.
            told = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
            raise DataError(f"cannot read image.bytes and position of {path}: {told}") from error
        if len(self.files) != len(table):
            raise DataError(f"{path}: a position stands twice")
        held = sorted((n, hashlib.sha256(file).hexdigest()) for n, file in self.files.items())
        self.path, self.digest = path, _digest(held)

    def picture(self, position: int) -> Tensor:
        """Return ``(3, H, W)`` in [0, 1]."""
        if position not in self.files:
            raise MissingDataError(
                f"{self.path} holds no picture of the item at position {position}"
            )
        return _decoded(io.BytesIO(self.files[position]), f"{self.path}, position {position}")


def _digest(files: Iterable[tuple[int, str]]) -> str:
    """Return what stands for files by position, in a folder or in a table alike."""
    lines = [f"{position} {held}" for position, held in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _decoded(file: Path | io.BytesIO, called: str) -> Tensor:
    """Return an RGB PNG as ``(3, H, W)`` in [0, 1]."""
    try:
        with Image.open(file, formats=["PNG"]) as opened:
            mode, pixels = opened.mode, np.array(opened)
    except Exception as error:
        # Whatever a damaged or forged file makes the decoder stumble over, it is no picture.
        told = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise DataError(f"cannot decode the picture {called}: {told}") from error
    if mode != "RGB":
        raise DataError(f"{called}: expected an RGB picture, got {mode}")
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


class _Tensors:
    """Pictures of one file, by position."""

    def __init__(self, path: Path) -> None:
        regular(path, f"no file or folder {path}: put attacked pictures there, or set attack.path")
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
    if path.suffix not in (".safetensors", ".npz"):
        raise DataError(
            f"{path}: expected a folder of PNG, a .parquet, a .safetensors or an .npz file"
        )
    with reading(path):
        if path.suffix == ".safetensors":
            held = load_file(path)
        else:
            held = {name: torch.from_numpy(array) for name, array in read_npz(path).items()}
    missing = [name for name in ("items", "pixels") if name not in held]
    if missing:
        raise DataError(f"{path}: no tensor {missing[0]!r}; it must hold items and pixels")
    items, pixels = held["items"], held["pixels"]
    _check(path, items, pixels)
    return items, pixels


def _check(path: Path, items: Tensor, pixels: Tensor) -> None:
    """Raise unless a file holds a position for each picture, and these are such."""
    if items.ndim != 1 or items.dtype not in WHOLE or pixels.ndim != 4:
        raise DataError(f"{path}: expected items (n,), whole numbers, and pixels (n, 3, H, W)")
    if len(items) != len(pixels):
        raise DataError(f"{path}: {len(items)} items and {len(pixels)} pictures")
    if pixels.dtype != torch.uint8:
        if not pixels.is_floating_point():
            raise DataError(f"{path}: expected pixels as uint8 or float, got {pixels.dtype}")
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise DataError(f"{path}: expected float pixels in [0, 1]")


def size_of(x: Tensor) -> str:
    return " x ".join(map(str, x.shape))
