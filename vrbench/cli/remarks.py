"""What comments of ``conf/`` say of a choice."""

from __future__ import annotations

import re
from pathlib import Path

from vrbench.cli.folders import files_of
from vrbench.cli.variants import FOLDER

NOT_SAID = re.compile(r"# (?:@package|python -m vrbench|bash )")
LEADS_ON = re.compile(r"[;.] [^;.]*[:,]$")  # to a command, which is left out
NAME = re.compile(r"([^\s#:][^:]*):(?:\s|$)")


def remarks(axis: str, conf: Path) -> dict[str, str]:
    """Return by choice what the comment at its file's head, or above its row, says; "": nothing.

    A comment goes for the rows below it, until a line is empty or another comment begins. Commands
    in it are left out.

    Args:
        axis: a folder of ``conf``.
        conf: the shipped folder.
    """
    table = conf / FOLDER / f"{axis}.yaml"
    found = _of_rows(table.read_text(encoding="utf-8")) if table.is_file() else {}
    for name, path in files_of(axis, conf).items():
        head = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            head.append(line)
        found[name] = _said(head)
    return found


def _of_rows(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    above: list[str] = []
    used = False  # whether a row stands below the comment
    for line in text.splitlines():
        if line.startswith("#"):
            above = [line] if used else [*above, line]
            used = False
        elif not line:
            above, used = [], False
        elif name := NAME.match(line):
            found[name[1]] = _said(above)
            used = True
    return found


def _said(lines: list[str]) -> str:
    """Return comments as one line that begins with a capital."""
    kept = [line.lstrip("# ") for line in lines if not NOT_SAID.match(line)]
    told = LEADS_ON.sub("", " ".join(" ".join(kept).split()))
    first = told.partition(" ")[0].rstrip(",:;")
    return told[:1].upper() + told[1:] if first.isalpha() else told
