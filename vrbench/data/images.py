"""Image files, decoded on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.files import regular, sha256
from vrbench.core.visuals import OnDemand, Signal, Visuals
from vrbench.data.readers.colour_modes import as_rgb, deepest, known_formats

Fit = Literal["pad", "crop", "stretch"]
WORKERS = 4
MOST_PIXELS = 120_000_000  # a larger picture is taken for a decompression bomb


class Photos(OnDemand):
    """A catalogue's picture files, each decoded when asked for, all in one square size.

    EXIF orientation is respected; transparency is laid on white; every mode becomes RGB, scaled by
    its depth and never by what it holds; colour profiles are not applied: numbers are taken for
    sRGB. The result is on the 8-bit grid, as a shop that standardises uploads would keep it. Only
    raster formats are opened, never a program such as PostScript.

    Args:
        paths: one file per item.
        size: height and width in pixels.
        fit: "pad" keeps the whole picture on a white square, "crop" fills the square with the
            middle, "stretch" ignores the aspect.

    Raises:
        MissingDataError: if a file is not there.
        DataError: when asked for a picture that cannot be decoded.
    """

    def __init__(self, paths: Sequence[Path], *, size: int, fit: Fit = "pad") -> None:
        if size < 16 or fit not in ("pad", "crop", "stretch"):
            raise ConfigError(
                f"expected size >= 16 and fit pad, crop or stretch, got {size}, {fit!r}"
            )
        self.paths, self.size, self.fit = list(paths), size, fit
        self.shape = (3, size, size)
        with ThreadPoolExecutor(WORKERS) as pool:
            digests = list(pool.map(_digest, self.paths))
        whole = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
        self.spec = ["photos", whole, size, fit]

    def __len__(self) -> int:
        return len(self.paths)

    def decode(self, items: Tensor) -> Tensor:
        """Return the pictures of ``items``, ``(n,)``, as uint8 ``(n, 3, size, size)``."""
        with ThreadPoolExecutor(WORKERS) as pool:
            found = list(pool.map(self._one, items.tolist()))
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous()

    def _one(self, item: int) -> np.ndarray:
        path = self.paths[item]
        try:
            with Image.open(path, formats=known_formats()) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise DataError(f"{path}: {opened.width} x {opened.height} pixels are too many")
                picture = as_rgb(ImageOps.exif_transpose(opened), deepest(opened))
                return np.asarray(self._square(picture))
        except Exception as error:
            # Whatever a damaged or forged file makes a decoder stumble over, it is no picture.
            told = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
            raise DataError(f"cannot decode the picture {path}: {told}") from error

    def _square(self, picture: Image.Image) -> Image.Image:
        both, sampling = (self.size, self.size), Image.Resampling.LANCZOS
        if self.fit == "stretch":
            return picture.resize(both, sampling)
        if self.fit == "crop":
            return ImageOps.fit(picture, both, sampling)
        if 2 * self.size * min(picture.size) <= max(picture.size):  # it would be rounded to nothing
            upright = picture.height > picture.width
            picture = picture.resize((1, self.size) if upright else (self.size, 1), sampling)
        return ImageOps.pad(picture, both, sampling, color=(255, 255, 255))


class NoImages(Visuals):
    """The pictures of a catalogue that has none."""

    signal = Signal.PIXELS
    shape = (3, 0, 0)

    def __init__(self, count: int) -> None:
        self.count, self.spec = count, ["no pictures", count]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, items: Tensor) -> Tensor:
        raise IncompatibleError("this dataset has no pictures: choose one that has")

    def to(self, device: torch.device | str) -> NoImages:
        return self


def _digest(path: Path) -> str:
    regular(path, f"no picture {path}: put it there, or take its line out of items.csv")
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"cannot read the picture {path}: {error.strerror}") from error
