"""Files of ``torch.save`` read as data: tensors and containers, and inert stand-ins."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from vrbench.core.archives import ForgedError, member_of, opened_zip, reading
from vrbench.core.arrays import counted
from vrbench.core.inert_pickle import read_pickle
from vrbench.core.pickle_tokens import Makes, StandIn, Token, container

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the format before torch 1.6
STAND_INS = {"dill", "robustness", "cox", "apex", "argparse", "numpy", "torch", "munch", "copyreg"}
STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}


def read_saved(path: Path) -> Any:
    """Return what ``torch.save`` wrote, in its zip format or the one before.

    Objects of known training libraries become inert stand-ins; nothing of them is imported.

    Raises:
        DataError: if it is damaged, asks for any other name, or unpacks to too much.
    """
    with reading(path):
        if zipfile.is_zipfile(path):
            return _zipped(path)
        with open(path, "rb") as file:
            return _legacy(file)


def _zipped(path: Path) -> Any:
    with opened_zip(path) as archive:
        names = archive.namelist()
        if any(name.endswith("constants.pkl") for name in names):
            raise ForgedError("it is a TorchScript program, not a checkpoint")
        root = next((n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl")), None)
        if root is None:
            raise ForgedError("it is no checkpoint: no data.pkl in it")
        order = f"{root}byteorder"
        if order in names and member_of(archive, order) != b"little":
            raise ForgedError("it was written on a machine of another byte order")
        held: dict[str, Tensor] = {}

        def storage(told: Any) -> Token:
            kind, key, _ = _described(told)
            if key not in held:
                held[key] = _bytes(member_of(archive, f"{root}data/{key}"))
            return _Storage(held[key], kind)

        return _unpickled(io.BytesIO(member_of(archive, f"{root}data.pkl")), storage)


def _legacy(file: BinaryIO) -> Any:
    """Return the object, whose storages follow its pickle."""
    listed: dict[str, int] = {}
    held: dict[str, Tensor] = {}

    def storage(told: Any) -> Token:
        if isinstance(told, tuple) and told and told[0] == "module":
            return StandIn()
        kind, key, count = _described(told)
        listed[key] = count * kind.itemsize
        return _Storage(held[key], kind) if key in held else StandIn()

    if _unpickled(file, None) != MAGIC or _unpickled(file, None) != PROTOCOL:
        raise ForgedError("it is no checkpoint of torch")
    machine = _unpickled(file, None)
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise ForgedError("it was written on a machine of another byte order")
    at = file.tell()
    _unpickled(file, storage)  # only to learn which storages there are
    keys = _unpickled(file, None)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(listed):
        raise ForgedError("its tensors are not those it lists")
    for key in map(str, keys):
        file.read(8)  # how many numbers
        held[key] = _bytes(file.read(listed[key]))
    file.seek(at)
    return _unpickled(file, storage)


def _unpickled(file: BinaryIO, storage: Callable[[Any], Token] | None) -> Any:
    return read_pickle(file, _named, strings="utf-8", persistent=storage)


def _described(told: Any) -> tuple[torch.dtype, str, int]:
    """Return dtype, key and length of a storage, of which nothing is believed yet."""
    if not isinstance(told, tuple) or len(told) < 5 or told[0] != "storage":
        raise ForgedError("it asks for something outside of it")
    kind, key, count = told[1], told[2], told[4]
    if not isinstance(kind, _Name) or kind.name not in STORAGES:
        raise ForgedError("it holds numbers of a type that is not read")
    if len(told) > 5 and told[5] is not None:
        raise ForgedError("it holds views as torch wrote them before 0.4")
    return STORAGES[kind.name], str(key), counted((count,))


def _bytes(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0).byte()


class _Storage(Token):
    """The numbers that tensors are views of."""

    def __init__(self, data: Tensor, kind: torch.dtype) -> None:
        self.data, self.kind = data, kind

    def view(self, kind: torch.dtype | None, offset: Any, size: Any, stride: Any) -> Tensor:
        """Return the tensor, none of whose numbers lies outside."""
        kind = kind or self.kind
        count, steps = counted(size), counted(stride)
        there = len(self.data) // kind.itemsize
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if type(offset) is not int or offset < 0 or steps < 0 or count > there:
            raise ForgedError("a tensor of it is larger than what it holds")
        if count and last >= there:
            raise ForgedError("a tensor of it lies outside of what it holds")
        flat = self.data[: there * kind.itemsize]
        if kind == torch.bool:
            return (flat != 0).as_strided(size, stride, offset)
        return flat.view(kind).as_strided(size, stride, offset if count else 0)


class _Name(StandIn):
    """A name of torch that says what numbers are, not what to do."""

    def __init__(self, name: str) -> None:
        self.name = name


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor | StandIn:
    """Return what ``_rebuild_tensor``, ``_v2`` and, with a dtype of its own, ``_v3`` would."""
    if not isinstance(storage, _Storage):
        return StandIn()
    named = next((r.name for r in rest if isinstance(r, _Name)), None)
    kind = getattr(torch, named, None) if named else None
    if named and not isinstance(kind, torch.dtype):
        raise ForgedError("a tensor of it has no dtype")
    return storage.view(kind, offset, size, stride)


def _named(name: str) -> Token:
    made = container(name) or TOKENS.get(name)
    if made is not None:
        return made
    root, _, last = name.rpartition(".")
    if root in ("torch", "torch.storage") and (last in STORAGES or last in DTYPES):
        return _Name(last)
    if name.partition(".")[0] in STAND_INS:
        return StandIn()
    raise ForgedError(f"it asks for {name}, which no checkpoint needs")


DTYPES = {name for name, kind in vars(torch).items() if isinstance(kind, torch.dtype)}
TOKENS: dict[str, Token] = {
    **{
        f"torch._utils._rebuild_tensor{end}": Makes(f"_rebuild_tensor{end}", _tensor)
        for end in ("", "_v2", "_v3")
    },
    **{
        f"torch._utils.{name}": Makes(name, lambda held, *_: held)
        for name in ("_rebuild_parameter", "_rebuild_parameter_with_state")
    },
    "torch.Size": Makes("torch.Size", lambda size=(): tuple(size)),
    "builtins.slice": StandIn(),
    "builtins.object": StandIn(),
}
