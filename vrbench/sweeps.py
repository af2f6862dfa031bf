"""A sweep started from inside: the same command line, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vrbench.report.entries import Entry, read


def quoted(value: str) -> str:
    """Return ``value`` as one string of Hydra's grammar, whatever is in it."""
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + (r"\'" if m[2] else ""), value)
    return f"'{escaped}'"  # backslashes count before quotes only


def sweep(overrides: Sequence[str], folder: Path) -> list[Entry]:
    """Run ``python -m vrbench -m`` and return what its cells left behind below ``folder``.

    Cells that fail say so and leave the others alone; what is in the store is not made again.

    Args:
        overrides: as on the command line.
        folder: emptied of earlier cells, which the same sweep would write again.

    Raises:
        MissingDataError: if no cell left anything.
    """
    for old in folder.rglob("rows.json"):
        old.unlink()
    command = [sys.executable, "-m", "vrbench", "-m", *overrides]
    subprocess.run([*command, f"hydra.sweep.dir={quoted(str(folder.resolve()))}"], check=False)
    return [entry | {"folder": str(path.parent)} for path, entry in read([folder])]
