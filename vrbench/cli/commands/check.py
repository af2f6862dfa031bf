"""Verification of published rows: recompose the key of every cell, rerun a sample of cells."""

from __future__ import annotations

import logging
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from vrbench.bench.result import Row
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.cli.axes import PARTS, name_of
from vrbench.cli.cell_record import fold_told, processor
from vrbench.cli.changed import changed_settings
from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.cli.instantiation import make
from vrbench.cli.record_composition import compose_record
from vrbench.core.errors import ConfigError, MissingDataError, VRBenchError
from vrbench.core.plurals import how_many
from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.report.folds import of_all_folds
from vrbench.report.identity import Repeat, fold, repeat
from vrbench.report.names import label
from vrbench.report.run_records import Entry, ambiguous

log = logging.getLogger(__name__)
SIDES = ("before", "after", "control", "random", "std", "p", "p_random")
TESTED = ("p", "p_random")  # None in what earlier versions left
SCALE = 1e-9  # of a difference from zero


@dataclass
class Check:
    """Result of a verification: what was checked, and one line per fault."""

    faults: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


def check(
    found: list[tuple[Path, Entry]],
    *,
    seeds: int = 3,
    sample: int = 1,
    sample_seed: int = 0,
    tolerance: float = 1e-3,
) -> Check:
    """Return the faults of rows that are to be published.

    Where none of their data sets is here, that is all that is said, and at once. Else every part
    of every cell must have the key that its overrides give; a name must stand for one thing; every
    cell must have been run under enough seeds; and ``sample`` cells, drawn by ``sample_seed``, are
    run again in an empty store and must come out the same.

    Args:
        found: cells and where they stand.
        seeds: the least number per cell.
        sample: how many cells are run again; as many as there are, at most.
        sample_seed: which.
        tolerance: how far a number may be from the published one, relative to the larger of both.
    """
    result, keys = Check(), _Keys()
    absent, some_here = keys.absent(entry for _, entry in found)
    if absent and not some_here:  # composing every cell takes minutes, and would say no more
        return Check(faults=absent)
    for line in absent:
        log.warning("%s", line)
    for path, entry in found:
        result.faults += [f"{_label(path, entry)}: {fault}" for fault in keys.faults(entry)]
    result.faults += keys.missing()
    result.faults += ambiguous(entry for _, entry in found)
    result.faults += _few_seeds(found, seeds)
    told = sorted((c for c in found if "rows" in c[1]), key=lambda c: _label(*c))
    result.done.append(
        f"{how_many(len(found), 'cell')}, {len(told)} with rows; keys, names, "
        f"at least {how_many(seeds, 'seed')}"
    )
    for path, entry in random.Random(sample_seed).sample(told, min(sample, len(told))):
        if elsewhere := _made_elsewhere(entry):
            result.done.append(f"not run again, made on {elsewhere}: {_label(path, entry)}")
            continue
        result.done.append(f"run again, within {tolerance:g}: {_label(path, entry)}")
        differences = _again(entry, tolerance)
        result.faults += [f"{_label(path, entry)}: {fault}" for fault in differences]
        if differences and (other := _other_processor(entry)):
            result.faults.append(
                f"{_label(path, entry)}: made on {other}, and this is {processor()}: networks that "
                "are taught anew may end elsewhere by rounding alone; check it on one like that"
            )
    return result


def _other_processor(entry: Entry) -> str:
    """Return the processor that made a cell, if it is not this one's like; else nothing.

    Records of older versions do not tell.
    """
    told = str(entry.get("versions", {}).get("processor", "an unnamed processor"))
    return "" if told == processor() else told


def _made_elsewhere(entry: Entry) -> str:
    """Return the devices that made a cell, if this machine lacks one or several took part.

    A processor and a graphics card round otherwise, so their numbers are not compared. Empty if the
    cell can be run again on what it was made on; records of older versions do not tell.
    """
    told = [entry.get("machine", {}).get("device"), *(s.get("device") for s in _steps(entry))]
    kinds = {str(device).partition(":")[0] for device in told if device}
    alike = len(kinds) <= 1 and (kinds <= {"cpu"} or torch.cuda.is_available())
    return "" if alike else " and ".join(sorted(kinds))


def _steps(entry: Entry) -> list[dict[str, Any]]:
    return [step for step in entry.get("stages", ()) if isinstance(step, dict)]


def _label(path: Path, entry: Entry) -> str:
    """Return where a cell stands and what it is."""
    on = fold(entry)
    which = "" if on is None else f", fold {on[0]}" + (f".{on[1]}" if on[1] else "")
    return f"{path} ({_names(entry)}, seed {entry.get('seed')}{which})"


def _names(entry: Entry) -> str:
    parts = (entry["parts"].get(part) or {"name": None} for part in PARTS)
    return " ".join(label(of_all_folds(part)) for part in parts)


