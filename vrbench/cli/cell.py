"""One cell of a sweep: instantiate its parts, run it, write its results."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from vrbench.cli import cell_record
from vrbench.cli.axes import PARTS
from vrbench.cli.folders import conf_dir
from vrbench.cli.outcomes import Report, alone_in, leave
from vrbench.cli.output import in_words
from vrbench.cli.trouble import blamed, full_error, line, place, written
from vrbench.core.errors import ConfigError, IncompatibleError, VRBenchError

if TYPE_CHECKING:
    from vrbench.bench.machine import Machine
    from vrbench.bench.result import Result
    from vrbench.bench.store import Store

log = logging.getLogger("vrbench")


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="run")
def bench(cfg: DictConfig) -> None:
    """Run the composed configuration and write its rows to ``<output>/rows.json``."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        with alone_in(folder):
            _bench(cfg, folder)
    except VRBenchError as error:
        log.error("vrbench: %s", in_words(error))
        Report.failures.append(str(error))


def _bench(cfg: DictConfig, folder: Path) -> None:
    """Run one cell and leave behind what it came to."""
    from vrbench.bench.store import Store

    began = time.perf_counter()
    store = Store(Path(cfg.store), dry=cfg.dry_run)
    entry = cell_record.asked(cfg)
    try:
        _measure(cfg, entry, store, folder)
    except IncompatibleError as reason:
        log.warning("skipped: %s", reason)
        entry["skipped"] = str(reason)
    except VRBenchError as error:
        log.error("vrbench: %s", in_words(error))
        entry["error"] = str(error)
    except (Exception, SystemExit) as error:  # a component's fault: this cell's, not the sweep's
        if full_error() and not isinstance(error, SystemExit):
            raise
        where = f"{blamed(error, _targets(cfg))}{place(error)}: {line(error)}"
        entry["error"] = f"{where} ({written(error, folder / 'traceback.txt')})"
        log.error("vrbench: %s", in_words(entry["error"]))
    entry["versions"] = cell_record.versions()
    entry["stages"] = store.log
    entry["seconds"] = round(time.perf_counter() - began, 3)
    left = leave(folder, entry, cfg.dry_run)
    if "rows" in entry:
        made_now = sum(not step["cached"] for step in store.log)
        log.info(
            "%.1f s, %d of %d stages made, %d from the store\n%s",
            entry["seconds"],
            made_now,
            len(store.log),
            len(store.log) - made_now,
            left,
        )


def _measure(cfg: DictConfig, entry: dict[str, Any], store: Store, folder: Path) -> None:
    """Make the parts of a cell and run it; its record grows, also where something goes wrong."""
    from vrbench.cli.cell_files import leave_files
    from vrbench.cli.cell_tracking import tell, tracked
    from vrbench.cli.cell_words import plan, title
    from vrbench.cli.checks import check
    from vrbench.cli.instantiation import make
    from vrbench.report.names import label
    from vrbench.report.tables import result_table

    check(cfg)
    tracker = make(cfg.track)
    machine = _machine(cfg, entry)
    parts = {part: make(cfg[part]) for part in PARTS}
    cell_record.add_parts(entry, cfg, parts)
    call = _call(cfg, entry, parts, store, machine)
    if cfg.dry_run:
        complete = call() is not None
        for told_of_stage in plan(store.log, complete=complete):
            log.info(told_of_stage)
        return
    with tracked(tracker, entry, folder):
        result = call()
        assert result is not None
        written = leave_files(cfg.save, result, parts["dataset"], folder)
        entry |= cell_record.of_result(result, parts)
        tell(tracker, entry, store, folder)
    names = {part: label(of_part) for part, of_part in entry["parts"].items()}
    log.info("\n%s\n", result_table(entry, title(names, parts, entry["case"], cfg.seed)))
    for what, where in written:
        log.info("%s: %s", what, where)


def _machine(cfg: DictConfig, entry: dict[str, Any]) -> Machine:
    """Return the machine of this job, in use; the record has it as asked for."""
    from dataclasses import asdict

    from vrbench.cli.instantiation import make

    asked: Machine = make(cfg.machine)
    entry["machine"] = asdict(asked)  # which of several cards it was stands with the stages
    machine = asked.of_job(_number())
    machine.use()
    return machine


def _call(
    cfg: DictConfig, entry: dict[str, Any], parts: dict[str, Any], store: Store, machine: Machine
) -> Callable[[], Result | None]:
    """Return the run of a cell; the record has its metrics."""
    from functools import partial

    from vrbench.bench.run import run

    metrics = _metrics(cfg)
    cell_record.add_metrics(entry, metrics)
    return partial(
        run,
        **parts,
        metrics=metrics,
        store=store,
        machine=machine,
        seed=cfg.seed,
        extractor_seed=cfg.extractor_seed,
        control=cfg.control,
    )


def _number() -> int:
    """Return which of several jobs at once this is; 0 where one process runs all in turn."""
    running = HydraConfig.get()
    alone = running.runtime.choices.get("hydra/launcher") == "basic"
    return 0 if alone or OmegaConf.is_missing(running.job, "num") else int(running.job.num)


def _targets(cfg: Any, where: str = "") -> dict[str, str]:
    """Return the dotted names of all that a configuration calls, by where they stand."""
    found: dict[str, str] = {}
    if isinstance(cfg, DictConfig):
        if "_target_" in cfg:
            found[where] = str(cfg["_target_"])
        for key in map(str, cfg):
            if not OmegaConf.is_missing(cfg, key):
                found |= _targets(cfg[key], f"{where}.{key}".lstrip("."))
    return found


def _metrics(cfg: DictConfig) -> list[Any]:
    """Return the metrics asked for, no two of them in one column."""
    from vrbench.cli.instantiation import make

    made = make(cfg.metrics)
    named: dict[str, str] = {}
    for key, metric in made.items():
        if metric.column in named:
            raise ConfigError(
                f"metrics.{named[metric.column]} and metrics.{key} are both called "
                f"{metric.column!r}: take one of them, ~metrics.{key}, or measure it in another run"
            )
        named[metric.column] = key
    return list(made.values())
