"""What ``python -m vrbench store`` says and does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from vrbench.bench.store import mark
from vrbench.bench.upkeep import (
    age,
    check_is_store,
    checked,
    in_bytes,
    in_seconds,
    kept,
    litter,
    remove,
    size,
    sweep,
    to_go,
)
from vrbench.report.entries import read
from vrbench.report.tables import text


def listed(root: Path, folders: Sequence[str], stage: str | None) -> str:
    """Return a table of what a store holds, and how many of the runs in ``folders`` use it."""
    now, runs = time.time(), _users(folders)
    found = [a for a in kept(root) if stage in (None, a.stage)]
    heads = ["artifact", "size", "unused for", *(["runs"] if folders else []), "what"]
    lines = [
        [a.address, size(a.size), age(now - a.used)]
        + ([str(runs[a.address])] if folders else [])
        + [a.what]
        for a in found
    ]
    total = f"{len(found)} artifacts, {size(sum(a.size for a in found))} in {root}"
    return f"{text(heads, lines, words=True)}\n\n{total}"


def collected(
    root: Path,
    *,
    keep: Sequence[str],
    stage: str | None,
    older_than: str | None,
    max_size: str | None,
    really: bool,
) -> str:
    """Return what of a store would go, one line each; or delete it, if ``really``.

    Without any condition no artifact goes, only what runs that died have left.

    Raises:
        ConfigError: if an age or a size is none, or the folder is no store.
        MissingDataError: if there is no store, or no run in a folder to be kept.
    """
    age_limit = in_seconds(older_than) if older_than else None
    limit = in_bytes(max_size) if max_size else None
    artifacts, stay = kept(root), _users(keep)
    check_is_store(root)
    if really:
        mark(root)
    narrowed = bool(keep) or any(c is not None for c in (stage, age_limit, limit))
    going = (
        to_go(artifacts, keep=stay, stage=stage, older_than=age_limit, max_size=limit)
        if narrowed
        else []
    )
    lines, freed, verb = [], 0, "deleted" if really else "would go"
    for artifact in going:
        gone = not really or remove(root, artifact.address)
        freed += artifact.size if gone else 0
        what = f"{artifact.address}, {size(artifact.size)}, {artifact.what}"
        lines.append(f"{verb if gone else 'in use, stays'}: {what}")
    for path in litter(root):
        gone = not really or sweep(root, path)
        left = f"{path.relative_to(root)}, left by a run that died"
        lines.append(f"{verb if gone else 'in use, stays'}: {left}")
    if not narrowed:
        lines.append("no artifact is chosen: see --keep, --older-than, --max-size, --stage")
    whole = size(sum(a.size for a in artifacts))
    lines.append(f"{verb}: {size(freed)} of {whole}{'' if really else '; --yes does it'}")
    return "\n".join(lines)


def verified(root: Path) -> tuple[str, bool]:
    """Return one line per damaged artifact and a sum, and whether all is sound."""
    found = checked(root)
    lines = [f"damaged: {line}: delete that folder, and it is made anew" for line in found.damaged]
    told = f"{found.sound} sound, {len(found.damaged)} damaged"
    if found.unsealed:
        told += f", {found.unsealed} without a checksum, as of older versions, not verified"
    return "\n".join([*lines, told]), not found.damaged


def _users(folders: Iterable[str]) -> Counter[str]:
    """Return how many runs below some folders asked for each artifact."""
    found: Counter[str] = Counter()
    folders = list(folders)
    for _, entry in read(folders) if folders else ():
        found.update({step["address"] for step in entry.get("stages", ())})
    return found
