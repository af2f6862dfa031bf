"""Make an entry of a board of a run, or check one of somebody else.

An entry is a folder: a card (YAML), what was measured, and the trained weights (safetensors).
`submit make RUN --to FOLDER` writes one; `submit check FOLDER` attacks its weights again and says
accepted, or why not (exit code 2). Nothing of it is executed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vrbench.core.errors import ConfigError, VRBenchError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("make", "check"))
    parser.add_argument("place", type=Path, help="make: the folder of a run; check: of an entry")
    making = parser.add_argument_group("make")
    making.add_argument("--to", type=Path, help="a new folder")
    making.add_argument("--name", help="DATASET/WHO, by which it is loaded")
    making.add_argument("--by", help="who measured it")
    making.add_argument("--licence", help="of the weights, such as cc-by-4.0")
    making.add_argument("--paper", default="", help="where it is described")
    making.add_argument("--store", type=Path, default=Path("store"), help="of the run (store)")
    checking = parser.add_argument_group("check")
    checking.add_argument("--tolerance", type=float, default=1e-3, help="relative (0.001)")


def main(chosen: argparse.Namespace) -> int:
    """Make or check; return the exit code."""
    return _made(chosen) if chosen.action == "make" else _checked(chosen)


def _made(chosen: argparse.Namespace) -> int:
    from vrbench.cli.entries import make_entry
    from vrbench.cli.entry_folder import CARD
    from vrbench.report import writing
    from vrbench.report.run_records import read

    lacks = [f"--{n}" for n in ("to", "name", "by", "licence") if not getattr(chosen, n)]
    if lacks:
        raise ConfigError(f"submit make needs {', '.join(lacks)}")
    writing.check(chosen.to / CARD)
    found = [entry for _, entry in read([chosen.place]) if "rows" in entry]
    if len(found) != 1:
        raise ConfigError(f"{len(found)} runs below {chosen.place}: name the folder of one")
    told = {n: getattr(chosen, n) for n in ("name", "by", "licence", "paper", "store")}
    card = make_entry(found[0], chosen.to, **told)
    for name in ("card.yaml", *card.files):
        sys.stdout.write(f"{chosen.to / name}\n")
    return 0


def _checked(chosen: argparse.Namespace) -> int:
    faults = refused(chosen.place, chosen.tolerance)
    for fault in faults:
        sys.stdout.write(f"refused: {fault}\n")
    if not faults:
        sys.stdout.write(f"accepted: {chosen.place}\n")
    return 2 if faults else 0


def refused(folder: Path, tolerance: float = 1e-3) -> list[str]:
    """Return why an entry is refused; empty: it is accepted.

    Its files must be those of its card, its keys must follow from its command line, and its
    weights, loaded and attacked again in an empty store, must give the numbers that it tells.
    """
    import tempfile

    from vrbench.cli.commands.check import check
    from vrbench.cli.entries import differing, load
    from vrbench.cli.entry_folder import ROWS, check_files, read_card, read_rows

    try:
        card = read_card(folder)
        check_files(folder, card)
        told = read_rows(folder)
        if told.get("overrides") != card.overrides:
            return [f"{ROWS} is of another command line than the card's"]
        keys = check([(folder / ROWS, told)], seeds=1, sample=0)
        if keys.faults:
            return keys.faults
        with tempfile.TemporaryDirectory() as store:
            return differing(load(folder, store=store), told["rows"], tolerance)
    except VRBenchError as reason:
        return [str(reason)]
