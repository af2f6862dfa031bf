"""Print the rows of runs as a table or page, or check them.

They are read from the ``rows.json`` files below some folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrbench.cli import output
from vrbench.core.errors import ConfigError
from vrbench.report import writing

if TYPE_CHECKING:
    from vrbench.report.run_records import Entry

PUBLISHED = 5  # seeds of a published table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser, "json", "html")
    parser.add_argument("--metrics", nargs="+", metavar="COLUMN", help="columns; default: a few")
    parser.add_argument("--headline", default="CHR@20", help="by what a page ranks (CHR@20)")
    parser.add_argument(
        "--over-pairs",
        action="store_true",
        help="one line per cell over all pairs of categories: the ratio of the headline, or its "
        "mean where it is a change (rank shift)",
    )
    parser.add_argument(
        "--record", type=Path, help="also write the cells, with settings and seeds, to this .jsonl"
    )
    checks = parser.add_argument_group(
        "checks", "of keys, names and seeds; some cells are run again. Exit code 2 on any fault"
    )
    checks.add_argument("--check", action="store_true", help="check, instead of printing a table")
    checks.add_argument("--seeds", type=int, default=3, help="the least number per cell (3)")
    checks.add_argument("--published", action="store_true", help="5 seeds, as for published tables")
    checks.add_argument("--sample", type=int, default=1, help="how many cells to run again (1)")
    checks.add_argument("--sample-seed", type=int, default=0, help="which (0)")
    checks.add_argument("--tolerance", type=float, default=1e-3, help="relative (0.001)")


def main(chosen: argparse.Namespace) -> int:
    """Print or check what was asked for; return the exit code."""
    writing.check(chosen.out, chosen.record)
    if chosen.check:
        return _check(chosen)
    import json

    from vrbench.report.identity import counted
    from vrbench.report.leaderboard import board, load, unrounded
    from vrbench.report.run_records import read, record

    entries = load(chosen.folders)
    if chosen.record:
        found = counted([entry for _, entry in read(chosen.folders)])
        writing.write(chosen.record, record(found))
    if chosen.format == "html":
        from vrbench.report.pages.leaderboard import page

        out = chosen.out or Path("leaderboard.html")
        told = [entry | _card(Path(entry["folder"])) for entry in entries]
        output.put(out, page(told, chosen.metrics, chosen.headline, _papers(entries)))
    elif chosen.format == "json":
        output.put(chosen.out, json.dumps(unrounded(entries, chosen.metrics), indent=1) + "\n")
    elif chosen.over_pairs:
        from vrbench.report.over_pairs import over_pairs

        heads, lines = over_pairs(entries, chosen.headline)
        if not lines:
            raise ConfigError("no cell has two pairs of categories: sweep scenario=nine_pairs")
        output.board(chosen, heads, lines)
    else:
        output.board(chosen, *board(entries, chosen.metrics))
    return 0


def _card(folder: Path) -> dict[str, str]:
    """Return who submitted what lies in a folder, where it is described, and how it is loaded."""
    from vrbench.cli.entry_folder import CARD, read_card
    from vrbench.core.errors import DataError

    if not (folder / CARD).is_file():
        return {}
    try:
        card = read_card(folder)
    except DataError:  # whoever checks it is told; a board shows the numbers
        return {}
    return {"by": card.by, "entry": card.name, "attacks": card.attacks, "paper": card.paper}


def _papers(entries: Sequence[Entry]) -> dict[str, str]:
    """Return where each recommender of the house was published, by component."""
    from vrbench import recommenders

    named = {str(e["parts"]["recommender"].get("component") or "") for e in entries}
    known = named & set(dir(recommenders))
    return {name: str(getattr(getattr(recommenders, name), "paper", "")) for name in known}


def _check(chosen: argparse.Namespace) -> int:
    """Say what is wrong with the rows, if anything; return the exit code."""
    import logging
    import sys

    from vrbench.cli.commands.check import check
    from vrbench.report.run_records import read

    output.show_progress(logging.WARNING)
    result = check(
        read(chosen.folders),
        seeds=PUBLISHED if chosen.published else chosen.seeds,
        sample=chosen.sample,
        sample_seed=chosen.sample_seed,
        tolerance=chosen.tolerance,
    )
    lines = [
        *(f"checked: {line}" for line in result.done),
        *(f"refused: {f}" for f in result.faults),
    ]
    sys.stdout.write("\n".join([*lines, "" if result.faults else "no fault found\n"]))
    return 2 if result.faults else 0
