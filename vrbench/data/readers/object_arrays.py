"""Safe reading of NumPy object arrays: no code of the pickle is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vrbench.core.archives import ForgedError, reading
from vrbench.core.arrays import array_of, counted, dtype_of, read_header, read_npy
from vrbench.core.files import regular
from vrbench.core.inert_pickle import read_pickle
from vrbench.core.pickle_tokens import Makes, Token, container
from vrbench.data.published import source_of

NUMPY = ("numpy.core.", "numpy._core.")  # where NumPy keeps what it pickles its arrays with


def load_objects(path: Path) -> np.ndarray:
    """Return the array of a ``.npy`` file whose elements may be containers, numbers and bytes.

    ``numpy.load(allow_pickle=True)`` runs whatever a file tells it to. This reader takes the
    pickle for data: it makes arrays of a few dtypes, whose lengths it checks, containers and
    numbers, and refuses every other name. Text of files that Python 2 wrote comes as bytes.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is damaged, or asks for anything else.
    """
    regular(path, f"no file {path}: put the published .npy archive there{source_of(path)}")
    with reading(path), open(path, "rb") as file:
        if not read_header(file)[2].hasobject:
            file.seek(0)
            return read_npy(file)
        held = read_pickle(file, _named)
        if isinstance(held, np.ndarray):
            return held
        raise ForgedError("it holds no array")


def load_tree(path: Path) -> Any:
    """Return the containers, arrays and numbers that a pickle holds, read as ``load_objects`` does.

    Raises:
        DataError: if it is damaged, or asks for anything else.
    """
    with reading(path), open(path, "rb") as file:
        return read_pickle(file, _named)


def _named(name: str) -> Token:
    short = next((name.removeprefix(p) for p in NUMPY if name.startswith(p)), name)
    made = container(name) or TOKENS.get(short)
    if made is None:
        raise ForgedError(f"it asks for {name}, which no data set needs")
    return made


class _Kind(Token):
    """A dtype, whose state may say nothing but the order of bytes."""

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "|" if name[0] in "OSb" else "="

    def built(self, state: Any) -> _Kind:
        if not isinstance(state, tuple) or len(state) < 5 or any(x is not None for x in state[2:5]):
            raise ForgedError("it sets a state of a dtype")
        self.order = _text(state[1])
        return self

    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.name, self.order)


class _Draft(Token):
    """An array before its state is known."""

    def built(self, state: Any) -> np.ndarray:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Kind):
            raise ForgedError("an array of it has another state")
        _, shape, kind, fortran, data = state
        if kind.name == "O":
            return _objects(data, shape, bool(fortran))
        if not isinstance(data, bytes):
            raise ForgedError("an array of it has no bytes")
        return array_of(data, kind.dtype(), shape, bool(fortran))


def _objects(held: Any, shape: Any, fortran: bool) -> np.ndarray:
    if not isinstance(held, list) or len(held) != counted(shape):
        raise ForgedError(
            f"an array of it has other than the {counted(shape)} elements of its shape"
        )
    flat = np.empty(len(held), dtype=object)
    for n, value in enumerate(held):
        flat[n] = value
    return flat.reshape(shape, order="F" if fortran else "C")


def _kind(name: Any, *_: Any) -> _Kind:
    told = _text(name)
    told = {"O8": "O", "O4": "O"}.get(told, told)
    if told != "O":
        dtype_of(told)
    return _Kind(told)


def _scalar(kind: Any, data: Any) -> Any:
    if not isinstance(kind, _Kind) or not isinstance(data, bytes) or kind.name == "O":
        raise ForgedError("a number of it is none")
    return array_of(data, kind.dtype(), ())[()]


def _buffered(data: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(kind, _Kind) or not isinstance(data, bytes) or kind.name == "O":
        raise ForgedError("an array of it has no bytes")
    return array_of(data, kind.dtype(), shape, order == "F")


def _text(told: Any) -> str:
    if not isinstance(told, str | bytes):
        raise ForgedError("a dtype of it has no name")
    return told if isinstance(told, str) else told.decode("ascii")


TOKENS: dict[str, Token] = {
    "numpy.ndarray": Makes("numpy.ndarray", lambda *_: _Draft()),
    "numpy.dtype": Makes("numpy.dtype", _kind),
    "multiarray._reconstruct": Makes("_reconstruct", lambda *_: _Draft()),
    "multiarray.scalar": Makes("scalar", _scalar),
    "numeric._frombuffer": Makes("_frombuffer", _buffered),
}
