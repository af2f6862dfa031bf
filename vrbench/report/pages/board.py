"""The robustness leaderboard: one line per shop and budget, under the best known attack."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vrbench.report.grid import Cell, repeated
from vrbench.report.over_seeds import Change
from vrbench.report.pages.board_values import (
    as_a_retrain,
    by_run,
    change,
    columns_of,
    command,
    component_of,
    defence_of,
    in_places,
    interval,
    loaded,
    mark_of,
    mean_of,
    named,
    resampled,
    share,
    shop_of,
    signs_of,
    where,
    year_of,
)
from vrbench.report.pages.board_words import MODEL, STANDARD, VISIBLE, meaning
from vrbench.report.pages.clickable import Point
from vrbench.report.pages.page import Head, Table, Value, filled, measured
from vrbench.report.search_effort import effort_columns
from vrbench.report.threat_models import threat_model
from vrbench.report.worst_case import Worst, worst

NAMED = {"attack": "best known attack", "objective": "its aim"}
PLACES, USERS = "rank shift", "item HR@"
FIRST = (
    *("rank", "recommender", "extractor", "dataset", "budget", MODEL),
    *("change", "interval", "best known attack", "its aim", "defence"),
)
ANCHOR = "shop-"
AT_MEAN, AT_LISTS = {"Promote"}, {"PromoteLists", "PromoteVectors"}  # components of aims
UNAIMED = (
    "In {missing} of the {lines} lines in which items were promoted nobody aimed at users' lists "
    "(objective=promote_lists): the mean score was the aim, and those shops may be more exposed "
    "than they look here."
)


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
    heads = [
        Head(
            name,
            axis_of.get(name, ""),
            meaning(name, headline),
            words=columns[name][0].kind == "name",
            unfolds=bool(columns[name][0].command),
        )
        for name in order
    ]
    lines = [list(line) for line in zip(*(columns[name] for name in order), strict=True)]
    return Standings(filled(Table(heads, lines, ANCHOR)), _points(found, headline, accuracy))


def unaimed(grid: Sequence[Cell]) -> str:
    """Return what to know of lines in which the mean score alone was aimed at; "": there are none.

    What is reported is lists, and who aims at a mean score may enter none.
    """
    aims: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for cell in grid:
        aims[where(cell)].add(component_of(cell, "objective"))
    promoted = [found for found in aims.values() if found & (AT_MEAN | AT_LISTS)]
    missing = sum(not found & AT_LISTS for found in promoted)
    return UNAIMED.format(missing=missing, lines=len(promoted)) if missing else ""


def _names(found: Sequence[Worst], axes: Sequence[str]) -> dict[str, list[Value]]:
    """Return rank, threat model where there are several, and what tells the shops apart."""
    columns = {"rank": [measured(rank, str(rank)) for rank in _ranks(found)]}
    models = [threat_model(w.cell) for w in found]
    if len(set(models)) > 1:
        columns[MODEL] = [Value(model, kind="name") for model in models]
    for axis in axes:
        columns[NAMED.get(axis, axis)] = [named(w.cell, axis) for w in found]
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
    standard = worst([c for c in grid if component_of(c, "attack") == STANDARD], headline)
    by = {where(w.cell): w.cell for w in standard}
    return {
        "of": [Value(str(len(w.among)), len(w.among)) for w in found],
        f"{headline} clean": [mean_of(w.cell, headline, "before") for w in found],
        "attacked": [mean_of(w.cell, headline, "after") for w in found],
        "change": [
            measured(moved, in_places(moved) + mark_of(tested[id(w.cell)]), "headline")
            for w in found
            for moved in [w.cell.change(headline)]
        ],
        "standard-1": [change(by.get(where(w.cell)), headline) for w in found],
        "masked gradients": [signs_of(w.among) for w in found],
    }


def _how_sure(
    found: Sequence[Worst], headline: str, tested: Mapping[int, Change]
) -> dict[str, list[Value]]:
    """Return what chance does, and how far the change is told from it."""
    return {
        "by chance": [measured(w.floor) for w in found],
        "interval": [interval(tested[id(w.cell)]) for w in found],
        "bootstrap": [resampled(by_run(w.cell, headline)) for w in found],
        "as a retrain": [as_a_retrain(by_run(w.cell, headline)) for w in found],
        repeated([w.cell for w in found]): [Value(w.cell.repeats) for w in found],
    }


def _of_others(
    found: Sequence[Worst], headline: str, accuracy: str | None
) -> dict[str, list[Value]]:
    """Return what other metrics say of the same runs."""
    users, seen = _metrics_of(found)
    told: dict[str, list[Value]] = {}
    if accuracy:
        told[f"{accuracy} clean"] = [mean_of(w.cell, accuracy, "before") for w in found]
    if headline != PLACES:
        told["places gained"] = [mean_of(w.by(PLACES), PLACES, "after") for w in found]
    if users:
        told["users reached"] = [share(w.by(users), users) for w in found]
    told["left after poisoning"] = _poisoned(found, headline)
    if seen:
        told[seen] = [mean_of(w.cell, seen, "after") for w in found]
    return told


def _metrics_of(found: Sequence[Worst]) -> tuple[str | None, str | None]:
    """Return the metrics of users reached and of visible change that some of the runs have."""
    users = next((m for w in found for m in columns_of(w.cell) if m.startswith(USERS)), None)
    return users, next((m for m in VISIBLE if any(w.cell.rows(m) for w in found)), None)


def _origins(found: Sequence[Worst], papers: Mapping[str, str]) -> dict[str, list[Value]]:
    """Return whose a shop is, how it was tuned, who measured it, when, how it is done again."""
    entries = [w.cell.entries[0] for w in found]
    published = [papers.get(component_of(w.cell, "recommender"), "") for w in found]
    told = [str(e.get("paper") or p) for e, p in zip(entries, published, strict=True)]
    searched = effort_columns([w.cell for w in found])
    return {
        "defence": [Value(defence_of(w.cell), kind="name") for w in found],
        **{head: [Value(one) for one in values] for head, values in searched},
        "paper": [Value(paper or "-", kind="name") for paper in told],
        "year": [year_of(paper) for paper in told],
        "measured by": [Value(str(e.get("by", "-")), kind="name") for e in entries],
        "date": [Value(str(e.get("began", "-"))[:10]) for e in entries],
        "load": [loaded(e) for e in entries],
        "again": [Value("command", "", "name", command(e)) for e in entries],
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
            threat_model(w.cell),
            f"{w.cell.where['attack']} within {w.cell.where['budget']}, {w.cell.where['threat']}",
        )
        for n, w in enumerate(found, start=1)
        if accuracy
        and (x := w.cell.mean(accuracy, "before")) is not None
        and (y := w.cell.change(headline)) is not None
    ]


def _poisoned(found: Sequence[Worst], headline: str) -> list[Value]:
    """Return what each shop keeps of an evasion once it is trained on attacked pictures."""
    after = {shop_of(w.cell): w.cell for w in found if threat_model(w.cell) == "poisoning"}
    return [
        change(after.get(shop_of(w.cell)) if threat_model(w.cell) == "evasion" else None, headline)
        for w in found
    ]
