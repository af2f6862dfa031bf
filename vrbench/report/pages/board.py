"""The board: one line per shop and budget, what the best known attack does to it, and why."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrbench.report.equivalence import bootstrap, equivalent
from vrbench.report.grid import Cell, repeated
from vrbench.report.identity import observation, seeds
from vrbench.report.leaderboard import mean
from vrbench.report.over_seeds import Change, means_of_seeds
from vrbench.report.pages.board_words import BROUGHT, DEFENCES, MODEL, STANDARD, VISIBLE, meaning
from vrbench.report.pages.clickable import Point
from vrbench.report.pages.page import Head, Table, Value, measured
from vrbench.report.papers.published_comparison import Run
from vrbench.report.run_records import OF_THE_PLACE
from vrbench.report.threat_models import threat_model
from vrbench.report.worst_case import SAME_SHOP, Worst

__all__ = ["MODEL", "Standings", "board", "by_run", "mark_of", "mean_of"]
NAMED = {"attack": "best known attack", "objective": "its aim"}
PLACES, USERS = "rank shift", "item HR@"
FIRST = (
    *("rank", "dataset", "recommender", "extractor", "defence"),
    *("change", "interval", MODEL, "budget"),
)
ANCHOR = "shop-"
Rows = dict[Run, tuple[float, float, float | None]]


@dataclass(frozen=True)
class Standings:
    """The table, and its lines as points of robustness against accuracy."""

    table: Table
    points: list[Point]


def board(
    found: Sequence[Worst],
    grid: Sequence[Cell],
    axes: Sequence[str],
    headline: str,
    accuracy: str | None,
    tested: Mapping[int, Change],
    papers: Mapping[str, str],
) -> Standings:
    """Return one line per shop and budget; columns that say nothing of any shop are left out.

    Args:
        found: the worst attack of each, least exposed first.
        grid: every cell.
        axes: on which cells differ.
        headline: the metric by which attacks are ranked.
        accuracy: such as "nDCG@20".
        tested: how far each cell's headline moved, by ``id``.
        papers: of recommenders, by component.
    """
    columns = _names(found, axes)
    columns |= _numbers(found, grid, headline, accuracy, tested)
    columns |= _origins(found, papers)
    axis_of = {NAMED.get(axis, axis): axis for axis in axes} | {MODEL: MODEL}
    order = sorted(columns, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    told = {name: columns[name] for name in order if any(v.text != "-" for v in columns[name])}
    heads = [
        Head(name, axis_of.get(name, ""), meaning(name, headline), values[0].kind == "name")
        for name, values in told.items()
    ]
    lines = [list(line) for line in zip(*told.values(), strict=True)]
    return Standings(Table(heads, lines, ANCHOR), _points(found, headline, accuracy))


def _names(found: Sequence[Worst], axes: Sequence[str]) -> dict[str, list[Value]]:
    """Return rank, threat model where there are several, and what tells the shops apart."""
    columns = {"rank": [measured(rank, str(rank)) for rank in _ranks(found)]}
    models = [threat_model(w.cell) for w in found]
    if len(set(models)) > 1:
        columns[MODEL] = [Value(model, kind="name") for model in models]
    for axis in axes:
        columns[NAMED.get(axis, axis)] = [_named(w.cell, axis) for w in found]
    return columns


def _numbers(
    found: Sequence[Worst],
    grid: Sequence[Cell],
    headline: str,
    accuracy: str | None,
    tested: Mapping[int, Change],
) -> dict[str, list[Value]]:
    """Return what was measured, by column."""
    return (
        _of_headline(found, grid, headline, tested)
        | _how_sure(found, headline, tested)
        | _of_others(found, headline, accuracy)
    )


def _of_headline(
    found: Sequence[Worst], grid: Sequence[Cell], headline: str, tested: Mapping[int, Change]
) -> dict[str, list[Value]]:
    """Return what the best known attack does to the headline, and what the standard one does."""
    standard = {_where(c): c for c in grid if _component(c, "attack") == STANDARD}
    return {
        "of": [Value(str(w.of), w.of) for w in found],
        f"{headline} clean": [mean_of(w.cell, headline, "before") for w in found],
        "attacked": [mean_of(w.cell, headline, "after") for w in found],
        "change": [
            measured(moved, signed(moved) + mark_of(tested[id(w.cell)]), "headline")
            for w in found
            for moved in [w.cell.change(headline)]
        ],
        "standard-1": [_change(standard.get(_where(w.cell)), headline) for w in found],
    }


def _how_sure(
    found: Sequence[Worst], headline: str, tested: Mapping[int, Change]
) -> dict[str, list[Value]]:
    """Return what chance does, and how far the change is told from it."""
    return {
        "by chance": [measured(w.floor) for w in found],
        "interval": [_interval(tested[id(w.cell)]) for w in found],
        "bootstrap": [_resampled(by_run(w.cell, headline)) for w in found],
        "as a retrain": [_beside(by_run(w.cell, headline)) for w in found],
        repeated([w.cell for w in found]): [Value(w.cell.repeats) for w in found],
    }


def _of_others(
    found: Sequence[Worst], headline: str, accuracy: str | None
) -> dict[str, list[Value]]:
    """Return what other metrics say of the same runs."""
    users, seen = _metrics_of(found)
    named: dict[str, list[Value]] = {}
    if accuracy:
        named[f"{accuracy} clean"] = [mean_of(w.cell, accuracy, "before") for w in found]
    if headline != PLACES:
        named["places gained"] = [mean_of(w.cell, PLACES, "after") for w in found]
    if users:
        named["users reached"] = [_share(w.cell, users) for w in found]
    named["left after poisoning"] = _poisoned(found, headline)
    if seen:
        named[seen] = [mean_of(w.cell, seen, "after") for w in found]
    return named


def _metrics_of(found: Sequence[Worst]) -> tuple[str | None, str | None]:
    """Return the metrics of users reached and of visible change that some of the runs have."""
    users = next((m for w in found for m in _columns(w.cell) if m.startswith(USERS)), None)
    return users, next((m for m in VISIBLE if any(w.cell.rows(m) for w in found)), None)


def _origins(found: Sequence[Worst], papers: Mapping[str, str]) -> dict[str, list[Value]]:
    """Return whose a shop is, who measured it, when, and how it is done again, by column."""
    told = [papers.get(_component(w.cell, "recommender"), "") for w in found]
    years = [re.findall(r"\b(?:19|20)\d\d\b", paper) for paper in told]
    entries = [w.cell.entries[0] for w in found]
    return {
        "defence": [Value(_defence(w.cell), kind="name") for w in found],
        "paper": [Value(paper or "-", kind="name") for paper in told],
        "year": [measured(int(y[0]), y[0]) if y else measured(None) for y in years],
        "measured by": [Value(str(e.get("by", "-")), kind="name") for e in entries],
        "date": [Value(str(e.get("began", "-"))[:10]) for e in entries],
        "load": [_loaded(e) for e in entries],
        "again": [Value("command", "", "name", _command(e)) for e in entries],
    }


def _ranks(found: Sequence[Worst]) -> list[int]:
    """Return the place of each among those of one data set, threat and budget."""
    taken: Counter[tuple[str, ...]] = Counter()
    ranks = []
    for w in found:
        group = tuple(w.cell.where[axis] for axis in ("dataset", "threat", "budget"))
        taken[group] += 1
        ranks.append(taken[group])
    return ranks


def _points(found: Sequence[Worst], headline: str, accuracy: str | None) -> list[Point]:
    """Return each line as a point; none without an accuracy."""
    return [
        Point(
            f"{ANCHOR}{n}",
            x,
            y,
            w.cell.where["recommender"],
            w.cell.where["extractor"],
            f"{w.cell.where['attack']} within {w.cell.where['budget']}, {w.cell.where['threat']}",
        )
        for n, w in enumerate(found, start=1)
        if accuracy
        and (x := w.cell.mean(accuracy, "before")) is not None
        and (y := w.cell.change(headline)) is not None
    ]


def _poisoned(found: Sequence[Worst], headline: str) -> list[Value]:
    """Return what each shop keeps of an evasion once it is trained on attacked pictures."""
    after = {_shop(w.cell): w.cell for w in found if threat_model(w.cell) == "poisoning"}
    return [
        _change(after.get(_shop(w.cell)) if threat_model(w.cell) == "evasion" else None, headline)
        for w in found
    ]


def _shop(cell: Cell) -> tuple[str, ...]:
    return (*(cell.where[axis] for axis in SAME_SHOP), cell.where["budget"])


def _where(cell: Cell) -> tuple[str, ...]:
    return (*_shop(cell), cell.where["threat"], cell.pictures)


def _columns(cell: Cell) -> list[str]:
    return [row["metric"] for row in cell.entries[0].get("rows", [])]


def _component(cell: Cell, axis: str) -> str:
    return str(cell.entries[0]["parts"].get(axis, {}).get("component") or "")


def _defence(cell: Cell) -> str:
    """Return what protects a shop: how its network was trained or is fronted, how it recommends."""
    named = [DEFENCES.get(_component(cell, axis)) for axis in ("extractor", "recommender")]
    return ", ".join(name for name in named if name) or "none"


def _named(cell: Cell, axis: str) -> Value:
    """Return a choice, with a dagger where it is an attack that was brought from outside."""
    brought = axis == "attack" and _component(cell, axis) in BROUGHT
    return Value(f"{cell.where[axis]}{' †' * brought}", kind="name")


def _loaded(entry: Mapping[str, Any]) -> Value:
    """Return how a submitted entry is had; of what was not submitted, nothing."""
    name = entry.get("entry")
    if not name:
        return Value("-", "", "name")
    return Value(str(name), None, "name", f"vrbench.load({name!r})")


def _command(entry: Mapping[str, Any]) -> str:
    kept = [o for o in entry.get("overrides", []) if not o.startswith(OF_THE_PLACE)]
    return f"python -m vrbench {shlex.join(kept)}"


def _change(cell: Cell | None, metric: str) -> Value:
    moved = None if cell is None else cell.change(metric)
    return measured(moved, signed(moved))


def _share(cell: Cell, metric: str) -> Value:
    before, after = cell.mean(metric, "before"), cell.mean(metric, "after")
    if before is None or after is None:
        return measured(None)
    return measured(after, f"{100 * before:.2f} → {100 * after:.2f} %")


def _interval(found: Change) -> Value:
    if found.by is None:
        return measured(None)
    return measured(found.by.low, f"{signed(found.by.low)} to {signed(found.by.high)}")


def _resampled(rows: Rows) -> Value:
    ends = bootstrap(means_of_seeds({run: after - b for run, (b, after, _) in rows.items()}))
    return measured(None) if ends is None else measured(ends[0], " to ".join(map(signed, ends)))


def _beside(rows: Rows) -> Value:
    alike = equivalent(rows)
    return measured(None) if alike is None else Value("yes" if alike else "not shown")


def mean_of(cell: Cell, metric: str, side: Any, mark: str = "") -> Value:
    """Return the mean of a cell's metric over seeds, with its deviation."""
    values = cell.values(metric, side)
    return measured(cell.mean(metric, side), mean(values) + mark if values else None)


def signed(change: float | None) -> str:
    """Return a change with its sign."""
    return "-" if change is None else f"{change:+.3g}"


def mark_of(found: Change) -> str:
    """Return the star of what moved further than a clean retrain does."""
    return " *" if found.beyond else ""


def by_run(cell: Cell, metric: str) -> Rows:
    """Return the number clean, attacked and retrained of every run that has it.

    Before a change there was none: metrics of a change begin at zero.
    """
    found: Rows = {}
    for entry in cell.entries:
        row = next((r for r in entry.get("rows", []) if r["metric"] == metric), None)
        if row is not None and row["after"] is not None:
            run = observation(entry), f"{seeds(entry)[1]} {cell.pictures}"
            found[run] = row["before"] or 0.0, row["after"], row.get("control")
    return found
