"""The commands beside the benchmark itself, ``python -m vrbench COMMAND ...``: one module each.

The module's docstring is the command's help. ``arguments`` adds what it takes to a parser,
``main`` does what was parsed (``given`` is the line itself) and returns the exit code.
"""

from __future__ import annotations

import argparse
import ast
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and where more is said."""

    def error(self, message: str) -> NoReturn:
        """Print the line, and exit as any mistake does."""
        self.exit(2, f"vrbench: {message} (`python -m {self.prog} --help` shows what there is)\n")


@dataclass(frozen=True)
class Command:
    """A subcommand; its module is imported when it is run.

    Attributes:
        name: on the command line.
        module: in this package.
        overrides: whether it takes settings, as a run does, between its options.
    """

    name: str
    module: str
    overrides: bool = False

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        path = Path(__file__).with_name(f"{self.module}.py")
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        return told.partition("\n")[0].rstrip(".")

    def __call__(self, arguments: Sequence[str]) -> int:
        """Parse a command line and do what it says; return the exit code."""
        module = importlib.import_module(f"{__name__}.{self.module}")
        parser = Parser(prog=f"vrbench {self.name}", description=module.__doc__)
        module.arguments(parser)
        parse = parser.parse_intermixed_args if self.overrides else parser.parse_args
        chosen = parse(arguments)
        chosen.given = list(arguments)
        done: int = module.main(chosen)
        return done


COMMANDS = {
    command.name: command
    for command in (
        Command("list", "choices"),
        Command("leaderboard", "leaderboard"),
        Command("curves", "curves"),
        Command("compare", "compare"),
        Command("study", "study"),
        Command("audit", "audit", overrides=True),
        Command("certify", "certify", overrides=True),
        Command("design", "design", overrides=True),
        Command("tune", "tune", overrides=True),
        Command("shop", "shop", overrides=True),
        Command("store", "store"),
        Command("pictures", "pictures"),
        Command("features", "features"),
        Command("submit", "submit"),
        Command("load", "load"),
        Command("weights", "weights"),
        Command("reproduce", "reproduce", overrides=True),
        Command("elliot", "elliot", overrides=True),
    )
}
