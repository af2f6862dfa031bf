"""Output of commands: tables in a chosen format, to a file or to the terminal; failures."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from vrbench.cli.terminal import Once
from vrbench.report import writing
from vrbench.report.tables import FORMATS, plain


def with_table(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add the arguments of commands that print a table of runs; ``more`` formats."""
    parser.add_argument("folders", nargs="*", default=["runs"], help="where to look (runs)")
    with_format(parser, *more)


def with_format(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add the arguments for format and output file; ``more`` formats."""
    parser.add_argument("--format", choices=(*FORMATS, *more), default="text")
    parser.add_argument("--out", type=Path, help="write to this file, not to the terminal")


def table(chosen: argparse.Namespace, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table, or write it to ``--out``, in the format asked for."""
    put(chosen.out, FORMATS[chosen.format](heads, lines) + "\n")


def board(chosen: argparse.Namespace, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table of runs as ``table`` does; on a terminal, no wider than that is."""
    from vrbench.report.leaderboard import in_terminal

    if chosen.format == "text" and not chosen.out:
        put(None, in_terminal(heads, lines, width()) + "\n")
    else:
        table(chosen, heads, lines)


def width() -> int | None:
    """Return how many letters fit into a line of the terminal; None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def put(out: Path | None, told: str) -> None:
    """Print a text, or write it to a file and print its path."""
    if out:
        writing.write(out, told)
        sys.stdout.write(f"{out}\n")
    else:
        sys.stdout.write(told)


def show_progress(level: int = logging.INFO) -> None:
    """Print log messages of a level and above without a prefix, each once."""
    logging.basicConfig(level=level, format="%(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Once())


def failed(failures: Sequence[str]) -> int:
    """Say what failed of the cells that a command ran, if anything did; return the exit code."""
    for failure in sorted(set(failures)):
        sys.stderr.write(f"vrbench: failed: {failure}\n")
    return 2 if failures else 0


def in_words(told: object) -> str:
    """Return a text with the escape sequences inside names made visible."""
    return "\n".join(plain(line) for line in str(told).split("\n"))
