"""The audit report as JSON."""

from __future__ import annotations

import json
from typing import Any

from vrbench.report.exposure import RANK, REACH, Exposed, Gain
from vrbench.report.pages import audit_fakes
from vrbench.report.pages.audit_findings import Findings, source_of, story
from vrbench.report.pages.audit_kinds import asked
from vrbench.report.pages.audit_pictures import gained, ranked

SCHEMA = 1
ABOUT = (
    "exposure: share of users in whose top 20 an attacked item is after the attack, minus the "
    "share before it; mean over the attacked items and over seeds, in percentage points, with "
    "95 % intervals over seeds"
)


def record(found: Findings, command: str, fail_above: float | None) -> str:
    """Return the audit as JSON.

    Args:
        found: the runs of the audit.
        command: what makes it again.
        fail_above: the threshold that was asked for, in percentage points.
    """
    told = story(found)
    worst = 100 * told.worst.exposure.mean
    return json.dumps(
        {
            "schema": SCHEMA,
            "about": ABOUT,
            "command": command,
            "seeds": [entry["seed"] for entry in told.shop.entries],
            "most_exposed": told.shop.name,
            "worst": {"name": told.worst.name, "exposure": worst},
            "fail_above": fail_above,
            "failed": None if fail_above is None else worst > fail_above,
            "categories": [_one(one) for one in told.categories],
            "adversaries": [
                _one(one) | {"knows": one.entry["knows"], "cost": one.entry["cost"]}
                for one in told.adversaries
            ],
            "fakes": [_fakes(one) for one in told.fakes],
            "defences": [
                _one(one)
                | {
                    "beside_the_shop": _points(one.beyond(told.shop)),
                    "clean_accuracy_percent": _points(one.cost(told.shop)),
                }
                for one in told.defences
            ],
            "items": [
                {"item": item["item"], "category": source_of(run), "seed": run["seed"]}
                | {"exposure": 100 * gained(item)}
                for run, item in ranked([run for run in found.categories if "rows" in run])
            ],
            "asked": asked(found.every, found.timed),
            "not_tried": list(told.words.left),
            "left_out": found.left,
            "versions": told.shop.entry.get("versions", {}),
        },
        indent=1,
    )


def _one(one: Exposed) -> dict[str, Any]:
    return {
        "name": one.name,
        "clean_percent": _percent(one.mean(REACH, "before")),
        "attacked_percent": _percent(one.mean(REACH, "after")),
        "exposure": _points(one.exposure),
        "by_seed": {str(seed): 100 * value for seed, value in sorted(one.by_seed().items())},
        "places": one.mean(RANK, "after"),
    }


def _fakes(one: Exposed) -> dict[str, Any]:
    chance = audit_fakes.by_chance(one)
    return _one(one) | {
        "chosen_by_chance": None if chance is None else _points(chance),
        "detection_auc": one.mean(audit_fakes.AUC, "after"),
        "fakes_found_percent": _percent(one.mean(audit_fakes.FOUND, "after")),
        "honest_lost_percent": _percent(one.mean(audit_fakes.LOST, "after")),
    }


def _points(found: Gain) -> dict[str, float | None]:
    ends = found.interval
    return {
        "mean": 100 * found.mean,
        "low": 100 * ends.low if ends else None,
        "high": 100 * ends.high if ends else None,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
