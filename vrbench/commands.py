"""The commands beside the benchmark itself: ``python -m vrbench COMMAND ...``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path


def _with_table(parser: argparse.ArgumentParser) -> None:
    """Add what every command that prints a table takes."""
    parser.add_argument("folders", nargs="*", default=["runs"], help="where to look (runs)")
    parser.add_argument("--format", choices=("text", "markdown", "csv"), default="text")
    parser.add_argument("--out", type=Path, help="write to this file, not to the terminal")


def _write(
    chosen: argparse.Namespace, heads: Sequence[str], lines: Sequence[Sequence[str]]
) -> None:
    """Print a table, or write it to ``--out``, in the format asked for."""
    import sys

    from vrbench.report.tables import comma_separated, markdown, text

    show = {"text": text, "markdown": markdown, "csv": comma_separated}[chosen.format]
    table = show(heads, lines) + "\n"
    if chosen.out:
        chosen.out.write_text(table)
    else:
        sys.stdout.write(table)


def leaderboard(arguments: Sequence[str]) -> int:
    """Print what is in ``rows.json`` files below some folders as one table."""
    parser = argparse.ArgumentParser(prog="vrbench leaderboard", description=leaderboard.__doc__)
    _with_table(parser)
    parser.add_argument("--metrics", nargs="+", metavar="COLUMN", help="columns; default: a few")
    chosen = parser.parse_args(arguments)
    from vrbench.report.leaderboard import board, load

    _write(chosen, *board(load(chosen.folders), chosen.metrics))
    return 0


def curves(arguments: Sequence[str]) -> int:
    """Print, and draw, a metric against the size of the change, or against another metric."""
    parser = argparse.ArgumentParser(prog="vrbench curves", description=curves.__doc__)
    _with_table(parser)
    parser.add_argument("--metric", default="nDCG@10")
    parser.add_argument("--x", default="eps", help="eps (default), queries, SSIM, L2, LPIPS, ...")
    parser.add_argument("--show", choices=("change", "value"), default="change")
    parser.add_argument("--reported", type=Path, help="a file of conf/reported")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")
    chosen = parser.parse_args(arguments)
    from vrbench.report import curves as report
    from vrbench.report.leaderboard import load

    lines = report.curves(load(chosen.folders), chosen.metric, chosen.x, chosen.show)
    if chosen.reported:
        lines += report.reported(chosen.reported)
    _write(chosen, *report.table(lines, chosen.x, chosen.show))
    if chosen.picture:
        across = "eps, in the units of the budget" if chosen.x == report.EPS else chosen.x
        upwards = chosen.metric if chosen.show == "value" else None
        report.draw(lines, chosen.metric, chosen.picture, across, upwards)
    return 0


def tune(arguments: Sequence[str]) -> int:
    """Search a recommender's settings by nDCG@20 on the validation split, and by nothing else.

    Started again, the same command goes on where it stopped.
    """
    parser = argparse.ArgumentParser(prog="vrbench tune", description=tune.__doc__)
    parser.add_argument("overrides", nargs="*", help="as for a run: dataset=... recommender=...")
    parser.add_argument("--space", required=True, help="a file of conf/tune, or a path")
    parser.add_argument("--trials", type=int, help="how many in all (20; a grid: all of it)")
    parser.add_argument("--sampler", choices=("grid", "random", "tpe", "gp"), default="tpe")
    parser.add_argument("--pruner", choices=("median", "none"), default="median")
    parser.add_argument("--seeds", default="0", help="of the trainings, with commas (0)")
    parser.add_argument("--sampler-seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/tune"), help="of the journals")
    parser.add_argument("--out", type=Path, help="write the best settings to this YAML file")
    chosen = parser.parse_intermixed_args(arguments)
    import logging
    import sys

    from vrbench.tuning import tuned

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    found = tuned(
        chosen.overrides,
        space=chosen.space,
        trials=chosen.trials,
        sampler=chosen.sampler,
        pruner=chosen.pruner,
        seeds=chosen.seeds,
        sampler_seed=chosen.sampler_seed,
        folder=chosen.folder,
    )
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(found)
    else:
        sys.stdout.write(found)
    return 0


def compare(arguments: Sequence[str]) -> int:
    """Test whether models differ by more than chance, paired over users, corrected for number."""
    parser = argparse.ArgumentParser(prog="vrbench compare", description=compare.__doc__)
    _with_table(parser)
    parser.add_argument("--metric", default="nDCG@20")
    parser.add_argument("--baseline", help="compare with this model; default: every pair")
    parser.add_argument("--side", choices=("before", "after"), default="before", help="an attack")
    parser.add_argument("--correction", choices=("holm", "fdr", "none"), default="holm")
    chosen = parser.parse_args(arguments)
    from vrbench.report import significance as report

    models = report.samples(chosen.folders, chosen.metric, chosen.side)
    found = report.compare(models, chosen.baseline, chosen.correction)
    _write(chosen, *report.table(found, exact=chosen.format == "csv"))
    return 0


def reproduce(arguments: Sequence[str]) -> int:
    """Run a paper's table under each preset, and print ours beside the printed numbers."""
    from vrbench.cli import conf_dir
    from vrbench.report.paper import papers

    known = ", ".join(papers(conf_dir() / "reproduce"))
    parser = argparse.ArgumentParser(prog="vrbench reproduce", description=reproduce.__doc__)
    parser.add_argument("name", help=known)
    parser.add_argument("overrides", nargs="*", help="for every run: scenario.max_items=8 ...")
    parser.add_argument("--preset", help="run this one only")
    parser.add_argument("--data", help="the published data, or a stand-in; default: what is there")
    parser.add_argument("--dry-run", action="store_true", help="say what is needed and would run")
    parser.add_argument("--read", action="store_true", help="run nothing: a table of what was run")
    parser.add_argument("--folder", type=Path, default=Path("reproduced"), help="of the rows")
    parser.add_argument("--format", choices=("text", "markdown", "csv"), default="text")
    parser.add_argument("--out", type=Path, help="write to this file, not to the terminal")
    chosen = parser.parse_intermixed_args(arguments)
    import logging
    import sys

    from vrbench.reproduce import reproduced

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    found = reproduced(
        chosen.name,
        chosen.overrides,
        preset=chosen.preset,
        data=chosen.data,
        folder=chosen.folder,
        dry_run=chosen.dry_run,
        read=chosen.read,
        format=chosen.format,
    )
    if chosen.out:
        chosen.out.write_text(found + "\n")
    else:
        sys.stdout.write(found + "\n")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "leaderboard": leaderboard,
    "curves": curves,
    "compare": compare,
    "tune": tune,
    "reproduce": reproduce,
}
