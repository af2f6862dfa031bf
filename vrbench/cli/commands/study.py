"""Explain what an attack did by what the data sets are like.

Reads runs on many data sets, parts of one as ``experiment=study_ml`` makes them, and regresses the
change of a metric on six characteristics, for each attack and recommender.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vrbench.cli import output
from vrbench.report import writing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser)
    parser.add_argument("--metric", default="item HR@10", help="whose change (item HR@10)")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF of coefficients")


def main(chosen: argparse.Namespace) -> int:
    """Print and draw the regressions; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    from vrbench.report.leaderboard import load
    from vrbench.report.plots import coefficients
    from vrbench.report.study import fits, table

    found = fits(load(chosen.folders), chosen.metric)
    output.table(chosen, *table(found))
    if chosen.picture:
        coefficients.draw(found, chosen.metric, chosen.picture)
    return 0
