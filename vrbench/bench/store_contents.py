"""What a store holds, and what each artifact is, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrbench.bench.seal import FILES, SPEC
from vrbench.core.errors import MissingDataError
from vrbench.core.plurals import how_many

KEY = re.compile("[0-9a-f]{16}")
CHECKPOINT = ".checkpoint"  # after a key: of a training that was interrupted
TOLD = ("attack", "budget", "objective", "recommender", "extractor", "signal", "visuals")


@dataclass(frozen=True)
class Kept:
    """One artifact.

    Attributes:
        address: ``<stage>/<key>``.
        size: bytes on disk.
        used: when a run last asked for it, in seconds since 1970.
        what: what it is, in words.
    """

    address: str
    size: int
    used: float
    what: str

    @property
    def stage(self) -> str:
        """The kind of artifact."""
        return self.address.partition("/")[0]


def kept(root: Path) -> list[Kept]:
    """Return every artifact of a store, by address.

    Raises:
        MissingDataError: if there is no such folder.
    """
    if not root.is_dir():
        raise MissingDataError(f"no store at {root}: name it by --store, or set VRBENCH_STORE")
    found = []
    for folder in artifact_folders(root):
        if is_artifact(folder):
            with suppress(FileNotFoundError):  # taken away meanwhile
                size = sum(file.lstat().st_size for file in folder.iterdir())
                address = f"{folder.parent.name}/{folder.name}"
                found.append(Kept(address, size, folder.stat().st_mtime, _what(folder / SPEC)))
    return found


def artifact_folders(root: Path) -> Iterator[Path]:
    """Yield what lies in the stages of a store, sorted; no link is followed."""
    for stage in sorted(root.iterdir()):
        if stage.is_dir() and not stage.is_symlink():
            yield from sorted(p for p in stage.iterdir() if p.is_dir() and not p.is_symlink())


def is_artifact(folder: Path) -> bool:
    """Return whether a folder is an artifact's: named by a key, with a spec and nothing strange."""
    if not KEY.fullmatch(folder.name) or not (folder / SPEC).is_file():
        return False
    return all(p.name in FILES and not p.is_symlink() and p.is_file() for p in folder.iterdir())


def _what(path: Path) -> str:
    """Return a description of an artifact from its ``spec.json``."""
    try:
        spec = json.loads(path.read_text())
    except ValueError:
        return "damaged"
    if not isinstance(spec, dict):
        return _named(spec)
    words = [_named(spec[key]) for key in TOLD if spec.get(key)]
    items = spec.get("items") or spec.get("targets")
    words += [how_many(len(items), "item")] if isinstance(items, list) else []
    words += [f"seed {spec['seed']}"] if "seed" in spec else []
    return ", ".join(words) or _named(list(spec.values()))


def _named(value: Any) -> str:
    if isinstance(value, dict) and "overlay" in value:
        return f"{_named(value['base'])} under {_named(value['overlay'])}"
    if isinstance(value, dict) and "name" in value:
        inside = [_named(v) for v in value.get("of", {}).values()]
        size = [str(value["eps"])] if "eps" in value else []
        return " ".join([str(value["name"]), *size, *(f"({name})" for name in inside)])
    if isinstance(value, list):
        return " ".join(str(v) for v in value if isinstance(v, str | int | float))
    return str(value) if isinstance(value, str | int | float) else ""
