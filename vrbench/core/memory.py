"""How much memory is free, and one line where something does not fit, before any of it is taken."""

from __future__ import annotations

import ctypes
import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vrbench.core.errors import IncompatibleError

GIB = 2**30
LIMITS = ("memory.max", "memory.limit_in_bytes")  # of control groups, versions 2 and 1
USED = ("memory.current", "memory.usage_in_bytes")
TRIM, MAPPED = -1, -3  # what glibc's malloc.h calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
LARGEST = (GIB, 2**25)  # bytes of a block that is kept; an older glibc takes no more than 32 MiB


def available(root: Path = Path("/")) -> int | None:
    """Return how many bytes this process may still take; None where the system does not say.

    That is the least of what the kernel calls available and of what is left in each control group
    the process is in, as containers and schedulers set them. Elsewhere it is all there is.

    Args:
        root: below which ``proc`` and ``sys`` lie.
    """
    left = [*_of_the_machine(root / "proc/meminfo"), *_of_groups(root)]
    return max(0, min(left)) if left else None


@contextmanager
def kept_when_freed() -> Iterator[bool]:
    """Within it glibc keeps the memory of tensors that are freed; yields whether it does.

    Left to itself it hands every block above 32 MiB back to the system and asks for it again, page
    by page, at the next layer: half of the time of a network at 224 pixels on a processor went
    there. It is for loops that keep little of what they make: where small tensors that stay come
    between large ones that go, a heap that keeps all of them grows at every turn. Afterwards
    everything is handed back. Who has set malloc's own variables is left alone, and so is every
    other C library.
    """
    chosen = [n for n in os.environ if n.startswith("MALLOC_") or n == "GLIBC_TUNABLES"]
    if chosen or platform.libc_ver()[0] != "glibc":
        yield False
        return
    library = ctypes.CDLL(None)
    kept = any(library.mallopt(MAPPED, size) for size in LARGEST)
    try:
        yield kept and bool(library.mallopt(TRIM, 2**31 - 1))
    finally:
        library.mallopt(MAPPED, LARGEST[-1])  # what glibc arrives at by itself
        library.mallopt(TRIM, 2 * LARGEST[-1])
        library.malloc_trim(0)


def require(need: int, what: str, lower: str) -> None:
    """Do nothing if ``need`` bytes are free, or the system does not say how many are.

    Args:
        need: bytes.
        what: needs them, the subject of the error's sentence.
        lower: what to do about it, such as a setting and its value.

    Raises:
        IncompatibleError: if they are not.
    """
    free = available()
    if free is not None and need > free:
        raise IncompatibleError(
            f"{what} needs about {need / GIB:,.1f} GiB of memory and {free / GIB:,.1f} are free: "
            f"lower {lower}"
        )


def sizing(shape: Iterable[int], kind: str, chosen: Mapping[str, Any]) -> str:
    """Return the setting to lower where a tensor of ``shape`` is too large, and what it is now.

    It is the largest of the ``chosen`` that is a length of the tensor, or else its half or double.

    Args:
        shape: of the tensor.
        kind: the part of the configuration that the settings stand in, such as ``recommender``.
        chosen: settings and their values.
    """
    lengths = set(shape)
    for near in (lengths, {n // 2 for n in lengths} | {2 * n for n in lengths}):
        found = {n: v for n, v in chosen.items() if type(v) is int and v > 1 and v in near}
        if found:
            name = max(found, key=lambda n: found[n])
            return f"{kind}.{name} (now {found[name]})"
    return f"the number of users or items, or choose another {kind}"


class Bounded(TorchDispatchMode):
    """Within it, tensors are refused before they are made, if together they do not fit.

    Args:
        what: makes them, the subject of the error's sentence.
        kind, chosen: the settings they are made from; see ``sizing``.
    """

    def __init__(self, what: str, kind: str, chosen: Mapping[str, Any]) -> None:
        super().__init__()
        self._what, self._kind, self._chosen = what, kind, chosen
        self._taken, self._free = 0, available()
        self._largest, self._shape = 0, ()

    _shape: tuple[int, ...]

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        size = _bytes_of(func, args, options)
        if size > self._largest:
            self._largest, self._shape = size, tuple(args[0])
        self._taken += size
        if self._free is not None and self._taken > self._free:
            require(self._taken, self._what, sizing(self._shape, self._kind, self._chosen))
        return func(*args, **options)


def _bytes_of(func: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> int:
    """Return the bytes of the tensor that ``func`` makes in main memory from nothing but a size."""
    named = func._schema.arguments
    on = options.get("device")
    if not named or named[0].name != "size" or (on is not None and on.type != "cpu"):
        return 0
    dtype = options.get("dtype") or torch.get_default_dtype()
    return math.prod(args[0]) * dtype.itemsize


def _of_the_machine(meminfo: Path) -> Iterator[int]:
    """Yield the bytes that can be had without swapping, or else all of the machine's."""
    if meminfo.is_file():
        found = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in found:
            yield int(found["MemAvailable"].split()[0]) * 1024
            return
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_groups(root: Path) -> Iterator[int]:
    """Yield what is left in the control groups of this process, and in those around them."""
    listed = root / "proc/self/cgroup"
    for line in listed.read_text().splitlines() if listed.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            top = root / "sys/fs/cgroup" / controllers
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                yield from _left_in(folder)
                if folder == top:
                    break


def _left_in(group: Path) -> Iterator[int]:
    """Yield the bytes a control group may still take; file pages it can drop count as free."""
    for limit, used in zip(LIMITS, USED, strict=True):
        if (group / limit).is_file() and (group / used).is_file():
            most = (group / limit).read_text().strip()
            if most == "max":
                return
            stat = group / "memory.stat"
            counts = dict(line.split() for line in stat.read_text().splitlines())
            dropped = counts.get("total_inactive_file", counts.get("inactive_file", 0))
            yield int(most) - int((group / used).read_text()) + int(dropped)
