"""Preconditions under which a run is evidence about an attack on a category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vrbench.report.identity import aim
from vrbench.report.run_records import Entry

CLASS_AIM, SUCCESS = "target_class", "success"
LEAST_SUCCESS = 0.5  # what more of the attacked pictures must reach


class Reason(NamedTuple):
    """Why a run cannot tell.

    Attributes:
        kind: the same words for every run.
        told: the same with this run's numbers.
    """

    kind: str
    told: str


class Doubt(NamedTuple):
    """Why a run cannot tell; empty where there is no reason.

    Attributes:
        standing: the source was not recommended less than chance would have it, or the target
            not more, by the recommender that is attacked.
        success: too few pictures are taken for the target.
    """

    standing: tuple[Reason, ...] = ()
    success: tuple[Reason, ...] = ()

    def __str__(self) -> str:
        texts = (", ".join(reason.told for reason in reasons) for reasons in self)
        return "; ".join(filter(None, texts))

    @property
    def kinds(self) -> list[str]:
        """The reasons without their numbers, to be counted over runs."""
        return [reason.kind for reasons in self for reason in reasons]


def doubt(entry: Entry) -> Doubt:
    """Return why a run is no evidence; no reason for attacks on no category.

    TAaMR's premise: ``CHR(source) < uniform < CHR(target)`` before the attack, in the lists of the
    recommender that is attacked, and an attack that reaches its class.
    """
    objective = entry["parts"].get("objective", {}).get("name", "")
    if objective.partition(" ")[0] != CLASS_AIM or not aim(entry) or "rows" not in entry:
        return Doubt()
    return Doubt(_standing(entry["case"].get("standing") or {}), _success(entry))


def _standing(told: Mapping[str, Any]) -> tuple[Reason, ...]:
    source, target = told.get("source"), told.get("target")
    if not source or not target:
        return (_plain("not recorded where source and target stood"),)
    found = []
    if not source["chr"] < source["uniform"]:
        found.append(Reason("source not low", f"source not low ({_beside(source)})"))
    if not target["chr"] > target["uniform"]:
        found.append(Reason("target not high", f"target not high ({_beside(target)})"))
    return tuple(found)


def _beside(where: Mapping[str, float]) -> str:
    return f"CHR {where['chr']:.2f}, by chance {where['uniform']:.2f}"


def _success(entry: Entry) -> tuple[Reason, ...]:
    reached = next((row["after"] for row in entry["rows"] if row["metric"] == SUCCESS), None)
    if reached is None:
        return (_plain("success not measured"),)
    if reached > LEAST_SUCCESS:
        return ()
    return (Reason(f"success of {LEAST_SUCCESS} or less", f"success {reached:.2g}"),)


def _plain(why: str) -> Reason:
    return Reason(why, why)
