"""Attacked pictures that were made elsewhere."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from vrbench.attacks.base import Attack, Cost, Goal
from vrbench.attacks.budget import Budget
from vrbench.core.archives import reading
from vrbench.core.arrays import read_npz
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.extras import extra
from vrbench.core.files import Confined, regular, sha256
from vrbench.core.seeds import Streams

log = logging.getLogger(__name__)
LISTED, PART = "metadata.csv", "attacked"
PICTURES = (".jpg", ".jpeg", ".png", ".tiff")
FAR = 16.0  # mean grey levels; a change of Linf 16, as large as they come, stays below
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Imported(Attack):
    """Pictures from a folder or a file, brought into the budget and judged like any attack's.

    ``budget=free`` takes them as they are, and the rows say how far they went. Nothing that is
    read is executed. A folder holds 8-bit PNG files in RGB, of the size of the catalogue's
    pictures: either ``POSITION.png``, by position in the catalogue, or those that a
    ``metadata.csv`` in it names (``file_name,position``, and more; paths are relative to the
    folder), which is what ``save=[pictures]`` writes beside a run. A ``.parquet`` file has columns
    ``image``, a PNG file's ``bytes``, and ``position``. Of a data set that ``python -m vrbench
    pictures`` made, in either form, the attacked part is read. A ``.safetensors`` or ``.npz`` file
    has ``items``, ``(n,)`` positions, and ``pixels``, ``(n, 3, H, W)``, uint8 or float in [0, 1].

    The key of this attack holds what the files contain, not where they lie. Files lie in the
    folder; links that lead out of it are refused. Pictures that are far from the catalogue's are
    said aloud: they may be named otherwise.

    Args:
        path: the folder or file.
        ids: where a folder's files are named by item id (AIP, VAR), and a ``metadata.csv`` by
            ``item_id``: the catalogue's ``items.csv``, or VAR's folder of pictures.

    Raises:
        MissingDataError: if it, or the picture of an attacked item, is not there.
        ConfigError: if it is Parquet, and pyarrow is not installed.
        DataError: if a picture cannot be read or has another size or mode.

    Example:
        >>> import numpy
        >>> import torch
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from vrbench.attacks import Imported
        >>> from vrbench.testing.world import red_removed
        >>> file = Path(mkdtemp()) / "made.npz"
        >>> white = torch.full((3, 3, 16, 16), 255, dtype=torch.uint8)
        >>> numpy.savez(file, items=numpy.arange(3), pixels=white.numpy())
        >>> red_removed(Imported(path=str(file))).lt(0).tolist()
        [True, True, True]
    """

    paper = ""
    cost = Cost(0, 0)
    knows = "nothing, here"
    needs_radius = False

    def __init__(self, *, path: str, ids: str | None = None) -> None:
        self.path, self.ids = path, ids
        self._source = _source(Path(path), None if ids is None else positions(Path(ids)))
        named = {name: value for name, value in self.spec.items() if name not in ("path", "ids")}
        self.spec = {**named, "content": self._source.digest}

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
        if not found:
            return clean
        made = torch.stack(found).to(clean)
        self._say_if_far(made, clean)
        return made

    def _say_if_far(self, made: Tensor, clean: Tensor) -> None:
        """Warn of pictures so far from the catalogue's that they may show other items."""
        levels = (made - clean).abs().mean((1, 2, 3)) * 255
        far = levels > FAR
        if far.any():
            log.warning(
                "%s: %d of %d pictures are far from those of their items (%.0f grey levels on "
                "average): if they are named by item id and not by position, set attack.ids",
                self.path,
                int(far.sum()),
                len(far),
                levels[far].mean().item(),
            )


def _source(path: Path, known: dict[str, int] | None) -> _Files | _Parquet | _Tensors:
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
            self.files = _listed(listed, known)
        else:
            self.files = _numbered(folder, known)
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
    if items.ndim != 1 or items.dtype not in WHOLE or pixels.ndim != 4:
        raise DataError(f"{path}: expected items (n,), whole numbers, and pixels (n, 3, H, W)")
    if len(items) != len(pixels):
        raise DataError(f"{path}: {len(items)} items and {len(pixels)} pictures")
    if pixels.dtype != torch.uint8:
        if not pixels.is_floating_point():
            raise DataError(f"{path}: expected pixels as uint8 or float, got {pixels.dtype}")
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise DataError(f"{path}: expected float pixels in [0, 1]")
    return items, pixels


def _listed(path: Path, known: dict[str, int] | None) -> dict[int, Path]:
    """Return the files of a ``metadata.csv``, by position."""
    found: dict[int, Path] = {}
    inside, column = Confined(path.parent), "position" if known is None else "item_id"
    for line in _lines(path):
        told, name = (line.get(column) or "").strip(), (line.get("file_name") or "").strip()
        position = _position(told, known)
        if position is None or not name:
            raise DataError(
                f"{path}: expected lines of file_name,{column}, got {repr(dict(line))[:200]}"
            )
        if position in found:
            raise DataError(f"{path}: {column} {told} stands twice")
        found[position] = inside.path(name)
    return found


def _numbered(folder: Path, known: dict[str, int] | None) -> dict[int, Path]:
    """Return the PNG files of a folder by the position, or the id, that is their name."""
    found: dict[int, Path] = {}
    inside = Confined(folder)
    for path in sorted(p for p in folder.iterdir() if p.suffix == ".png"):
        position = _position(path.stem, known)
        if position is None:
            continue
        if position in found:
            raise DataError(f"{folder}: {found[position].name} and {path.name} are of one item")
        found[position] = inside.path(path.name)
    return found


def _position(told: str, known: dict[str, int] | None) -> int | None:
    """Return a position as it is told, or of an id that is known; None if it is neither."""
    if known is not None:
        return known.get(told)
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else None


def positions(path: Path) -> dict[str, int]:
    """Return the position of every id of a catalogue: the ids of its items in sorted order.

    Args:
        path: an ``items.csv``, or a folder of pictures named by id.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it has no column ``item_id``, or an id stands twice.
    """
    if path.is_dir():
        ids = [p.stem for p in path.iterdir() if p.suffix.lower() in PICTURES]
    else:
        ids = [(line.get("item_id") or "").strip() for line in _lines(path)]
    if not ids or "" in ids or len(set(ids)) != len(ids):
        raise DataError(f"{path}: expected a column item_id, or pictures, every id once")
    return {name: n for n, name in enumerate(sorted(ids))}


def _lines(path: Path) -> list[dict[str, str]]:
    with reading(path), open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _size(x: Tensor) -> str:
    return " x ".join(map(str, x.shape))
