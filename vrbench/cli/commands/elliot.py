"""Run a configuration file of Elliot's.

Its data, models, searches, metrics and tests become files of choices, and commands. What of it is
not here, or is taken otherwise, is named in a line each; nothing of the file is executed.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrbench.cli import output
from vrbench.cli.folders import own_first
from vrbench.core.errors import ConfigError
from vrbench.report import writing
from vrbench.report.tables import text

if TYPE_CHECKING:
    from vrbench.cli.elliot.trained import Trained
    from vrbench.cli.elliot.translation import Translation
    from vrbench.report.run_records import Entry

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("file", type=Path, help="Elliot's, such as experiment.yml")
    parser.add_argument(
        "overrides", nargs="*", default=[], help="settings of the sweep besides: seed=0,1,2"
    )
    parser.add_argument("--show", action="store_true", help="print files and commands; run nothing")
    parser.add_argument("--folder", type=Path, help="of all that is left (runs/elliot/NAME)")


def main(chosen: argparse.Namespace) -> int:
    """Show or run what a file asks for; return the exit code."""
    from vrbench.cli.elliot.translation import translation

    output.show_progress()
    asked = translation(chosen.file)
    for note in asked.notes:
        log.warning("%s: %s", chosen.file.name, note)
    folder = chosen.folder or Path("runs/elliot") / asked.name
    if chosen.show:
        sys.stdout.write(_shown(asked, folder, chosen.overrides))
        return 0
    swept = _ran(asked, folder, chosen.overrides)
    sys.stdout.write(_told(asked, swept, folder))
    entries = [entry for found in swept.values() for entry in found]
    return output.failed([entry["error"] for entry in entries if "error" in entry])


def _shown(asked: Translation, folder: Path, overrides: Sequence[str]) -> str:
    """Return the files and the commands, as text."""
    conf = folder / "conf"
    told = [f"# {conf / name}\n{content}" for name, content in asked.files.items()]
    own = ["--config-dir", str(conf)]
    for model in asked.models:
        if model.space:
            line = [
                "tune",
                *own,
                *asked.tuned(model),
                *asked.folds,
                *_options(asked, model, folder),
            ]
            told.append(f"python -m vrbench {shlex.join(line)}\n")
    for name, chosen in _sweeps(asked, overrides).items():
        sweep = ["-m", *own, *chosen, f"hydra.sweep.dir={folder / name}"]
        told.append(f"python -m vrbench {shlex.join(sweep)}\n")
        shown = shlex.join(["leaderboard", str(folder / name), "--metrics", *asked.columns()])
        told.append(f"python -m vrbench {shown}\n")
    if asked.tests:
        told.append(f"python -m vrbench compare {folder / 'cells'} --metric METRIC\n")
    return "\n".join(told)


def _options(asked: Translation, model: Trained, folder: Path) -> list[str]:
    """Return the options of ``vrbench tune`` for a model."""
    trials = [] if model.trials is None else ["--trials", str(model.trials)]
    return [
        *("--space", f"{asked.name}/{model.name}"),
        *trials,
        *("--sampler", model.sampler),
        *("--pruner", "none"),  # Elliot stops no setting early
        *(() if model.metric == "ndcg_20" else ("--metric", model.metric)),
        *("--seeds", str(model.seed or 0)),
        *("--folder", str(folder / "tune")),
        *("--out", str(folder / "conf" / "recommender" / f"{asked.best(model)}.yaml")),
    ]


def _sweeps(asked: Translation, overrides: Sequence[str]) -> dict[str, list[str]]:
    """Return the overrides of every sweep, by its folder."""
    from vrbench.cli.overrides import merged

    sweeps = {"cells": asked.sweep()}
    for model in asked.models:
        for steps, perturbed in zip(("one_step", "steps"), asked.perturbed(model), strict=False):
            sweeps[f"{model.name}_{steps}"] = perturbed
    return {name: merged(told, overrides) for name, told in sweeps.items()}


def _ran(asked: Translation, folder: Path, overrides: Sequence[str]) -> dict[str, list[Entry]]:
    """Write the files, search what is to be searched, run the rest; return the cells by sweep."""
    from vrbench.cli.commands import COMMANDS
    from vrbench.cli.sweeps import sweep

    conf = folder / "conf"
    for name, content in asked.files.items():
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        writing.write(conf / name, content)
    store = [o for o in overrides if o.startswith(("store=", "machine"))]
    with own_first(conf):
        for model in asked.models:
            if model.space:
                options = _options(asked, model, folder)
                COMMANDS["tune"]([*asked.tuned(model), *asked.folds, *store, *options])
        return {
            name: sweep(chosen, folder / name) for name, chosen in _sweeps(asked, overrides).items()
        }


def _told(asked: Translation, swept: Mapping[str, Sequence[Entry]], folder: Path) -> str:
    """Return the tables, and the tests where they are asked for."""
    told = [line for entries in swept.values() for line in [*_table(entries), ""]]
    if asked.tests and (metrics := _columns(swept["cells"])):
        told += _tests(metrics, folder / "cells")
    return "\n".join([*told, str(folder), ""])


def _table(entries: Sequence[Entry]) -> list[str]:
    """Return the table of a sweep, and why cells are left out."""
    from vrbench.report.identity import told_apart
    from vrbench.report.leaderboard import board, left_out

    runs, metrics = told_apart(entries), _columns(entries)
    table = [text(*board(runs, metrics))] if metrics else []
    return table + [f"left out: {why}" for why in left_out(entries)]


def _columns(entries: Sequence[Entry]) -> list[str]:
    from vrbench.report.grid import columns

    return columns(entries)


def _tests(metrics: Sequence[str], cells: Path) -> list[str]:
    """Return the paired tests of every metric that has a number per user, or why there are none."""
    from vrbench.report import significance

    told = []
    for metric in metrics:
        try:
            found = significance.compare(significance.samples([cells], metric, "before"))
        except ConfigError as reason:
            told.append(f"{metric}: no test: {reason}")
            continue
        told += [f"{metric}:", text(*significance.table(found)), ""]
    return told
