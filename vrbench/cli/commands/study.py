"""Explain what an attack did by what data sets or items are like.

Reads runs on many data sets, parts of one as ``experiment=study_ml`` makes them, and regresses the
change of a metric on six characteristics, for each attack and recommender. "R2 of items alone" is
what the logarithm of the number of items explains without them. With ``--pictures`` it reads runs
in which pictures of many categories were attacked (``scenario=every_source``), and regresses the
places that each item gained on clean CHR, popularity, clean margin and category size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vrbench.cli import output
from vrbench.core.errors import ConfigError
from vrbench.report import writing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser)
    parser.add_argument("--pictures", action="store_true", help="over attacked items instead")
    parser.add_argument("--metric", default="item HR@10", help="whose change (item HR@10)")
    parser.add_argument("--per-item", action="store_true", help="its change per item there is")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF of coefficients")


def main(chosen: argparse.Namespace) -> int:
    """Print and draw the regressions; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    if chosen.pictures and chosen.per_item:
        raise ConfigError("--per-item is of data sets: leave it out with --pictures")
    from vrbench.report.leaderboard import load
    from vrbench.report.picture_study import picture_fits
    from vrbench.report.plots import coefficients
    from vrbench.report.study import fits, table

    entries = load(chosen.folders)
    if chosen.pictures:
        found, metric, unit = picture_fits(entries), "places", "items"
    else:
        found = fits(entries, chosen.metric, chosen.per_item)
        metric, unit = chosen.metric + " per item" * chosen.per_item, "data sets"
    output.table(chosen, *table(found, unit, exact=chosen.format == "csv"))
    if chosen.picture:
        coefficients.draw(found, metric, chosen.picture)
    return 0
