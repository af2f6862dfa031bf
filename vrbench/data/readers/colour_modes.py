"""Conversion of images of any mode to RGB, scaled by bit depth, not by content."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageCms

from vrbench.core.errors import DataError

# Raster formats only: no page description that a program draws, no scientific grids.
FORMATS = (
    *("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA"),
    *("ICO", "PCX", "PSD", "QOI", "SGI", "SUN", "XBM", "XPM", "DDS", "MSP"),
)
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
SIXTEEN = ("PNG", "PPM", "JPEG2000")  # whose greys of more than 8 bits are handed out as 16


@cache
def known_formats() -> tuple[str, ...]:
    """Return the formats to open, of those that this Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def deepest(opened: Image.Image) -> int | None:
    """Return the number that is white in a grey picture of whole numbers; None for other modes.

    Args:
        opened: as the file was opened, before it is turned or copied.

    Raises:
        DataError: if the file has no depth that says so: floats, signed or 32-bit numbers.
    """
    if opened.mode == "F":
        raise DataError("numbers with a point have no depth: save it with 8 or 16 bits")
    if not opened.mode.startswith("I"):
        return None
    bits: tuple[int, ...] = (16,) if opened.format in SIXTEEN else (0,)
    if opened.format == "TIFF":
        tags = opened.tag_v2  # type: ignore[attr-defined]
        bits = tags.get(BITS, (0,)) if tags.get(SAMPLE_FORMAT, (1,))[0] == 1 else (0,)
    if not 8 < bits[0] <= 16:
        raise DataError(f"grey of mode {opened.mode} has no known depth: save it with 8 or 16 bits")
    return int(2 ** bits[0]) - 1


def as_rgb(picture: Image.Image, white: int | None) -> Image.Image:
    """Return a picture as RGB, transparency on white.

    Args:
        picture: of any mode.
        white: of a grey picture of more than 8 bits, see ``deepest``.
    """
    if white is not None:
        picture = _eight_bits(picture, white)
    if picture.mode == "LAB":
        return _of_lab(picture)
    if picture.mode in ("RGBA", "RGBa", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, picture).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image, white: int) -> Image.Image:
    values = np.asarray(picture).astype(np.float64)
    if isinstance(clear := picture.info.get("transparency"), int):
        values[values == clear] = white
    return Image.fromarray((values / white * 255).clip(0, 255).astype(np.uint8))


@cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )


def _of_lab(picture: Image.Image) -> Image.Image:
    found = ImageCms.applyTransform(picture, _from_lab())
    assert found is not None
    return found
