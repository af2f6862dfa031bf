"""What a file holds, as a hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 1 << 22


def sha256(path: str | Path) -> str:
    """Return the hash of a file as hexadecimal digits, read in blocks."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()
