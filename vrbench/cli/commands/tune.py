"""Search the settings of a recommender, an extractor or an attack.

By one metric there, and by nothing else. Started again, the same command goes on where it stopped.
Several choices, as in recommender=bprmf,vbpr, are searched with as many trials each.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vrbench.bench.samplers import Pruner, Sampler
from vrbench.cli import output
from vrbench.cli.composition import Composition
from vrbench.cli.effort import KEY
from vrbench.cli.folders import conf_dir
from vrbench.core.errors import ConfigError
from vrbench.core.plurals import how_many
from vrbench.core.spec import digest
from vrbench.report import writing
from vrbench.report.tables import comma_separated, text

if TYPE_CHECKING:
    from vrbench.bench.space import Space
    from vrbench.bench.tune import Tried

log = logging.getLogger(__name__)
TRIALS = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "overrides", nargs="*", default=[], help="as for a run: dataset=... recommender=..."
    )
    parser.add_argument("--space", help="one of conf/tune.yaml, or a path; default: by the choice")
    parser.add_argument("--trials", type=int, help="how many in all (20; a grid: all of it)")
    parser.add_argument("--metric", help="any of metrics that is one, as ndcg_10 (ndcg_20)")
    parser.add_argument(
        "--goal", choices=("higher", "lower"), help="default: as the metric says; worse, of attacks"
    )
    parser.add_argument("--sampler", choices=get_args(Sampler), default="tpe")
    parser.add_argument("--pruner", choices=get_args(Pruner), default="median")
    parser.add_argument("--seeds", default="0", help="of the trainings, with commas (0)")
    parser.add_argument("--sampler-seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/tune"), help="of the journals")
    parser.add_argument(
        "--shared", action="store_true", help="other processes work at the same search"
    )
    parser.add_argument(
        "--out", type=Path, help="the best settings, a YAML file; of several, a folder of choices"
    )


@dataclass(frozen=True)
class Found:
    """Result of a hyperparameter search.

    Attributes:
        part: what was tuned.
        choice: which of it.
        column: of the metric.
        tried: all trials.
        best: the best of them.
        yaml: the best settings, a file of ``conf/PART``.
    """

    part: str
    choice: str
    column: str
    tried: Sequence[Tried]
    best: Tried
    yaml: str


def main(chosen: argparse.Namespace) -> int:
    """Search, and print or write the best settings; return the exit code."""
    from vrbench.cli.tuning import swept

    searches = swept([told for told in chosen.overrides if told not in ("-m", "--multirun")])
    several = len(searches) > 1
    writing.check(*([] if several else [chosen.out]))
    output.show_progress()
    done = [
        searched(
            overrides,
            space=chosen.space,
            trials=chosen.trials,
            sampler=chosen.sampler,
            pruner=chosen.pruner,
            seeds=chosen.seeds,
            sampler_seed=chosen.sampler_seed,
            folder=chosen.folder,
            metric=chosen.metric,
            goal=chosen.goal,
            shared=chosen.shared,
        )
        for overrides in searches
    ]
    if several:
        for found in done:
            if chosen.out:
                path = chosen.out / found.part / "tuned" / f"{found.choice}.yaml"
                writing.check(path)
                writing.write(path, found.yaml)
        sys.stdout.write(_overview(done))
    elif chosen.out:
        writing.write(chosen.out, done[0].yaml)
    else:
        sys.stdout.write(done[0].yaml)
    return 0


def tuned(overrides: Sequence[str], **how: Any) -> str:
    """Return the best settings as a file of ``conf/PART``; see ``searched``."""
    return searched(overrides, **how).yaml


def searched(
    overrides: Sequence[str],
    *,
    trials: int | None,
    sampler: Sampler,
    pruner: Pruner,
    seeds: str,
    sampler_seed: int,
    folder: Path,
    space: str | None = None,
    metric: str | None = None,
    goal: str | None = None,
    shared: bool = False,
) -> Found:
    """Return the result of a search; write a table of all trials beside its journal.

    Raises:
        ConfigError: one line about what is wrong with the command or the space.
    """
    from vrbench.bench.tune import search
    from vrbench.cli import tuning

    composed = [_composed(fold, space) for fold in tuning.by_fold(overrides)]
    composition, (name, wanted) = composed[0]
    part, chosen = tuning.part_of(wanted), tuning.seeds_of(seeds)
    by, lower = tuning.judge_of(part, metric, goal)
    validation, folds = tuning.judged_on([each for each, _ in composed], part, chosen, by)
    asked = tuning.asked_of(composition, validation, folds, part, wanted, by)
    asked |= {"seeds": chosen, "how": [sampler, pruner, sampler_seed, lower]}
    journal = folder / f"{Path(name).stem}-{digest(asked)}.journal"
    tried = search(
        tuning.score_of(composition, validation, part, by, folds),
        wanted,
        journal,
        trials=_how_many(trials, sampler),
        sampler=sampler,
        pruner=pruner,
        seed=sampler_seed,
        lower=lower,
        shared=shared,
    )
    _leave_table(tried, list(wanted), by.column, journal.with_suffix(".csv"))
    options = {"space": name, "trials": len(tried), "sampler": sampler, "pruner": pruner}
    options |= {"seeds": seeds, "sampler-seed": sampler_seed, "metric": metric, "goal": goal}
    return _found(composition, part, by.column, tried, lower, _command(overrides, options))


def _composed(overrides: Sequence[str], name: str | None) -> tuple[Composition, tuple[str, Space]]:
    """Return what is composed, and the space of that name, or of its recommender."""
    from vrbench.bench.space import read_space
    from vrbench.cli import tuning

    conf = conf_dir()
    composition, known = Composition(list(overrides), conf), tuning.spaces(conf)
    name = name or tuning.space_for(composition.choices["recommender"], known)
    return composition, (name, read_space(name, known, tuning.known_settings(composition)))


def _found(
    composition: Composition,
    part: str,
    column: str,
    tried: Sequence[Tried],
    lower: bool,
    command: str,
) -> Found:
    """Return what trials came to; the file says by which command, and with which effort."""
    from vrbench.bench.tune import best

    top = best(tried, lower)
    told = (
        f"# tuned on the validation split alone: {column} {top.value:.4f}, "
        f"best of {len(tried)}\n{command}\n"
        f"{composition.yaml(part, top.settings).rstrip()}\n{KEY}: {_effort(composition, tried)}\n"
    )
    return Found(part, composition.choices[part], column, tried, top, told)


def _effort(composition: Composition, tried: Sequence[Tried]) -> str:
    """Return on what a search was, of how many trials, and their processor time if all tell it."""
    spent = [trial.processor for trial in tried if trial.processor is not None]
    seconds = f", seconds: {sum(spent):.1f}" if len(spent) == len(tried) else ""
    return f"{{dataset: {composition.choices['dataset']}, trials: {len(tried)}{seconds}}}"


def _how_many(trials: int | None, sampler: Sampler) -> int:
    if trials is not None and trials < 1:
        raise ConfigError(f"expected --trials >= 1, got {trials}")
    return trials or (2**31 if sampler == "grid" else TRIALS)


def _command(overrides: Sequence[str], options: Mapping[str, Any]) -> str:
    """Return the comment that says how settings were found."""
    told = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(["# python -m vrbench tune", *overrides, *told])


def _leave_table(tried: Sequence[Tried], keys: Sequence[str], column: str, path: Path) -> None:
    path.write_text(_table(tried, keys, column))
    log.info("%s: %s", how_many(len(tried), "trial"), path)


def _overview(done: Sequence[Found]) -> str:
    """Return a table of searches: how many trials each had, and the best of them."""
    heads = [done[0].part, "trials", "complete", f"valid {done[0].column}", "settings"]
    lines = [
        [
            found.choice,
            str(len(found.tried)),
            str(sum(t.state == "complete" for t in found.tried)),
            f"{found.best.value:.4f}",
            " ".join(
                f"{key.partition('.')[2]}={value}" for key, value in found.best.settings.items()
            ),
        ]
        for found in done
    ]
    return text(heads, lines, words=True) + "\n"


def _table(tried: Sequence[Tried], keys: Sequence[str], column: str) -> str:
    heads = ["number", "state", f"valid {column}", *keys, "seconds", "processor", "reason"]
    lines = [
        [
            str(t.number),
            t.state,
            "" if t.value is None else repr(t.value),
            *(str(t.settings.get(key, "")) for key in keys),
            str(t.seconds),
            "" if t.processor is None else str(t.processor),
            t.reason,
        ]
        for t in tried
    ]
    return comma_separated(heads, lines) + "\n"
