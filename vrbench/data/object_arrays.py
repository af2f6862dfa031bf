"""NumPy files that hold Python objects, read without executing what was handed in."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from vrbench.core.errors import DataError, MissingDataError

BUILDERS = ("_reconstruct", "scalar")  # what NumPy pickles its arrays and numbers with
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
CONTAINERS = ("dict", "list", "tuple", "set", "int", "float", "bool", "bytes", "str")


def load_objects(path: Path) -> np.ndarray:
    """Return the array of a ``.npy`` file whose elements may be containers, numbers and bytes.

    ``numpy.load(allow_pickle=True)`` runs whatever a file tells it to. This reader makes arrays,
    containers and numbers, and refuses every other name before it is looked up. Text of files
    that Python 2 wrote comes as bytes.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is damaged, or asks for anything else.
    """
    if not path.is_file():
        raise MissingDataError(f"no file {path}: put the published .npy archive there")
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }
            _, _, dtype = header[version](file)
            if dtype.hasobject:
                held = _Plain(file, encoding="bytes").load()
                if isinstance(held, np.ndarray):
                    return held
                raise DataError("it holds no array")
        return np.load(path, allow_pickle=False)
    except DataError as error:
        raise DataError(f"{path} is refused: {error}") from None
    except Exception as error:
        # Whatever a forged file makes the reader stumble over, it is no archive.
        told = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"cannot read {path}: {told}") from error


class _Plain(pickle.Unpickler):
    """Builds arrays, containers and numbers, and refuses the rest."""

    def find_class(self, module: str, name: str) -> Any:
        if module in MODULES and name in BUILDERS:
            return super().find_class("numpy._core.multiarray" if _NEW else module, name)
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if module in ("builtins", "__builtin__") and name in CONTAINERS:
            return super().find_class("builtins", name)
        if (module, name) == ("collections", "defaultdict"):
            return collections.defaultdict
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("_codecs", "encode"):
            return _latin
        raise DataError(f"it asks for {module}.{name}, which no data set needs")


_NEW = int(np.__version__.partition(".")[0]) >= 2  # where NumPy keeps its builders


def _latin(text: str, encoding: str = "latin1") -> bytes:
    """Return bytes as Python 3 writes them into old pickles."""
    if encoding not in ("latin1", b"latin1"):
        raise DataError(f"it asks for the codec {encoding!r}, which no data set needs")
    return text.encode("latin1")
