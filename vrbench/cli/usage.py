"""The text of ``vrbench --help``: axes, how to combine them, and commands."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

import vrbench
from vrbench.cli.commands import Command
from vrbench.cli.folders import choice_names

FIRST = """\
vrbench {version}: attacks on the images of visual recommenders, measured

usage: vrbench [AXIS=CHOICE ...] [AXIS.SETTING=VALUE ...]
       vrbench -m AXIS=CHOICE,CHOICE ...      every combination of these
       vrbench COMMAND ...                    `vrbench COMMAND --help` says more

Without a command one attack on one shop is measured. A run takes one choice of
each axis; a folder of conf/ is an axis, and its choices are files there or rows
of conf/variants/AXIS.yaml:

  axis         unless told   choices
"""
EXAMPLES = """
  vrbench                                         the choices above
  vrbench attack=cw budget=free                   another attack, without limit
  vrbench attack.steps=40 budget.eps=4 seed=1     other settings
  vrbench -m recommender=vbpr,amr attack=cw,pgd   four runs
  vrbench threat=poisoning dry_run=true           what is missing; makes nothing

commands:

"""
LAST = """
more:

  vrbench list AXIS            its choices: class, paper, what they do and need
  vrbench --cfg job            every setting of a run, with the choices you add
  vrbench --config-dir MINE    choices of your own as well: MINE/AXIS/NAME.yaml
  vrbench --hydra-help         flags of Hydra, which composes the runs
  vrbench --version
  eval "$(vrbench -sc install=bash)"    lets the shell complete all of this
"""

WITHOUT_CLASSES = {
    "machine": "Device and precision; what spreads a sweep",
    "track": "Who keeps the curves and pictures of runs",
    "preset": "A paper's settings, all at once",
    "experiment": "A whole grid",
}


def overview(commands: Mapping[str, Command], conf: Path) -> str:
    """Return the help of the program, at most 80 columns wide.

    Args:
        commands: by name.
        conf: the folder of the axes.
    """
    axes = "".join(
        f"  {axis:<12} {made:<13} {n:>3}  {what}\n" for axis, made, n, what in _axes(conf)
    )
    told = "".join(f"  {name:<12} {command.summary}\n" for name, command in commands.items())
    return FIRST.format(version=vrbench.__version__) + axes + EXAMPLES + told + LAST


def _axes(conf: Path) -> Iterator[tuple[str, str, int, str]]:
    """Yield each axis of a run, its choice unless told, how many there are, and what they are."""
    defaults = yaml.safe_load((conf / "run.yaml").read_text(encoding="utf-8"))["defaults"]
    for default in defaults:
        if isinstance(default, dict):
            ((axis, choice),) = default.items()
            count = len(choice_names(axis, conf))
            yield axis, choice or "-", count, WITHOUT_CLASSES.get(axis) or _what(axis)


def _what(axis: str) -> str:
    """Return what the choices of an axis are, as the module of their classes says."""
    module = importlib.import_module(f"vrbench.{axis.removesuffix('s')}s")
    return (module.__doc__ or "").partition("\n")[0].rstrip(".")
