"""Show, verify or clean what runs keep in the store.

ls shows what it holds, check verifies it, gc takes out what is of no use. gc only says what
would go, unless it is told --yes. What a run is making stays. What is gone is made again when
it is asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from vrbench.report.run_records import read
from vrbench.report.tables import text


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--store", type=Path, help="where it is ($VRBENCH_STORE, or store)")
    actions = parser.add_subparsers(dest="action", required=True)
    ls = actions.add_parser("ls", help="one line per artifact")
    ls.add_argument("folders", nargs="*", help="of runs: also count those that use it")
    gc = actions.add_parser("gc", help="delete")
    gc.add_argument("--keep", nargs="+", metavar="FOLDER", help="what these runs use stays")
    gc.add_argument("--older-than", metavar="AGE", help="what no run asked for since: 30d, 12h")
    gc.add_argument("--max-size", metavar="SIZE", help="least recently used first, down to: 10GB")
    gc.add_argument("--yes", action="store_true", help="do it")
    actions.add_parser("check", help="compare every artifact with its checksums")
    for action in (ls, gc):
        action.add_argument("--stage", help="only: attacks, extractors, features, models, ...")


def main(chosen: argparse.Namespace) -> int:
    """Show, verify or clean; return the exit code."""
    root = chosen.store or Path(os.environ.get("VRBENCH_STORE", "store"))
    sound = True
    if chosen.action == "ls":
        told = listed(root, chosen.folders, chosen.stage)
    elif chosen.action == "check":
        told, sound = verified(root)
    else:
        told = collected(
            root,
            keep=chosen.keep or (),
            stage=chosen.stage,
            older_than=chosen.older_than,
            max_size=chosen.max_size,
            really=chosen.yes,
        )
    sys.stdout.write(told + "\n")
    return 0 if sound else 2


def listed(root: Path, folders: Sequence[str], stage: str | None) -> str:
    """Return a table of what a store holds, and how many of the runs in ``folders`` use it."""
    from vrbench.bench.sizes_and_ages import age, size
    from vrbench.bench.store_contents import kept

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
    from vrbench.bench.sizes_and_ages import in_bytes, in_seconds, size
    from vrbench.bench.store import mark
    from vrbench.bench.store_contents import kept
    from vrbench.bench.store_maintenance import check_is_store, litter, remove, sweep, to_go

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
    from vrbench.bench.store_maintenance import checked

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
