"""From a command line to the best settings: compose, search, write."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vrbench.bench.space import read_space
from vrbench.bench.store import Store
from vrbench.bench.tune import Pruner, Sampler, Tried, best, search
from vrbench.bench.validation import Validation, Watch
from vrbench.config import Composition
from vrbench.core.errors import ConfigError
from vrbench.core.spec import digest
from vrbench.folders import conf_dir, files_of
from vrbench.report.tables import comma_separated

log = logging.getLogger(__name__)
TRIALS = 20
PART = "recommender"  # what is tuned


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
    conf = conf_dir()
    composition = Composition(list(overrides), conf)
    known = composition.settings(PART)
    wanted = read_space(space, files_of("tune", conf), known)
    chosen = _seeds(seeds)
    if trials is not None and trials < 1:
        raise ConfigError(f"expected --trials >= 1, got {trials}")
    machine = composition.make("machine")
    machine.use()
    cfg = composition.cfg
    validation = Validation(
        composition.make("dataset"),
        composition.make("extractor"),
        Store(Path(cfg.store)),
        machine,
        seeds=chosen,
        extractor_seed=cfg.extractor_seed,
    )
    asked = {
        "data": validation.data,
        "extractor": composition.make("extractor"),
        "extractor_seed": cfg.extractor_seed,
        PART: composition.make(PART),
        "space": {key: asdict(values) for key, values in wanted.items()},
        "seeds": chosen,
        "how": [sampler, pruner, sampler_seed],
    }
    journal = folder / f"{Path(space).stem}-{digest(asked)}.journal"

    def score(changes: dict[str, Any], watch: Watch) -> float:
        return validation.score(composition.make(PART, changes), watch)

    count = trials or (2**31 if sampler == "grid" else TRIALS)
    tried = search(
        score, wanted, journal, trials=count, sampler=sampler, pruner=pruner, seed=sampler_seed
    )
    table = journal.with_suffix(".csv")
    table.write_text(_table(tried, list(wanted)))
    log.info("%d trials: %s", len(tried), table)
    top = best(tried)
    return (
        f"# tuned on the validation split alone: nDCG@20 {top.value:.4f}, best of {len(tried)}\n"
        f"# python -m vrbench tune {' '.join(overrides)} --space {space} --trials {len(tried)} "
        f"--sampler {sampler} --pruner {pruner} --seeds {seeds} --sampler-seed {sampler_seed}\n"
        f"{composition.yaml(PART, top.settings).rstrip()}\n"
    )


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
