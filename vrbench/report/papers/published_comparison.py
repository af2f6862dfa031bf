"""Comparison of measured with published numbers, cell by cell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import yaml

from vrbench.core.errors import DataError
from vrbench.core.files import regular
from vrbench.report.identity import Observation, aim, observation
from vrbench.report.papers.premise import Doubt, doubt
from vrbench.report.run_records import Entry
from vrbench.report.tables import number

Show = Literal["value", "change", "clean", "sides"]
Labels = Mapping[str, Mapping[str, str]]
Run = tuple[Observation, str]  # its seed and fold, and whose pictures were to be taken for what
BASE, RETRAINED = "Base", "retrained clean"
LEVEL = 0.05  # below which a paper prints a star


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        where: what it is of: a label per axis.
        metric: what was measured.
        value: a mean over seeds, for ours.
        spread: standard deviation over seeds; None for one seed and for printed numbers.
        runs: the number of each run; none for printed numbers.
        doubts: why some of these runs cannot tell what an attack on a category does.
    """

    where: Mapping[str, str] = field(hash=False)
    metric: str
    value: float
    spread: float | None = None
    runs: Mapping[Run, float] = field(default_factory=dict, hash=False)
    doubts: Mapping[Run, Doubt] = field(default_factory=dict, hash=False)

    @property
    def place(self) -> frozenset[tuple[str, str]]:
        """What it is of, to look it up by."""
        return frozenset(self.where.items())

    @property
    def label(self) -> str:
        """What it is of, in words."""
        return ", ".join(value for value in self.where.values() if value)

    def sound(self, *, reached: bool = True) -> set[Run]:
        """Return the runs without a doubt; ``reached=False`` asks not for the attack's success."""
        return {
            run
            for run in self.runs
            if not any(self.doubts.get(run, Doubt())[: 2 if reached else 1])
        }

    def doubted(self) -> str:
        """Return the doubts, each with the number of runs that have it; "" for none.

        Where they differ they are counted without their numbers.
        """
        found = [self.doubts[run] for run in sorted(self.doubts)]
        if len(self.runs) == 1:
            return ", ".join(map(str, found))
        alike = len(set(found)) == 1
        counts = Counter(why for told in found for why in ([str(told)] if alike else told.kinds))
        return ", ".join(f"{why} ({n} of {len(self.runs)} runs)" for why, n in counts.items())


def printed(path: Path, show: Show = "value") -> list[Cell]:
    """Return the numbers of a file of ``conf/reported``.

    Args:
        path: the file.
        show: "change" reads its ``lines``, of changes in percent; otherwise its ``tables``.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is not such a file.
    """
    with printed_numbers(path) as told:
        if show == "change":
            return [
                Cell(line["cell"] | {"eps": f"{eps:g}"}, told["metric"], float(change))
                for line in told["lines"]
                for eps, change in zip(line["eps"], line["change"], strict=True)
            ]
        return [cell for table in told["tables"] for cell in _of_table(table)]


