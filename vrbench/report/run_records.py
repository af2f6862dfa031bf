"""Records of runs: reading ``rows.json``, and writing records for publication."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vrbench.core.errors import DataError, MissingDataError, VRBenchError
from vrbench.core.files import regular
from vrbench.report.folds import of_all_folds
from vrbench.report.names import label
from vrbench.report.record_format import lacks_its_header, packed, parsed, unpacked
from vrbench.report.shape import misshapen

log = logging.getLogger(__name__)
Entry = dict[str, Any]
SCHEMA = 1
AXES = ("dataset", "threat", "objective", "extractor", "recommender", "attack", "budget")
NOT_KEPT = ("stages", "seconds", "folder", "items", "asked", "sweep")
DAY = len("2026-01-01")  # of the time at which a run began, what a record keeps
# overrides that move no number
OF_THE_PLACE = ("store=", "hydra.", "hydra/", "save=", "dry_run=", "track=", "track.")


def moving(overrides: Iterable[str]) -> list[str]:
    """Return overrides without those that move no number: where things lie, and what is kept."""
    return [o for o in overrides if not o.startswith(OF_THE_PLACE)]


def read(folders: Iterable[str | Path]) -> list[tuple[Path, Entry]]:
    """Return the records of runs, as ``readable`` does.

    Raises:
        MissingDataError: if nothing is left.
    """
    places = [Path(folder) for folder in folders]
    found = readable(places) if any(place.exists() for place in places) else []
    if not found:
        raise MissingDataError(
            f"no readable rows.json below {', '.join(map(str, places))}: run `python -m vrbench` "
            "first, or name the folder of your runs"
        )
    return found


def readable(places: Iterable[Path]) -> list[tuple[Path, Entry]]:
    """Return the readable records of runs, each with its file.

    What cannot be read (half written, a pipe, of another schema, somebody else's) is left out,
    with a warning of one line each.

    Args:
        places: folders, searched for ``rows.json``; or files that ``record`` wrote.
    """
    found = []
    for path in sorted(p for f in places for p in (f.rglob("rows.json") if f.is_dir() else [f])):
        try:
            text = regular(path).read_text(encoding="utf-8", errors="replace")
        except (VRBenchError, OSError) as reason:
            log.warning("left out: %s", reason)
            continue
        reasons: Counter[str] = Counter()
        for told in unpacked(text) if path.suffix == ".jsonl" else _whole(text):
            try:
                found.append((path, _entry(told)))
            except DataError as reason:
                reasons[str(reason)] += 1
        for why, count in reasons.items():
            lines = "" if count == 1 else f" ({count} lines)"
            log.warning("left out: %s: %s%s", path, why, lines)
    return found


def _whole(text: str) -> Iterator[Any | DataError]:
    """Yield what a ``rows.json`` says, or why it cannot be read."""
    try:
        yield parsed(text)
    except DataError as reason:
        yield reason


def _entry(told: Any | DataError) -> Entry:
    if isinstance(told, DataError):
        raise told
    if isinstance(told, dict) and lacks_its_header(told):
        raise DataError("the first line of the record, with what its lines share, is missing")
    parts = told.get("parts") if isinstance(told, dict) else None
    if not isinstance(parts, dict):
        raise DataError("no rows of vrbench")
    if told.get("schema") != SCHEMA:
        raise DataError(
            f"rows of schema {told.get('schema')}, and this version reads {SCHEMA}: run that cell "
            "again"
        )
    if not all(isinstance(parts.get(axis), dict) and "name" in parts[axis] for axis in AXES):
        raise DataError(f"does not name its {', '.join(AXES)}")
    if wrong := misshapen(told):
        raise DataError(f"{', '.join(wrong)}: of another kind than a run leaves them")
    return dict(told)


def may_show(entry: Entry) -> bool:
    """Return whether the pictures of a run may be passed on; where nothing is said, they may."""
    return entry.get("redistributable") is not False


def not_shown(entries: Iterable[Entry]) -> list[str]:
    """Return the sentence about pictures that are left out, if any are."""
    names = sorted({e["parts"]["dataset"]["name"] for e in entries if not may_show(e)})
    return [f"pictures of {name} are left out: they may not be redistributed" for name in names]


def ambiguous(entries: Iterable[Entry]) -> list[str]:
    """Return one line per name that stands for several settings; folds are no setting."""
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        for part, told in entry["parts"].items():
            made = of_all_folds(told)
            if "key" in made:
                keys[part, label(made)].add(made["key"])
    return [
        f"{part}={name} stands for {len(found)} different settings: give each variant a YAML file "
        "and a name of its own, or name the folders to read"
        for (part, name), found in keys.items()
        if len(found) > 1
    ]


def record(entries: Sequence[Entry]) -> str:
    """Return entries as JSON lines to be committed beside a table made of them.

    They have what a cell needs to be made and judged again: overrides, keys, seeds, machine,
    versions, rows, and the day on which it began; what cells share stands once, see
    ``record_format``. What only the place knew (store, folders, time of day) is left out.
    """
    kept = []
    for entry in entries:
        told = {k: v for k, v in entry.items() if k not in NOT_KEPT}
        told["overrides"] = moving(entry.get("overrides", []))
        if "began" in told:
            told["began"] = told["began"][:DAY]
        kept.append(told)
    return packed(kept)
