"""NumPy's files read without NumPy's trust in them: a few dtypes, lengths checked first."""

from __future__ import annotations

import io
import math
import os
import re
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vrbench.core.archives import member_of, opened_zip, reading

NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
TEXTS = re.compile(r"[SU]([1-9]\d{0,5})")  # of a fixed width
MOST_DIMENSIONS = 32
LAST_LETTER = 0x10FFFF


def dtype_of(name: str, order: str = "<") -> np.dtype[Any]:
    """Return a dtype of numbers, or of text of a fixed width.

    Args:
        name: such as ``f4`` or ``S12``.
        order: of bytes, ``<``, ``>``, ``=`` or ``|``.

    Raises:
        ValueError: if it is any other.
    """
    if (name not in NUMBERS and not TEXTS.fullmatch(name)) or order not in ("<", ">", "=", "|"):
        raise ValueError(f"it holds values of type {order}{name}, which are not read")
    return np.dtype(f"{'' if order == '|' else order}{name}")


def array_of(data: bytes, dtype: np.dtype[Any], shape: Any, fortran: bool = False) -> np.ndarray:
    """Return the array that bytes hold, a writable copy.

    Raises:
        ValueError: if the shape is none, or the bytes are not exactly those of the shape.
    """
    count = counted(shape)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"its shape needs {count * dtype.itemsize} bytes, and it has {len(data)}")
    flat = np.frombuffer(data, np.uint8) if dtype.kind == "b" else np.frombuffer(data, dtype)
    if dtype.kind == "b":
        flat = flat != 0
    if dtype.kind == "U" and (np.frombuffer(data, dtype.str[0] + "u4") > LAST_LETTER).any():
        raise ValueError("its text holds what are no letters")
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def counted(shape: Any) -> int:
    """Return the number of elements of a shape.

    Raises:
        ValueError: if it is no tuple of whole numbers from zero on.
    """
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or len(shape) > MOST_DIMENSIONS:
        raise ValueError("it has no shape that an array can have")
    return math.prod(shape)


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order (whether Fortran's) and dtype of a ``.npy`` file; its data follow.

    Raises:
        ValueError: if it is of a version that holds records.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of NumPy's format is not read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about what Python 2 wrote
        return readers[version](file)


def read_npy(file: BinaryIO) -> np.ndarray:
    """Return the array of a ``.npy`` file of numbers or texts; nothing is unpickled.

    Raises:
        ValueError: if its values are of another kind, or it is longer or shorter than it says.
    """
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.names or dtype.subdtype:
        text = ": save texts as such, array.astype(str)" if dtype.hasobject else ""
        raise ValueError(f"it holds values of type {dtype}, which are not read{text}")
    known = dtype_of(
        dtype.str[1:] if dtype.kind != "U" else f"U{dtype.itemsize // 4}", dtype.str[0]
    )
    at = file.tell()
    size = file.seek(0, os.SEEK_END) - at
    file.seek(at)
    if counted(shape) * known.itemsize != size:
        raise ValueError(f"its shape needs {counted(shape) * known.itemsize} bytes, it has {size}")
    return array_of(file.read(), known, shape, fortran)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name.

    Raises:
        DataError: if it is damaged, would unpack to too much, or holds anything but arrays.
    """
    with reading(path), opened_zip(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        return {
            name.removesuffix(".npy"): read_npy(io.BytesIO(member_of(archive, name)))
            for name in names
        }
