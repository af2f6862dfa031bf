"""Standard streams and encodings."""

from __future__ import annotations

import io
import logging
import os
import sys

UTF8 = "PYTHONUTF8"  # Python's own switch


def in_utf8() -> None:
    """Start again in Python's UTF-8 mode where names of files and arguments are not UTF-8.

    Under ``LC_ALL=C`` with that mode off, a category typed in any other alphabet is nobody's, and
    a path of our own making cannot be opened; the bytes of the command line stay as they are.
    """
    known = sys.getfilesystemencoding().lower() in ("utf-8", "utf8")
    if os.name == "posix" and not known and os.environ.get(UTF8) != "1":
        os.execve(sys.executable, sys.orig_argv, os.environ | {UTF8: "1"})


def print_anything() -> None:
    """Replace letters that the terminal cannot encode, and report a full disk.

    A log file that cannot be written would bury the one line under a traceback for each.
    """
    logging.raiseExceptions = False
    for shown in (sys.stdout, sys.stderr):
        if isinstance(shown, io.TextIOWrapper):
            shown.reconfigure(errors="replace")


def forget_empty() -> None:
    """Treat empty environment variables of vrbench as unset."""
    for name in [n for n, told in os.environ.items() if n.startswith("VRBENCH_") and not told]:
        del os.environ[name]


class Once(logging.Filter):
    """A log filter that passes each message of a vrbench module once a process.

    What the cells themselves say (the logger ``vrbench``) always passes.
    """

    told: set[str] = set()  # noqa: RUF012 (logging is set up anew for every cell)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this is to be shown."""
        if not record.name.startswith("vrbench."):
            return True
        said = record.getMessage()
        new = said not in self.told
        self.told.add(said)
        return new


def print_nothing() -> None:
    """Discard further output, messages at interpreter exit included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
