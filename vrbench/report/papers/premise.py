"""What must be true of a run before it says anything of an attack on a category."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from vrbench.report.identity import aim
from vrbench.report.run_records import Entry

CLASS_AIM, SUCCESS = "target_class", "success"
LEAST_SUCCESS = 0.5  # what more of the attacked pictures must reach
SUCCESS_BELOW = f"success of {LEAST_SUCCESS} or less"
NUMBERS = re.compile(r" \(CHR.*| [\d.e-]+$")


class Doubt(NamedTuple):
    """Why a run cannot tell; texts, empty where there is no reason.

    Attributes:
        standing: the source was not recommended less than chance would have it, or the target
            not more, by the recommender that is attacked.
        success: too few pictures are taken for the target.
    """

    standing: str = ""
    success: str = ""

    def __str__(self) -> str:
        return "; ".join(filter(None, self))

    @property
    def kinds(self) -> list[str]:
        """The reasons without their numbers, to be counted over runs."""
        told = [NUMBERS.sub("", reason) for reason in self.standing.split("), ") if reason]
        missed = SUCCESS_BELOW if NUMBERS.search(self.success) else self.success
        return told + ([missed] if missed else [])


def doubt(entry: Entry) -> Doubt:
    """Return why what became of a category says nothing; no reason for attacks on no category.

    TAaMR's premise: ``CHR(source) < uniform < CHR(target)`` before the attack, in the lists of the
    recommender that is attacked, and an attack that reaches its class.
    """
    objective = entry["parts"].get("objective", {}).get("name", "")
    if objective.partition(" ")[0] != CLASS_AIM or not aim(entry) or "rows" not in entry:
        return Doubt()
    return Doubt(_standing(entry["case"].get("standing") or {}), _success(entry))


def _standing(told: Mapping[str, Any]) -> str:
    source, target = told.get("source"), told.get("target")
    if not source or not target:
        return "not recorded where source and target stood"
    found = []
    if not source["chr"] < source["uniform"]:
        found.append(f"source not low ({_beside(source)})")
    if not target["chr"] > target["uniform"]:
        found.append(f"target not high ({_beside(target)})")
    return ", ".join(found)


def _beside(where: Mapping[str, float]) -> str:
    return f"CHR {where['chr']:.2f}, by chance {where['uniform']:.2f}"


def _success(entry: Entry) -> str:
    reached = next((row["after"] for row in entry["rows"] if row["metric"] == SUCCESS), None)
    if reached is None:
        return "success not measured"
    return "" if reached > LEAST_SUCCESS else f"success {reached:.2g}"
