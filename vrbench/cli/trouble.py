"""Errors in one line with their place; the traceback is kept in a file."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

FULL = "HYDRA_FULL_ERROR"  # Hydra's own switch
SHOWN = f"{FULL}=1 shows the traceback"


class Ended(SystemExit):
    """This process is ended from outside (SIGTERM), no component did it."""


def full_error() -> bool:
    """Whether the user asks for tracebacks (``HYDRA_FULL_ERROR=1``)."""
    return os.environ.get(FULL) == "1"


def line(error: BaseException) -> str:
    """Return an error as one line: its class and its text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def ended(error: SystemExit) -> RuntimeError:
    """Return the error for a component that called ``sys.exit``."""
    told = RuntimeError(f"a component ended the process: exit code {error.code}")
    return told.with_traceback(error.__traceback__)


def of_argparse(error: SystemExit) -> bool:
    """Whether a parser of a command line exits: it has said why, or shown its help."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return last.filename == argparse.__file__


def place(error: BaseException, *but: str) -> str:
    """Return ``"file:line"`` of the innermost line that is no library's; empty if there is none.

    Args:
        error: with its traceback.
        but: files that do not count.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename not in but and not _of_a_library(frame.filename):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def blamed(error: BaseException, targets: dict[str, str]) -> str:
    """Return the component that raised, as ``"attack (mine.Mine): "``; empty if none did.

    Args:
        error: with its traceback.
        targets: by place in the configuration, the dotted name of what is called there.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        for where, target in targets.items():
            module = sys.modules.get(target.rpartition(".")[0])
            if module is not None and getattr(module, "__file__", None) == frame.filename:
                return f"{where} ({target}): "
    return ""


def written(error: BaseException, path: Path) -> str:
    """Write the traceback to a file, and return a hint at its path for the message."""
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return SHOWN
    return f"traceback: {path}"


def _of_a_library(filename: str) -> bool:
    """Whether a file belongs to Python or to an installed package other than this one."""
    if filename.startswith("<"):  # <frozen importlib...>, <string>
        return True
    path = Path(filename)
    if path.is_relative_to(Path(__file__).parents[1]):
        return False
    inside = {"site-packages", "dist-packages"} & set(path.parts)
    return bool(inside) or path.is_relative_to(Path(os.__file__).parent)
