"""The commands beside the benchmark itself: ``python -m vrbench COMMAND ...``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path


def leaderboard(arguments: Sequence[str]) -> int:
    """Print what is in ``rows.json`` files below some folders as one table."""
    parser = argparse.ArgumentParser(prog="vrbench leaderboard", description=leaderboard.__doc__)
    parser.add_argument("folders", nargs="*", default=["runs"], help="where to look (runs)")
    parser.add_argument("--format", choices=("text", "markdown", "csv"), default="text")
    parser.add_argument("--metrics", nargs="+", metavar="COLUMN", help="columns; default: a few")
    parser.add_argument("--out", type=Path, help="write to this file, not to the terminal")
    chosen = parser.parse_args(arguments)
    from vrbench.report.leaderboard import board, load
    from vrbench.report.tables import comma_separated, markdown, text

    show = {"text": text, "markdown": markdown, "csv": comma_separated}[chosen.format]
    table = show(*board(load(chosen.folders), chosen.metrics)) + "\n"
    if chosen.out:
        chosen.out.write_text(table)
    else:
        import sys

        sys.stdout.write(table)
    return 0


def curves(arguments: Sequence[str]) -> int:
    """Print, and draw, a metric against the size of the change, or against another metric."""
    parser = argparse.ArgumentParser(prog="vrbench curves", description=curves.__doc__)
    parser.add_argument("folders", nargs="*", default=["runs"], help="where to look (runs)")
    parser.add_argument("--metric", default="nDCG@10")
    parser.add_argument("--x", default="eps", help="eps (default), queries, SSIM, L2, LPIPS, ...")
    parser.add_argument("--show", choices=("change", "value"), default="change")
    parser.add_argument("--reported", type=Path, help="a file of conf/reported")
    parser.add_argument("--format", choices=("text", "markdown", "csv"), default="text")
    parser.add_argument("--out", type=Path, help="write the table to this file")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")
    chosen = parser.parse_args(arguments)
    import sys

    from vrbench.report import curves as report
    from vrbench.report.leaderboard import load
    from vrbench.report.tables import comma_separated, markdown, text

    lines = report.curves(load(chosen.folders), chosen.metric, chosen.x, chosen.show)
    if chosen.reported:
        lines += report.reported(chosen.reported)
    show = {"text": text, "markdown": markdown, "csv": comma_separated}[chosen.format]
    table = show(*report.table(lines, chosen.x, chosen.show)) + "\n"
    if chosen.out:
        chosen.out.write_text(table)
    else:
        sys.stdout.write(table)
    if chosen.picture:
        across = "eps, in the units of the budget" if chosen.x == report.EPS else chosen.x
        upwards = chosen.metric if chosen.show == "value" else None
        report.draw(lines, chosen.metric, chosen.picture, across, upwards)
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "leaderboard": leaderboard,
    "curves": curves,
}
