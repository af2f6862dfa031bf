"""Make an entry of a board, of runs or pictures, or check one.

An entry is a folder: a card (YAML), what was measured, and the trained weights (safetensors), or
pictures that attack another entry. `submit make RUNS --to FOLDER` writes one of weights, `submit
make PICTURES --attacks NAME --to FOLDER` one of pictures, and `submit board RUNS --to ENTRIES` one
of every shop of a sweep; `submit check FOLDER` attacks the weights again and says accepted, or why
not (exit code 2). Nothing of it is executed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vrbench.core.errors import ConfigError, VRBenchError

if TYPE_CHECKING:
    from vrbench.report.run_records import Entry


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("make", "board", "check"))
    parser.add_argument(
        "place",
        type=Path,
        help="make: a folder of one shop's runs, or of pictures; board: a folder of runs; check: "
        "an entry, or its name",
    )
    making = parser.add_argument_group("make and board")
    making.add_argument("--to", type=Path, help="a new folder; board: that of all entries")
    making.add_argument(
        "--name", help="DATASET/WHO, by which it is loaded; board: DATASET/RECOMMENDER-EXTRACTOR"
    )
    making.add_argument("--by", help="who measured it")
    making.add_argument("--licence", help="of weights or pictures, such as cc-by-4.0")
    making.add_argument("--paper", default="", help="where it is described")
    making.add_argument("--store", type=Path, default=Path("store"), help="of the runs (store)")
    making.add_argument("--seed", type=int, help="board: whose weights (the first of each shop)")
    pictures = parser.add_argument_group("make, of pictures")
    pictures.add_argument("--attacks", metavar="NAME", help="the entry that they attack")
    pictures.add_argument("--budget", help="within which; default: that entry's")
    pictures.add_argument("--objective", help="their aim; default: that entry's")
    checking = parser.add_argument_group("check")
    checking.add_argument("--tolerance", type=float, default=1e-3, help="relative (0.001)")


def main(chosen: argparse.Namespace) -> int:
    """Make or check; return the exit code."""
    return {"make": _made, "board": _boarded, "check": _checked}[chosen.action](chosen)


def _made(chosen: argparse.Namespace) -> int:
    from vrbench.cli.entry_folder import CARD
    from vrbench.cli.entry_making import make_entry
    from vrbench.cli.entry_pictures import make_pictures
    from vrbench.report import writing

    _needs(chosen, "to", "name", "by", "licence")
    if not chosen.attacks and (chosen.budget or chosen.objective):
        raise ConfigError("--budget and --objective are of pictures: name --attacks, too")
    writing.check(chosen.to / CARD)
    told = {n: getattr(chosen, n) for n in ("name", "by", "licence", "paper")}
    if chosen.attacks:
        aims = {n: getattr(chosen, n) for n in ("attacks", "budget", "objective")}
        card = make_pictures(chosen.place, chosen.to, **aims, **told)
    else:
        card = make_entry(_runs(chosen.place), chosen.to, **told, store=chosen.store)
    for name in ("card.yaml", *card.files):
        sys.stdout.write(f"{chosen.to / name}\n")
    return 0


def _boarded(chosen: argparse.Namespace) -> int:
    from vrbench.cli.entry_folder import CARD
    from vrbench.cli.entry_making import make_board
    from vrbench.report import writing

    _needs(chosen, "to", "by", "licence")
    if chosen.name or chosen.attacks:
        raise ConfigError("submit board names its entries itself: leave out --name and --attacks")
    writing.check(chosen.to / CARD)
    told = {n: getattr(chosen, n) for n in ("by", "licence", "paper", "store", "seed")}
    for folder, card in make_board(_runs(chosen.place), chosen.to, **told):
        sys.stdout.write(f"{folder}{'' if card else ': is there, left as it is'}\n")
        sys.stdout.flush()
    return 0


def _needs(chosen: argparse.Namespace, *names: str) -> None:
    """Raise a ``ConfigError`` that names the options which an action lacks, if it lacks any."""
    lacks = [f"--{name}" for name in names if not getattr(chosen, name)]
    if lacks:
        raise ConfigError(f"submit {chosen.action} needs {', '.join(lacks)}")


def _runs(place: Path) -> list[Entry]:
    """Return the runs with rows below a folder."""
    from vrbench.report.run_records import read

    runs = [entry for _, entry in read([place]) if "rows" in entry]
    if not runs:
        raise ConfigError(f"no run with rows below {place}")
    return runs


def _checked(chosen: argparse.Namespace) -> int:
    from vrbench.cli.entries import entries_folder
    from vrbench.cli.entry_folder import find, read_runs
    from vrbench.cli.entry_making import masked
    from vrbench.cli.entry_pictures import judged

    place = chosen.place
    folder = place if place.is_dir() else find(str(place), entries_folder())
    faults = refused(folder, chosen.tolerance)
    lines = [f"refused: {fault}" for fault in faults]
    if not faults:
        lines = [f"accepted: {folder}", *judged(folder), *masked(read_runs(folder))]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 2 if faults else 0


def refused(folder: Path, tolerance: float = 1e-3) -> list[str]:
    """Return why an entry is refused; empty: it is accepted.

    Its files must be those of its card, its keys must follow from its command lines, it must have
    been run under both aims (lists and mean score) where pictures can move it, and its weights,
    loaded and attacked again in an empty store, must give the numbers that it tells, and no sign of
    masked gradients that it does not tell. Pictures must
    be there, of the catalogue's size and inside the budget, and do to the shop they attack what
    they are said to.
    """
    import tempfile

    from vrbench.cli.commands.check import check
    from vrbench.cli.entries import load
    from vrbench.cli.entry_folder import ROWS, check_files, read_card, read_runs
    from vrbench.cli.entry_making import differing, unaimed
    from vrbench.cli.entry_pictures import refused_pictures

    try:
        card = read_card(folder)
        check_files(folder, card)
        runs = read_runs(folder)
        if card.overrides not in [run.get("overrides") for run in runs]:
            return [f"{ROWS} is of another command line than the card's"]
        with tempfile.TemporaryDirectory() as store:
            if card.attacks:
                return refused_pictures(folder, runs, Path(store), tolerance)
            keys = check([(folder / ROWS, run) for run in runs], seeds=1, sample=0)
            if keys.faults:
                return keys.faults
            loaded = load(folder, store=store)
            return unaimed(loaded, runs) or differing(loaded, runs, tolerance)
    except VRBenchError as reason:
        return [str(reason)]
