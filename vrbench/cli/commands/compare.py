"""Test whether models differ by more than chance.

Paired over users, and corrected for the number of comparisons.
"""

from __future__ import annotations

import argparse

from vrbench.cli import output
from vrbench.report import writing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    output.with_table(parser)
    parser.add_argument("--metric", default="nDCG@20")
    parser.add_argument("--baseline", help="compare with this model; default: every pair")
    parser.add_argument("--side", choices=("before", "after"), default="before", help="an attack")
    parser.add_argument("--correction", choices=("holm", "fdr", "none"), default="holm")


def main(chosen: argparse.Namespace) -> int:
    """Print the comparisons; return the exit code."""
    writing.check(chosen.out)
    from vrbench.report import significance as report

    models = report.samples(chosen.folders, chosen.metric, chosen.side)
    found = report.compare(models, chosen.baseline, chosen.correction)
    output.table(chosen, *report.table(found, exact=chosen.format == "csv"))
    return 0
