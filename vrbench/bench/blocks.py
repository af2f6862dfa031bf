"""Large tables, written block by block to a disk that has room for them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def write_rows(
    path: Path, shape: tuple[int, ...], dtype: torch.dtype, blocks: Iterable[Tensor]
) -> None:
    """Write consecutive rows as an ``.npy`` file.

    Room for all of it is taken first: a full disk is found before anything is computed, and by an
    error, where a memory map would kill the process.

    Args:
        path: a new file.
        shape: the whole shape.
        dtype: of the numbers.
        blocks: together ``shape[0]`` rows.

    Raises:
        OSError: if there is no room.
    """
    kind = np.dtype(str(dtype).removeprefix("torch."))
    descr = np.lib.format.dtype_to_descr(kind)
    with open(path, "wb") as file:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        _reserve(file.fileno(), file.tell() + kind.itemsize * int(np.prod(shape, dtype=np.int64)))
        at = 0
        for block in blocks:
            rows = block.to(dtype).cpu().contiguous().numpy()
            file.write(rows.data)
            at += len(block)
    assert at == shape[0], f"{at} of {shape[0]} rows were made"


def _reserve(fd: int, size: int) -> None:
    if not hasattr(os, "posix_fallocate"):  # macOS, Windows: writing will tell
        return
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
