"""Files that would run something if anything of them were called, and who watches for it."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

NAMES = (
    ("os", "system"),
    ("posix", "system"),
    ("os", "popen"),
    ("os", "mkdir"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "open"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("subprocess", "check_output"),
    ("runpy", "_run_code"),
    ("runpy", "run_path"),
    ("torch.hub", "load"),
    ("torch", "load"),
    ("torch.utils.cpp_extension", "load_inline"),
    ("torch._utils", "_rebuild_wrapper_subclass"),
    ("torch.storage", "_load_from_bytes"),
    ("numpy", "load"),
    ("numpy.ctypeslib", "load_library"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.core.multiarray", "fromfile"),
    ("ctypes", "CDLL"),
    ("pickle", "loads"),
    ("marshal", "loads"),
    ("importlib", "import_module"),
    ("webbrowser", "open"),
    ("code", "interact"),
    ("dill._dill", "_create_function"),
    ("dill", "loads"),
    ("copyreg", "_reconstructor"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("types", "CodeType"),
)
WATCHED = ("os.", "subprocess.", "socket.", "ctypes.", "shutil.", "pickle.", "webbrowser.", "exec")
_seen: list[str] | None = None


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _seen is None:
        return
    write = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if write or event == "import" or event.startswith(WATCHED):
        _seen.append(f"{event} {args}")


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Yield a list that fills with what is imported, executed, unpickled, started or written."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


def calls(module: str, name: str, mark: str) -> dict[str, bytes]:
    """Return pickles that call a name with a text, one per opcode that can."""
    m, n, told = module.encode(), name.encode(), mark.encode()
    text = b"X" + len(told).to_bytes(4, "little") + told
    short = b"\x8c" + bytes([len(m)]) + m + b"\x8c" + bytes([len(n)]) + n
    glob = b"c" + m + b"\n" + n + b"\n"
    return {
        "reduce": b"\x80\x02" + glob + b"(" + text + b"tR.",
        "stack_global": b"\x80\x04" + short + b"\x93(" + text + b"tR.",
        "inst": b"(" + text + b"i" + m + b"\n" + n + b"\n.",
        "obj": b"(" + glob + text + b"o.",
        "newobj": b"\x80\x02" + glob + b"(" + text + b"t\x81.",
        "newobj_ex": b"\x80\x04" + glob + b"(" + text + b"t}\x92.",
        "build": b"\x80\x02" + glob + b"}C\x0c__setstate__" + glob + b"sb" + text + b"b.",
        "build_slots": b"\x80\x02" + glob + b"N}" + text + glob + b"s\x86b.",
        "defaultdict": b"ccollections\ndefaultdict\n(" + glob + b"tR" + text + b"N" + b"s.",
        "dtype": b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR(K\x03X\x01\x00\x00\x00|N(" + glob
        + b"tNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb.",
        "nested": b"]}X\x01\x00\x00\x00a]](" + glob + b"(" + text + b"tReasa.",
        "persid": b"P" + glob.replace(b"\n", b" ") + b"\n.",
        "binpersid": glob + b"(" + text + b"tRQ.",
        "ext": b"\x80\x02\x82\x01(" + text + b"tR.",
    }  # fmt: skip


def npy_of(held: bytes) -> bytes:
    """Return an ``.npy`` file of objects with that pickle in it."""
    file = io.BytesIO()
    header = {"shape": (1,), "fortran_order": False, "descr": "|O"}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + held


def zip_of(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, held in parts.items():
            made.writestr(name, held)
    return file.getvalue()


def files_of(held: bytes) -> dict[str, bytes]:
    """Return every kind of file that a pickle can hide in, by a name with the right ending."""
    legacy = b"".join(pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {}))
    torch_zip = {"a/data.pkl": held, "a/version": b"3\n", "a/byteorder": b"little"}
    return {
        "bare.pth": held,
        "legacy.pth": legacy + held + pickle.dumps([], 2),
        "zip.pth": zip_of(torch_zip),
        "lightning.ckpt.pth": zip_of(torch_zip | {"a/code/x.py": b"import os", "x.pkl": held}),
        "objects.npy": npy_of(held),
        "objects.npz": zip_of({"items.npy": npy_of(held), "pixels.npy": npy_of(held)}),
        "named.npz": zip_of({"items.npy": held, "pixels.npy": held}),
    }


def mark_of(folder: str | os.PathLike[str]) -> str:
    """Return a command, an expression and a path in one, which leaves a file when it is run."""
    return os.path.join(folder, "ran")
