"""The audit of recommendations in files: exposure now, of every category, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vrbench.report.exposure import ACCURACY, REACH, percent, row_of
from vrbench.report.leaderboard import left_out
from vrbench.report.names import label
from vrbench.report.pages.audit_findings import Findings, source_of
from vrbench.report.pages.audit_kinds import WORDS
from vrbench.report.pages.page import Head, Table, Value, measured, render
from vrbench.report.run_records import Entry

HEADS = ("items", "in the top 20 of", "places of 20", "by chance", "times chance")
ABOUT = (
    "share of users in whose top 20 an item of the category is, the mean over its items; nobody "
    "attacked"
)


def lists_page(found: Findings, title: str, command: str) -> str:
    """Return the report as one HTML document without links to anything outside it.

    Args:
        found: the runs of the audit, in which nobody attacks.
        title: of the page.
        command: what makes it again.
    """
    runs = _ordered(found)
    first, last = runs[0], runs[-1]
    parts = first["parts"]
    accuracy = row_of(first, ACCURACY)
    return render(
        "audit_lists.html",
        ("sortable.min.js",),
        title=title,
        verdict="Exposure now; no attack can be tried on a file of recommendations.",
        setting=f"{label(parts['dataset'])}, recommender {label(parts['recommender'])}",
        findings=[
            f"Recommended most: {source_of(first)}, an item of which is in the top 20 of "
            f"{percent(_now(first))} of the users.",
            f"Least: {source_of(last)}, {percent(_now(last))}.",
            *([f"{ACCURACY}: {accuracy['before']:.4f}."] if accuracy else []),
        ],
        categories=Table(
            [Head("category", "category"), *map(Head, HEADS)],
            [_line(run) for run in runs],
        ),
        left=[*WORDS["lists"].left, *left_out(found.every)],
        made=[("again", command)],
    )


def lists_record(found: Findings, command: str) -> str:
    """Return the same as JSON."""
    runs = _ordered(found)
    return json.dumps(
        {
            "about": ABOUT,
            "command": command,
            "categories": [
                {"name": source_of(run), "items": run["case"]["items"]}
                | {"clean_percent": _as_percent(_now(run))}
                | {"standing": run["case"]["standing"]["source"]}
                for run in runs
            ],
            "not_tried": list(WORDS["lists"].left),
            "left_out": left_out(found.every),
            "versions": runs[0].get("versions", {}),
        },
        indent=1,
    )


def _ordered(found: Findings) -> Sequence[Entry]:
    """Return the runs that measured something, what is recommended most first."""
    runs = [entry for entry in found.categories if "rows" in entry]
    return sorted(runs, key=lambda run: (-(_now(run) or 0.0), source_of(run)))


def _now(run: Entry) -> float | None:
    row = row_of(run, REACH)
    return None if row is None or row["before"] is None else float(row["before"])


def _as_percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _line(run: Entry) -> list[Value]:
    stands = run["case"]["standing"]["source"] or {}
    return [
        Value(source_of(run), kind="name"),
        measured(run["case"]["items"]),
        measured(_now(run), percent(_now(run)), "headline"),
        *(measured(stands.get(key)) for key in ("chr", "uniform", "lift")),
    ]
