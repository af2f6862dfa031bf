"""Print and draw a metric against the budget or another metric."""

from __future__ import annotations

import argparse
from pathlib import Path

from vrbench.cli import output
from vrbench.report import writing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser)
    parser.add_argument("--metric", default="nDCG@10")
    parser.add_argument(
        "--x", default="eps", help="eps (default), clean: the metric before; queries, SSIM, L2, ..."
    )
    parser.add_argument("--show", choices=("change", "value"), default="change")
    parser.add_argument("--reported", type=Path, help="a file of conf/reported")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")


def main(chosen: argparse.Namespace) -> int:
    """Print and draw the curves; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    if chosen.x == "clean":
        return _against_clean(chosen)
    from vrbench.report.leaderboard import load
    from vrbench.report.plots import curves as report

    lines = report.curves(load(chosen.folders), chosen.metric, chosen.x, chosen.show)
    if chosen.reported:
        lines += report.reported(chosen.reported)
    output.table(chosen, *report.table(lines, chosen.x, chosen.show))
    if chosen.picture:
        across = "eps, in the units of the budget" if chosen.x == report.EPS else chosen.x
        upwards = chosen.metric if chosen.show == "value" else None
        report.draw(lines, chosen.metric, chosen.picture, across, upwards)
    return 0


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
