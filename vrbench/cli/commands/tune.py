"""Search a recommender's settings on the validation split.

By nDCG@20 there, and by nothing else. Started again, the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vrbench.cli import output
from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir, files_of
from vrbench.core.errors import ConfigError
from vrbench.core.spec import digest
from vrbench.report import writing
from vrbench.report.tables import comma_separated

if TYPE_CHECKING:
    from vrbench.bench.space import Space
    from vrbench.bench.tune import Pruner, Sampler, Tried
    from vrbench.bench.validation import Validation, Watch
    from vrbench.data.dataset import Dataset

log = logging.getLogger(__name__)
TRIALS = 20
PART = "recommender"  # what is tuned


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("overrides", nargs="*", help="as for a run: dataset=... recommender=...")
    parser.add_argument("--space", required=True, help="a file of conf/tune, or a path")
    parser.add_argument("--trials", type=int, help="how many in all (20; a grid: all of it)")
    parser.add_argument("--sampler", choices=("grid", "random", "tpe", "gp"), default="tpe")
    parser.add_argument("--pruner", choices=("median", "none"), default="median")
    parser.add_argument("--seeds", default="0", help="of the trainings, with commas (0)")
    parser.add_argument("--sampler-seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/tune"), help="of the journals")
    parser.add_argument("--out", type=Path, help="write the best settings to this YAML file")


def main(chosen: argparse.Namespace) -> int:
    """Search, and print or write the best settings; return the exit code."""
    writing.check(chosen.out)
    output.show_progress()
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


def tuned(
    overrides: Sequence[str],
    *,
    space: str,
    trials: int | None,
    sampler: Sampler,
    pruner: Pruner,
    seeds: str,
    sampler_seed: int,
    folder: Path,
) -> str:
    """Return the best settings as a file of ``conf/recommender``; leave a table of all trials.

    Raises:
        ConfigError: one line about what is wrong with the command or the space.
    """
    from vrbench.bench.space import read_space
    from vrbench.bench.tune import best, search

    conf = conf_dir()
    composition = Composition(list(overrides), conf)
    wanted = read_space(space, files_of("tune", conf), composition.settings(PART))
    chosen, count = _seeds(seeds), _how_many(trials, sampler)
    validation = _validation(composition, chosen)
    asked = _asked(composition, validation.data, wanted) | {
        "seeds": chosen,
        "how": [sampler, pruner, sampler_seed],
    }
    journal = folder / f"{Path(space).stem}-{digest(asked)}.journal"

    def score(changes: dict[str, Any], watch: Watch) -> float:
        return validation.score(composition.make(PART, changes), watch)

    tried = search(
        score, wanted, journal, trials=count, sampler=sampler, pruner=pruner, seed=sampler_seed
    )
    _leave_table(tried, list(wanted), journal.with_suffix(".csv"))
    top = best(tried)
    return (
        f"# tuned on the validation split alone: nDCG@20 {top.value:.4f}, best of {len(tried)}\n"
        f"# python -m vrbench tune {' '.join(overrides)} --space {space} --trials {len(tried)} "
        f"--sampler {sampler} --pruner {pruner} --seeds {seeds} --sampler-seed {sampler_seed}\n"
        f"{composition.yaml(PART, top.settings).rstrip()}\n"
    )


def _validation(composition: Composition, seeds: list[int]) -> Validation:
    """Return what scores a recommender on the shop that is composed, on its machine."""
    from vrbench.bench.store import Store
    from vrbench.bench.validation import Validation

    machine, cfg = composition.make("machine"), composition.cfg
    machine.use()
    return Validation(
        composition.make("dataset"),
        composition.make("extractor"),
        Store(Path(cfg.store)),
        machine,
        seeds=seeds,
        extractor_seed=cfg.extractor_seed,
    )


def _asked(composition: Composition, data: Dataset, space: Space) -> dict[str, Any]:
    """Return what is tuned, on what and within what: which trials belong to one journal."""
    return {
        "data": data,
        "extractor": composition.make("extractor"),
        "extractor_seed": composition.cfg.extractor_seed,
        PART: composition.make(PART),
        "space": {key: asdict(values) for key, values in space.items()},
    }


def _leave_table(tried: Sequence[Tried], keys: Sequence[str], path: Path) -> None:
    path.write_text(_table(tried, keys))
    log.info("%d trials: %s", len(tried), path)


def _how_many(trials: int | None, sampler: Sampler) -> int:
    if trials is not None and trials < 1:
        raise ConfigError(f"expected --trials >= 1, got {trials}")
    return trials or (2**31 if sampler == "grid" else TRIALS)


def _seeds(told: str) -> list[int]:
    try:
        return [int(seed) for seed in told.split(",")]
    except ValueError:
        raise ConfigError(f"expected --seeds such as 0,1,2, got {told!r}") from None


def _table(tried: Sequence[Tried], keys: Sequence[str]) -> str:
    heads = ["number", "state", "valid nDCG@20", *keys, "seconds", "reason"]
    lines = [
        [
            str(t.number),
            t.state,
            "" if t.value is None else repr(t.value),
            *(str(t.settings.get(key, "")) for key in keys),
            str(t.seconds),
            t.reason,
        ]
        for t in tried
    ]
    return comma_separated(heads, lines) + "\n"
