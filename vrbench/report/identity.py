"""Identity of runs: which belong to one cell, and unambiguous names of cells.

A name of a choice does not say what was changed on the command line, in which precision an attack
was searched, or with which settings a metric counts. Keys do; here they become names.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isclose, isfinite
from typing import Any

from vrbench.report.folds import fold_of, of_all_folds
from vrbench.report.names import label, shown, text
from vrbench.report.run_records import Entry

log = logging.getLogger(__name__)
MORE = ("scenario", "precision", "metrics")  # tell cells apart as the axes do
ADVERSARY = ("attack", "budget")  # whose names would lie of a number
UNUSED = {*ADVERSARY, "objective"}  # where nobody attacks
SIDES = ("before", "after", "control", "random")
Repeat = tuple[int, int, int, int]
Observation = tuple[int, int, int]
Settings = Mapping[str, Any]


def told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """Return every run once, see ``counted``, under names of one meaning, see ``named``."""
    told = named(entries)
    return [told[n] for n in _once(told)]


def counted(entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs as they are, without those that a newer one replaces.

    Of several runs of one cell under the same seeds, on the same fold, the newest counts, with a
    warning where they disagree.
    """
    return [entries[n] for n in _once(named(entries))]


def named(entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs under names that stand for one thing each within these runs.

    A name that stands for several settings gets those in which they differ: ``linf_8`` becomes
    ``linf_8 eps=8`` and ``linf_8 eps=32``. An attack or a budget of which a setting was changed is
    called so in any case; both, and the objective, are ``none`` where nobody attacks. Precision and
    the settings of metrics become parts of the run. Folds of one data set have one name, and the
    key of all of them.
    """
    told = [_with_more(entry) for entry in entries]
    _name_metrics(told)
    precisions = {entry["parts"]["precision"]["name"] for entry in told} - {""}
    for entry in told:
        if len(precisions) == 1:  # runs that were skipped may not say theirs
            entry["parts"]["precision"]["name"] = next(iter(precisions))
    for part in dict.fromkeys(part for entry in told for part in entry["parts"]):
        _name_settings([entry for entry in told if part in entry["parts"]], part)
    return told


def unattacked(entry: Entry) -> bool:
    """Return whether the threat of a run is that nobody attacks, whatever attack is chosen."""
    settings: Settings = entry["parts"].get("threat", {}).get("settings") or {}
    return settings.get("timing") == "none"


def aim(entry: Entry) -> str:
    """Return source and target category and their labels; "" where nobody attacks any."""
    case = entry.get("case")
    if not case or case.get("items") == 0 or unattacked(entry):
        return ""
    return f"{case['source']} as {case['target']} ({case['labels']})"


def seeds(entry: Entry) -> tuple[int, int]:
    """Return the seed of a run, and that of its extractor."""
    return entry.get("seed", 0), entry.get("extractor_seed", 0)


def fold(entry: Entry) -> tuple[int, int] | None:
    """Return on which fold of its data a run was, of test and validation; None: there are none."""
    return fold_of(entry["parts"].get("dataset", {}))


def in_folds(entries: Iterable[Entry]) -> bool:
    """Return whether any run was on one of several folds of its data."""
    return any(fold(entry) is not None for entry in entries)


def repeat(entry: Entry) -> Repeat:
    """Return what tells a run from the others of its cell: its seeds, and its fold."""
    return (*seeds(entry), *(fold(entry) or (0, 0)))


def observation(entry: Entry) -> Observation:
    """Return the unit of observation of a run for intervals and tests: its seed and fold.

    Seeds of the extractor and pairs of categories are averaged inside it.
    """
    return (seeds(entry)[0], *(fold(entry) or (0, 0)))


def size(budget: Mapping[str, Any]) -> float | None:
    """Return the ``eps`` of a budget; None where it has none that is a number."""
    eps = budget.get("eps")
    if not isinstance(eps, int | float) or isinstance(eps, bool):
        return None
    return float(eps) if isfinite(eps) else None


def besides(part: Mapping[str, Any], setting: str) -> str:
    """Return the settings of a part but one, as text; of older runs, its name without numbers."""
    told = part.get("settings")
    if told is None:
        return re.sub(r"[\d.]+", "", str(part.get("choice", part.get("name", ""))))
    return text({name: shown(value) for name, value in sorted(told.items()) if name != setting})


def _with_more(entry: Entry) -> Entry:
    precision = (entry.get("machine") or {}).get("precision", "")
    parts = {part: of_all_folds(made) for part, made in entry["parts"].items()}
    if unattacked(entry):
        parts |= {part: {"name": "none"} for part in UNUSED & parts.keys()}
    return entry | {"parts": parts | {"precision": {"name": precision}, "metrics": {"name": ""}}}


def _name_metrics(entries: Sequence[Entry]) -> None:
    """Name the settings of every metric that was measured with several."""
    found: dict[str, dict[str, Settings]] = defaultdict(dict)
    for entry in entries:
        for column, told in (entry.get("metrics") or {}).items():
            found[column][told["key"]] = told.get("settings", {})
    mixed = {column: _differences(by_key) for column, by_key in found.items() if len(by_key) > 1}
    for entry in entries:
        told = entry.get("metrics") or {}
        of = {
            column: text(names[told[column]["key"]])
            for column, names in mixed.items()
            if column in told
        }
        name = ", ".join(f"{column} {settings}" for column, settings in of.items())
        entry["parts"]["metrics"] = {"name": name, "of": of}


def _name_settings(entries: Sequence[Entry], part: str) -> None:
    """Add to the names of ``part`` that stand for several settings what differs."""
    found: dict[str, dict[str, Settings]] = defaultdict(dict)
    for entry in entries:
        made = entry["parts"][part]
        if made.get("key") is not None:
            by_key = found[made["name"]]
            by_key[made["key"]] = by_key.get(made["key"]) or _settings(entry, part)
    for entry in entries:
        made = entry["parts"][part]
        by_key = found.get(made["name"], {})
        if len(by_key) > 1 and made.get("key") is not None:
            differing = _differences(by_key)[made["key"]]
            made["choice"], made["differing"] = made["name"], differing
            made["name"] = f"{made['name']} {text(differing)}".rstrip()
        elif part in ADVERSARY:
            made["name"], made["changed"] = label(made), {}


def _settings(entry: Entry, part: str) -> Settings:
    """Return the settings of a part; of older runs, those that their overrides name."""
    told: Settings | None = entry["parts"][part].get("settings")
    if told is not None:
        return told
    pairs = (str(override).partition("=") for override in entry.get("overrides") or ())
    return {
        key.removeprefix(f"{part}."): value for key, _, value in pairs if key.startswith(f"{part}.")
    }


def _differences(by_key: Mapping[str, Settings]) -> dict[str, dict[str, str]]:
    """Return, by key, the settings in which things of one name differ, and their values as text.

    Where they do not tell all things apart, the beginning of the key does, as ``#``.
    """
    names = sorted({name for told in by_key.values() for name in told})
    differing = [n for n in names if len({shown(told.get(n)) for told in by_key.values()}) > 1]
    texts = {
        key: {name: shown(told[name]) for name in differing if name in told}
        for key, told in by_key.items()
    }
    clear = len({text(told) for told in texts.values()}) == len(texts)
    return texts if clear else {key: told | {"#": key[:8]} for key, told in texts.items()}


def _once(entries: Sequence[Entry]) -> list[int]:
    """Return which entries, named, count: all but those that a newer run of the same replaces."""
    kept: dict[tuple[Any, ...], int] = {}
    failed = [n for n, e in enumerate(entries) if not {"rows", "skipped"} & e.keys()]
    for n in sorted(range(len(entries)), key=lambda n: _age(entries[n])):
        entry = entries[n]
        where = tuple(sorted((part, made["name"]) for part, made in entry["parts"].items()))
        place = (where, aim(entry) if "rows" in entry else "", *repeat(entry))
        if n in failed:
            continue
        older = entries[kept[place]] if place in kept else {}
        if not _agree(older.get("rows", ()), entry.get("rows", ())):
            names = " ".join(name for _, name in where if name)
            seed = seeds(entry)[0]
            log.warning("two runs disagree, the newer one counts: %s, seed %s", names, seed)
        kept[place] = n
    return sorted([*kept.values(), *failed])


def _age(entry: Entry) -> tuple[bool, str]:
    """Return what runs are sorted by: those that measured something last, and the newest."""
    return "rows" in entry, str(entry.get("began", ""))


def _agree(rows: Iterable[dict[str, Any]], others: Iterable[dict[str, Any]]) -> bool:
    """Return whether two runs have the same numbers for what both measured."""
    known = {row["metric"]: row for row in rows}
    pairs = [
        (known[row["metric"]].get(side), row.get(side))
        for row in others
        if row["metric"] in known
        for side in SIDES
    ]
    return all(
        a is None or b is None or isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in pairs
    )