class _Keys:
    """Recomposes cells; a part that many cells share is made once."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, str], str | VRBenchError] = {}
        self._folds: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._missing: Counter[str] = Counter()

    def absent(self, entries: Iterable[Entry]) -> tuple[list[str], bool]:
        """Return one line per data set that is not here, and whether any is, by a cell of each."""
        first: dict[str, Entry] = {}
        cells: Counter[str] = Counter()
        for entry in entries:
            name = str((entry["parts"].get("dataset") or {}).get("name"))
            first.setdefault(name, entry)
            cells[name] += 1
        found = []
        for name, entry in first.items():
            try:
                self._digest(_composed(entry), "dataset")
            except MissingDataError as error:
                found.append(f"{how_many(cells[name], 'cell')} cannot be checked: {error}")
            except VRBenchError:  # said of every cell below
                continue
        return found, len(found) < len(first)

    def missing(self) -> list[str]:
        """Return one line per data set that is not here, however many cells want it."""
        return [
            f"{how_many(n, 'cell')} cannot be checked: {what}" for what, n in self._missing.items()
        ]

    def faults(self, entry: Entry) -> Iterator[str]:
        """Yield what does not follow from the overrides of a cell."""
        try:
            composed = _composed(entry)
        except VRBenchError as error:
            yield f"cannot be composed again: {error}"
            return
        for name in ("seed", "extractor_seed"):
            if entry.get(name) != composed.cfg[name]:
                yield f"{name} {entry.get(name)}, and its overrides say {composed.cfg[name]}"
        told_of = entry.get("overrides", [])
        changed = changed_settings(composed.cfg, composed.choices, told_of, conf_dir())
        for part in PARTS:
            told = entry["parts"].get(part, {})
            name = name_of(part, composed.choices)
            if told.get("name") not in (name, name_of(part, composed.choices, as_written=True)):
                yield f"{part}={told.get('name')}, and its overrides say {part}={name}"
            elif "key" not in told and "rows" in entry:
                yield f"{part}={name} has no key"
            elif "key" in told:
                fault = self._fault_of(part, told, composed, (changed or {}).get(part))
                yield from [fault] if fault else []

    def _fault_of(
        self, part: str, told: Entry, composed: Composition, changed: dict[str, Any] | None
    ) -> str | None:
        """Return what does not follow from the settings of a part with a key; None: all does."""
        name = name_of(part, composed.choices)
        try:
            key = self._digest(composed, part)
        except MissingDataError as error:
            self._missing[str(error)] += 1
            return None
        except VRBenchError as error:
            return f"{part}={name} cannot be made: {error}"
        if key != told["key"]:
            return (
                f"{part}={name} has the key {told['key']}, and its settings give {key}: "
                "edited, or of another version"
            )
        if told.get("fold") != self._folds.get((part, composed.yaml(part, {}))):
            return f"{part}={name} has a fold that its settings do not give"
        if told.get("changed") not in (None, changed):
            return f"{part}={label(told)}, and its overrides change something else"
        return None

    def _digest(self, composed: Composition, part: str) -> str:
        known = part, composed.yaml(part, {})
        if known not in self._digests:
            try:
                made = composed.make(part)
                self._digests[known] = digest(made)
                if isinstance(made, Dataset):
                    self._folds[known] = fold_told(made)
            except VRBenchError as error:
                self._digests[known] = error
        found = self._digests[known]
        if isinstance(found, VRBenchError):
            raise found
        return found


def _composed(entry: Entry) -> Composition:
    """Return what a record describes: somebody else wrote it, so nothing of it is called.

    Raises:
        ConfigError: if it reaches outside the shipped choices and those of ``--config-dir``.
    """
    told = entry.get("overrides", [])
    if not isinstance(told, list) or not all(isinstance(line, str) for line in told):
        raise ConfigError("its overrides are no list of texts")
    return _composition(tuple(told), own_dir())


@cache
def _composition(overrides: tuple[str, ...], own: Path | None) -> Composition:
    return compose_record(overrides, conf_dir(), own)


def _few_seeds(found: Iterable[tuple[Path, Entry]], least: int) -> list[str]:
    """Return one line per cell with fewer than ``least`` runs: pairs of seeds, times folds."""
    cells: dict[str, set[Repeat]] = defaultdict(set)
    for _, entry in found:
        if "rows" in entry:
            cells[_names(entry)].add(repeat(entry))
    return [
        f"{names}: {len(runs)} of {least} seeds: {', '.join(str(s) for s, *_ in sorted(runs))}"
        for names, runs in sorted(cells.items())
        if len(runs) < least
    ]


def _again(entry: Entry, tolerance: float) -> list[str]:
    """Run a cell in an empty store and return where its rows differ from what is told."""
    try:
        composed = _composed(entry)
        cfg, machine = composed.cfg, composed.make("machine")
        machine.use()
        with tempfile.TemporaryDirectory() as folder:
            result = run(
                **{part: composed.make(part) for part in PARTS},
                metrics=list(make(cfg.metrics).values()),
                store=Store(Path(folder)),
                machine=machine,
                seed=cfg.seed,
                extractor_seed=cfg.extractor_seed,
                control=cfg.control,
            )
    except MissingDataError:
        return []  # said once for all cells
    except VRBenchError as error:
        return [f"cannot be run again: {error}"]
    assert result is not None
    return apart(entry["rows"], result.rows, tolerance)


def apart(rows: Sequence[dict[str, Any]], again: Sequence[Row], tolerance: float) -> list[str]:
    """Return the differences between published rows and rows measured again."""
    made = {row.metric: row for row in again}
    told = {row["metric"]: row for row in rows}
    if "LPIPS" in told and "LPIPS_untrained" in made:
        return ["LPIPS was measured, and has no weights here: python -m vrbench weights"]
    faults = [f"{name} is not measured by its settings" for name in told if name not in made]
    faults += [f"{name} is measured by its settings, and left out" for name in made.keys() - told]
    for name in made.keys() & told:
        for side in SIDES:
            old, new = told[name].get(side), getattr(made[name], side)
            if side in TESTED and old is None:
                continue
            if not _near(old, new, tolerance):
                faults.append(f"{name}, {side}: {old}, and run again {new}")
    return sorted(faults)


def _near(old: float | None, new: float | None, tolerance: float) -> bool:
    if old is None or new is None:
        return old is new
    return abs(old - new) <= tolerance * max(abs(old), abs(new)) + SCALE