@contextmanager
def printed_numbers(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a file of ``conf/reported`` holds, to be read inside.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is not such a file, or what is looked for is not in it.
    """
    regular(path, f"no file {path} of printed numbers")
    try:
        yield yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no file of printed numbers: {error!r}") from error


def _of_table(table: Mapping[str, Any]) -> Iterable[Cell]:
    for row in table["rows"]:
        named = dict(zip(table["heads"], row, strict=True))
        where = {head: value for head, value in named.items() if isinstance(value, str)}
        yield from (Cell(where, m, float(v)) for m, v in named.items() if not isinstance(v, str))


def labelled(entry: Entry, labels: Labels) -> dict[str, str]:
    """Return what an entry is of, in the words of the printed table.

    A rule ``{axis: {name: label}}`` renames a choice; ``{axis: {"key=value&key=value": label}}``
    makes an axis out of any choices and overrides, and an empty rule always holds. Of several
    that hold the last one counts.
    """
    names = {part: str(made["name"]) for part, made in entry["parts"].items()}
    eps = entry["parts"].get("budget", {}).get("eps")
    where = names | {"eps": "" if eps is None else f"{float(eps):g}"}
    true = {f"{part}={name}" for part, name in names.items()}
    true |= {_as_yaml(override) for override in entry.get("overrides", ())}
    for axis, rules in labels.items():
        for rule, label in rules.items():
            wanted = {c if "=" in c else f"{axis}={c}" for c in rule.split("&") if c}
            if wanted <= true:
                where[axis] = label
    return where


def _as_yaml(override: str) -> str:
    """Return an override with truth values as YAML spells them; a sweep spells them as Python."""
    key, _, value = override.partition("=")
    return f"{key}={value.lower()}" if value in ("True", "False") else override


def measured(
    entries: Sequence[Entry],
    axes: Sequence[str],
    labels: Labels,
    metrics: Sequence[str],
    show: Show,
) -> list[Cell]:
    """Return our numbers, as means over seeds.

    Args:
        entries: what the runs left behind.
        axes: what tells cells apart.
        labels: see ``labelled``.
        metrics: columns.
        show: "value" after the attack, with the attack ``Base`` for before it and one for a clean
            retrain under another seed; "change" in percent; "clean" before any attack only;
            "sides" as "value", but as metrics of their own, with the share of seeds whose paired
            t-test finds a difference (p <= .05).
    """
    found: dict[tuple[tuple[str, ...], str], dict[Run, list[float]]]
    found = defaultdict(lambda: defaultdict(list))
    doubts: dict[tuple[str, ...], dict[Run, Doubt]] = defaultdict(dict)
    for entry in entries:
        told, why, run = labelled(entry, labels), doubt(entry), (observation(entry), aim(entry))
        for row in entry.get("rows", []):
            for metric, attack, value in _sides(row, show, told.get("attack", "")):
                if metric in metrics:
                    where = told | {"attack": attack}
                    place = tuple(where.get(axis, "") for axis in axes)
                    found[place, metric][run].append(value)
                    if str(why) and attack not in (BASE, RETRAINED):
                        doubts[place][run] = why
    return [
        _cell(dict(zip(axes, place, strict=True)), metric, by_run, doubts[place])
        for (place, metric), by_run in found.items()
    ]


def _cell(
    where: Mapping[str, str],
    metric: str,
    by_run: Mapping[Run, Sequence[float]],
    doubts: Mapping[Run, Doubt],
) -> Cell:
    by_seed: dict[Observation, list[float]] = defaultdict(list)
    for (seed, _), values in by_run.items():
        by_seed[seed] += values
    means = [fmean(values) for values in by_seed.values()]
    spread = stdev(means) if len(means) > 1 else None
    runs = {run: fmean(values) for run, values in by_run.items()}
    kept = {run: why for run, why in doubts.items() if run in runs}
    return Cell(where, metric, fmean(means), spread, runs, kept)


def _sides(row: Mapping[str, Any], show: Show, attack: str) -> list[tuple[str, str, float]]:
    """Return the numbers of a row: as which metric, under which attack, how much."""
    metric, before, after = row["metric"], row["before"], row["after"]
    if show == "change":
        told = (
            [(metric, attack, 100 * (after / before - 1))] if before and after is not None else []
        )
    elif show == "clean":
        told = [(metric, attack, before)]
    elif show == "sides":
        starred = None if row.get("p") is None else float(row["p"] <= LEVEL)
        told = [(f"{metric} clean", attack, before), (f"{metric} attacked", attack, after)]
        told += [(f"{metric} retrained", attack, row.get("control"))]
        told += [(f"{metric} starred", attack, starred)]
    else:
        told = [(metric, BASE, before), (metric, attack, after)]
        told += [(metric, RETRAINED, row.get("control"))]
    return [(name, which, value) for name, which, value in told if value is not None]


def beside(
    ours: Sequence[Cell], theirs: Sequence[Cell], axes: Sequence[str], metrics: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: ours, printed, and ours minus printed, for every metric.

    Where nothing was printed, only ours. Where runs of ours cannot tell what an attack does, a last
    column says why.

    A printed number with an axis more than ours, such as the data set, stands beside the same
    number of ours on every line. Printed lines come first, in their order; then what only we have.
    """
    more = _without(axes, chain.from_iterable(cell.where for cell in theirs))
    mine = {(_place(c, axes), c.metric): c for c in ours}
    said = {(_place(c, [*more, *axes]), c.metric): c for c in theirs}
    doubted, lines = any(cell.doubts for cell in ours), []
    for place in _places(ours, theirs, more, axes):
        own = place[len(more) :]
        pairs = [(mine.get((own, metric)), said.get((place, metric))) for metric in metrics]
        shown = (_pair(*pair) if theirs else [_shown(pair[0])] for pair in pairs)
        line = [*place, *chain.from_iterable(shown)]
        lines.append([*line, _why(our for our, _ in pairs)] if doubted else line)
    heads = [*more, *axes, *_heads(metrics, bool(theirs))]
    return heads + ["cannot be told"] * doubted, lines


def _heads(metrics: Sequence[str], printed: bool) -> Iterable[str]:
    """Return the heads of the columns of numbers; three a metric if any were printed."""
    if not printed:
        return metrics
    return chain.from_iterable((f"{m} ours", "printed", "difference") for m in metrics)


def _without(axes: Sequence[str], printed: Iterable[str]) -> list[str]:
    """Return the axes that printed numbers have and ours have not, in their order."""
    return [axis for axis in dict.fromkeys(printed) if axis not in axes]


def _why(cells: Iterable[Cell | None]) -> str:
    """Return why the first doubted one of ``cells`` cannot be told; "-" if none is."""
    return next(filter(None, (cell.doubted() for cell in cells if cell is not None)), "-")


def _place(cell: Cell, axes: Sequence[str]) -> tuple[str, ...]:
    """Return what a cell has on ``axes``; "-" where it has nothing."""
    return tuple(cell.where.get(axis, "-") for axis in axes)


def _places(
    ours: Sequence[Cell], theirs: Sequence[Cell], more: Sequence[str], axes: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the places of printed cells, in their order; then those that only we have."""
    printed = list(dict.fromkeys(_place(cell, [*more, *axes]) for cell in theirs))
    known = {place[len(more) :] for place in printed}
    own = sorted({_place(cell, axes) for cell in ours} - known)
    return printed + [(*("-" for _ in more), *place) for place in own]


def _pair(our: Cell | None, their: Cell | None) -> list[str]:
    """Return ours, what was printed, and the difference."""
    apart = f"{our.value - their.value:+.4g}" if our and their else "-"
    return [_shown(our), _shown(their), apart]


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return number(cell.value) + (f" ± {number(cell.spread, 2)}" if cell.spread is not None else "")
