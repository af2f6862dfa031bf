"""Print and draw a metric against the budget or another metric.

Folders of runs; or tables that this command wrote with --format csv, to be drawn again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vrbench.cli import output
from vrbench.core.errors import ConfigError
from vrbench.report import writing

if TYPE_CHECKING:
    from vrbench.report.plots.curves import Curve


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser)
    parser.add_argument("--metric", default="nDCG@10")
    parser.add_argument(
        "--x", default="eps", help="eps (default), clean: the metric before; queries, SSIM, L2, ..."
    )
    parser.add_argument("--show", choices=("change", "value"), default="change")
    parser.add_argument("--reported", type=Path, help="a file of conf/reported")
    parser.add_argument(
        "--only", default="", metavar="NAME", help="curves of this model, attack or norm"
    )
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")
    parser.add_argument("--title", default="", help="of the picture")
    parser.add_argument(
        "--across", default="", help="what is written below it: a size and its unit"
    )


def main(chosen: argparse.Namespace) -> int:
    """Print and draw the curves; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    if chosen.x == "clean":
        return _against_clean(chosen)
    from vrbench.report.plots import curves as report

    lines, x, show = _lines(chosen)
    if chosen.reported:
        lines += report.reported(chosen.reported)
    lines = [line for line in lines if not chosen.only or chosen.only in line.label.split(", ")]
    if not lines:
        raise ConfigError(f"no curve is of {chosen.only!r}")
    output.table(chosen, *report.table(lines, x, show))
    if chosen.picture:
        words = (chosen.title, chosen.across)
        report.draw(lines, chosen.metric, chosen.picture, x, show, *words)
    return 0


def _lines(chosen: argparse.Namespace) -> tuple[list[Curve], str, Literal["change", "value"]]:
    """Return the curves of tables or of runs, what they go across, and what they show."""
    from vrbench.report.leaderboard import load
    from vrbench.report.plots import curves as report
    from vrbench.report.plots.curve_tables import is_table, read_table

    tables = [folder for folder in map(Path, chosen.folders) if is_table(folder)]
    if not tables:
        lines = report.curves(load(chosen.folders), chosen.metric, chosen.x, chosen.show)
        return lines, chosen.x, chosen.show
    if len(chosen.folders) > 1:
        raise ConfigError("one table at a time, and no runs beside it")
    return read_table(tables[0])


def _against_clean(chosen: argparse.Namespace) -> int:
    """Print and draw by what attacks multiply a metric, against its clean value."""
    from vrbench.report.leaderboard import load
    from vrbench.report.plots import against_clean as report

    cells = report.against_clean(load(chosen.folders), chosen.metric)
    if chosen.reported:
        cells += report.published(chosen.reported, chosen.metric)
    output.table(chosen, *report.table(cells, chosen.metric))
    if chosen.picture:
        report.draw(cells, chosen.metric, chosen.picture)
    return 0
