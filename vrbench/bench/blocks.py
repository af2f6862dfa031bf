"""Large tables, written block by block to a disk that has room for them; a killed run goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vrbench.bench.seal import flush, versions
from vrbench.core.spec import digest

Part = Callable[[int, int], Tensor]  # returns the rows from one number up to another
Run = Callable[[Sequence[Callable[[], None]]], Iterable[None]]
WRITTEN = "written.txt"  # in a draft: which blocks of its table are on the disk


def write_rows(
    path: Path,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    part: Part,
    block: int,
    run: Run | None = None,
) -> None:
    """Write a table as an ``.npy`` file, or what of it an earlier process did not come to.

    Room for all of it is taken first: a full disk is found before anything is computed, and by an
    error, where a memory map would kill the process. Each block is on the disk before it is noted
    as written, so a process that is killed loses what was under way, and no more.

    Args:
        path: a file, new or of an earlier process, in a folder of its own.
        shape: the whole shape.
        dtype: of the numbers.
        part: computes rows; in other processes if ``run`` says so.
        block: rows at once; changes no number if it changes none of ``part``.
        run: has blocks computed, in any order; here in turn if None.

    Raises:
        OSError: if there is no room.
    """
    kind = np.dtype(str(dtype).removeprefix("torch."))
    made_by = f"{block} {digest(versions())}"
    done = _written(path, made_by)
    if not done:
        path.unlink(missing_ok=True)
        path.with_name(WRITTEN).unlink(missing_ok=True)
        with open(path, "wb") as file:
            descr = np.lib.format.dtype_to_descr(kind)
            header = {"descr": descr, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            head = file.tell()
            _take_room(file.fileno(), head + kind.itemsize * int(np.prod(shape, dtype=np.int64)))
        flush(path)
        _note(path, f"{made_by} {head}")
    starts = [at for at in range(0, shape[0], block) if at not in done]
    write = partial(_write, path, _head(path), shape, kind.str, part)
    jobs = [partial(write, at, min(at + block, shape[0])) for at in starts]
    for _ in run(jobs) if run else (job() for job in jobs):
        pass
    path.with_name(WRITTEN).unlink()


def _write(
    path: Path, head: int, shape: tuple[int, ...], kind: str, part: Part, start: int, stop: int
) -> None:
    """Compute a block, write it where it belongs, and note that it is there."""
    rows = part(start, stop)
    assert tuple(rows.shape) == (stop - start, *shape[1:]), f"rows {start} to {stop}: {rows.shape}"
    found = rows.cpu().contiguous().numpy().astype(kind, copy=False)
    size = found.nbytes // max(1, len(found))
    with open(path, "r+b") as file:
        file.seek(head + start * size)
        file.write(found.data)
    flush(path)
    _note(path, str(start))


def _note(path: Path, line: str) -> None:
    with open(path.with_name(WRITTEN), "a") as file:  # one short write: no other comes between
        file.write(line + "\n")


def _head(path: Path) -> int:
    """Return where the rows begin in the file, in bytes."""
    return int(path.with_name(WRITTEN).read_text().split("\n", 1)[0].split()[-1])


def _written(path: Path, made_by: str) -> set[int]:
    """Return the starts of the blocks on the disk; none where other sizes or versions made them."""
    notes = path.with_name(WRITTEN)
    try:
        first, *lines = notes.read_text().split("\n")
    except OSError:
        return set()
    if not path.is_file() or first.rpartition(" ")[0] != made_by:
        return set()
    whole = lines[:-1]  # what stands behind the last end of a line was cut
    fresh = notes.with_suffix(".new")
    fresh.write_text("\n".join([first, *whole, ""]))
    fresh.replace(notes)
    return {int(line) for line in whole}


def any_written(folder: Path) -> bool:
    """Return whether a draft holds blocks of a table that is not whole yet."""
    try:
        return (folder / WRITTEN).read_text().count("\n") > 1
    except OSError:
        return False


def _take_room(fd: int, size: int) -> None:
    if not hasattr(os, "posix_fallocate"):  # macOS, Windows: writing will tell
        return
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
