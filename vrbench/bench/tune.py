"""Hyperparameter search: trials kept in a journal that can be resumed and shared."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import prod
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from vrbench.bench.samplers import Pruner, Sampler
from vrbench.bench.space import Space
from vrbench.bench.validation import Watch
from vrbench.core.errors import ConfigError, IncompatibleError, VRBenchError
from vrbench.core.spec import digest

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)
Score = Callable[[dict[str, Any], Watch], float]
State = Literal["complete", "pruned", "failed"]

STARTUP = 5  # complete trials before any is pruned
WARMUP = 20  # steps of a trial before it is pruned


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: its place in the journal, from 0.
        state: "complete", "pruned" (worse than the median, or impossible), or "failed".
        value: what was scored; None unless complete.
        settings: by dotted key.
        seconds: how long it took.
        processor: seconds of this process's processor time, which others at work on the machine do
            not lengthen and a GPU does not fill; None in journals of earlier versions.
        reason: why it was left or failed; else empty.
    """

    number: int
    state: State
    value: float | None
    settings: dict[str, Any]
    seconds: float
    processor: float | None = None
    reason: str = ""


def search(
    score: Score,
    space: Space,
    journal: Path,
    *,
    trials: int,
    sampler: Sampler = "tpe",
    pruner: Pruner = "median",
    seed: int = 0,
    lower: bool = False,
    shared: bool = False,
) -> list[Tried]:
    """Return all trials after there are ``trials`` of them, those in ``journal`` counted.

    What a trial tries depends on the seed and on the trials settled before it, not on how many
    processes it took to get there: a command that was interrupted ends like one that was not. A
    trial that raises a mistake is recorded with its reason, and the search goes on.

    Args:
        score: from settings to a number; its second argument wants to hear of
            every step, and raises to stop.
        space: what may be tried.
        journal: the file that remembers; one search each.
        trials: how many; a grid ends when it is through.
        sampler: "grid", "random", "tpe" (tree-structured Parzen estimators, each setting by
            itself), "multivariate_tpe" (all settings together), "gp" (Gaussian process), "anneal"
            (simulated annealing, see ``AnnealingSampler``).
        pruner: "median" stops a trial whose best step is worse than the median of the others at
            the same step; "none".
        seed: of the sampler.
        lower: whether a small score is good.
        shared: whether other processes work at this journal, too. What is tried then depends on
            which of them is faster; what a killed one had begun stays open until a search that is
            not shared goes on.

    Raises:
        ConfigError: if optuna is not installed, or another process is at this journal.
    """
    optuna = _optuna()
    grid = {key: values.grid(key) for key, values in space.items()} if sampler == "grid" else {}
    trials = min(trials, prod(map(len, grid.values()))) if grid else trials
    journal.parent.mkdir(parents=True, exist_ok=True)
    busy = FileLock(f"{journal}.busy", timeout=0)
    alone: AbstractContextManager[Any] = nullcontext() if shared else busy
    try:
        with alone, warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = _study(journal, _pruner(pruner), lower)
            if not shared:
                _close(study)
            while len(settled(study)) + len(_running(study)) < trials:
                others = [len(study.trials), os.getpid(), gethostname()] if shared else []
                own = int(digest([seed, len(settled(study)), *others]), 16) % 2**31
                study.sampler = _sampler(sampler, grid, seed, own)
                study.optimize(
                    lambda trial: _one(trial, score, space), n_trials=1, catch=(VRBenchError,)
                )
                _tell(settled(study), lower)
            return settled(study)
    except Timeout:
        raise ConfigError(f"another process is tuning into {journal}") from None


def best(tried: Sequence[Tried], lower: bool = False) -> Tried:
    """Return the complete trial of the largest value, or the smallest; of equal ones the first.

    Raises:
        ConfigError: if none is complete; with the reason of the last one.
    """
    complete = [(t.value, t) for t in tried if t.value is not None]
    if not complete:
        why = next((t.reason for t in reversed(tried) if t.reason), "nothing was tried")
        raise ConfigError(f"no trial was completed: {why}")
    sign = -1 if lower else 1
    return max(complete, key=lambda pair: (sign * pair[0], -pair[1].number))[1]


