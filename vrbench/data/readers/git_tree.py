"""The content of a folder as a Git tree hash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def git_tree(folder: Path) -> str:
    """Return the id of the Git tree of a folder of plain files, as 40 hexadecimal digits.

    It is what ``git rev-parse COMMIT^{tree}`` says of a commit that holds the same files, however
    an archive of them was packed. Empty folders do not count, as in Git.
    """
    return _tree(folder).hex()


def _tree(folder: Path) -> bytes:
    with os.scandir(folder) as found:
        entries = sorted((e.name + "/" * e.is_dir(), Path(e.path)) for e in found)
    lines = []
    for name, path in entries:
        if not name.endswith("/"):
            lines.append(b"100644 " + name.encode() + b"\0" + _hash("blob", path.read_bytes()))
        elif any(path.iterdir()):
            lines.append(b"40000 " + name[:-1].encode() + b"\0" + _tree(path))
    return _hash("tree", b"".join(lines))


def _hash(kind: str, content: bytes) -> bytes:
    head = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).digest()
