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
from typing import TYPE_CHECKING, Any

from vrbench.core.plurals import how_many
from vrbench.report.run_records import read
from vrbench.report.tables import text

if TYPE_CHECKING:
    from vrbench.bench.store_contents import Kept


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
    total = f"{how_many(len(found), 'artifact')}, {size(sum(a.size for a in found))} in {root}"
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
    """Return the artifacts of a store that would be deleted, one line each; delete if ``really``.

    Without any condition no artifact goes, only what runs that died have left.

    Raises:
        ConfigError: if an age or a size is none, or the folder is no store.
        MissingDataError: if there is no store, or no run in a folder to be kept.
    """
    from vrbench.bench.sizes_and_ages import size
    from vrbench.bench.store import mark
    from vrbench.bench.store_contents import kept
    from vrbench.bench.store_maintenance import check_is_store, litter, remove, sweep, to_go

    narrowed = _conditions(keep, stage, older_than, max_size)
    artifacts = kept(root)
    check_is_store(root)
    if really:
        mark(root)
    going = to_go(artifacts, **narrowed) if narrowed else []
    gone = [(a, not really or remove(root, a.address)) for a in going]
    swept = [(path, not really or sweep(root, path)) for path in litter(root)]
    lines = _told(root, gone, swept, really)
    if not narrowed:
        lines.append("no artifact is chosen: see --keep, --older-than, --max-size, --stage")
    freed = size(sum(a.size for a, away in gone if away))
    whole = size(sum(a.size for a in artifacts))
    sum_up = f"{_verb(really)}: {freed} of {whole}{'' if really else '; --yes does it'}"
    return "\n".join([*lines, sum_up])


def _conditions(
    keep: Sequence[str], stage: str | None, older_than: str | None, max_size: str | None
) -> dict[str, Any]:
    """Return the conditions that are given, as ``to_go`` takes them."""
    from vrbench.bench.sizes_and_ages import in_bytes, in_seconds

    given = {
        "older_than": in_seconds(older_than) if older_than else None,
        "max_size": in_bytes(max_size) if max_size else None,
        "keep": _users(keep) if keep else None,
        "stage": stage,
    }
    return {name: value for name, value in given.items() if value is not None}


def _verb(really: bool) -> str:
    return "deleted" if really else "would go"


def _told(
    root: Path,
    gone: Iterable[tuple[Kept, bool]],
    swept: Iterable[tuple[Path, bool]],
    really: bool,
) -> list[str]:
    """Return a line for each artifact and each left-over, which a run may have in use."""
    from vrbench.bench.sizes_and_ages import size

    what = [(f"{a.address}, {size(a.size)}, {a.what}", away) for a, away in gone]
    what += [(f"{path.relative_to(root)}, left by a run that died", away) for path, away in swept]
    return [f"{_verb(really) if away else 'in use, stays'}: {told}" for told, away in what]


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