def settled(study: Study) -> list[Tried]:
    """Return the trials that ended, in their own way; those of a killed process did not."""
    from optuna.trial import TrialState

    states: dict[Any, State] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
    }
    return [
        Tried(
            number=t.number,
            state=states[t.state],
            value=t.value if t.state is TrialState.COMPLETE else None,
            settings=t.user_attrs["settings"],
            seconds=round(t.duration.total_seconds(), 3) if t.duration else 0.0,
            processor=t.user_attrs.get("processor"),
            reason=t.user_attrs.get("reason", ""),
        )
        for t in study.get_trials(deepcopy=False)
        if t.state in states and (t.state is not TrialState.FAIL or "reason" in t.user_attrs)
    ]


def _one(trial: Trial, score: Score, space: Space) -> float:
    """Return the value of one trial, or raise what settles it."""
    from optuna import TrialPruned

    settings = {key: values.suggest(trial, key) for key, values in space.items()}
    trial.set_user_attr("settings", settings)
    began = time.process_time()

    def watch(step: int, value: float) -> None:
        trial.report(value, step)
        if trial.should_prune():
            trial.set_user_attr("reason", f"below the median at step {step}")
            raise TrialPruned

    try:
        value = score(settings, watch)
        if value != value:
            raise ConfigError("the score is not a number")
        return value
    except IncompatibleError as error:
        trial.set_user_attr("reason", str(error))
        raise TrialPruned from None
    except VRBenchError as error:
        trial.set_user_attr("reason", str(error))
        raise
    finally:
        trial.set_user_attr("processor", round(time.process_time() - began, 3))


def _study(journal: Path, pruner: BasePruner, lower: bool) -> Study:
    """Return the study of a journal, begun if need be."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    backend = JournalFileBackend(str(journal), lock_obj=JournalFileOpenLock(str(journal)))
    return optuna.create_study(
        storage=JournalStorage(backend),
        study_name=journal.stem,
        direction="minimize" if lower else "maximize",
        pruner=pruner,
        load_if_exists=True,
    )


def _running(study: Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _close(study: Study) -> None:
    """Close what a killed process left open: it is tried again."""
    from optuna.trial import TrialState

    for trial in _running(study):
        study.tell(trial.number, state=TrialState.FAIL)


def _sampler(name: Sampler, grid: dict[str, list[Any]], seed: int, own: int) -> BaseSampler:
    """Return a sampler for one trial, whose draws depend on ``own``."""
    from optuna import samplers

    if name == "grid":  # the seed orders the grid, and what was visited is known by its place
        return samplers.GridSampler(grid, seed=seed)
    if name == "random":
        return samplers.RandomSampler(seed=own)
    if name == "tpe":
        return samplers.TPESampler(seed=own)
    if name == "multivariate_tpe":
        return samplers.TPESampler(seed=own, multivariate=True, group=True)
    if name == "anneal":
        from vrbench.bench.annealing import AnnealingSampler

        return AnnealingSampler(seed=own)
    return samplers.GPSampler(seed=own)


def _pruner(name: Pruner) -> BasePruner:
    from optuna import pruners

    if name == "none":
        return pruners.NopPruner()
    return pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs optuna: pip install 'vrbench[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    return optuna


def _tell(tried: Sequence[Tried], lower: bool) -> None:
    last = tried[-1]
    complete = [t.value for t in tried if t.value is not None]
    log.info(
        "trial %d: %s (best %s) %s%s",
        last.number,
        last.state if last.value is None else f"{last.value:.4f}",
        f"{(min if lower else max)(complete):.4f}" if complete else "none",
        " ".join(f"{key}={value}" for key, value in last.settings.items()),
        f"  {last.reason}" if last.reason else "",
    )
