"""Text about a cell: the heading of its table, and the plan printed by a dry run."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from vrbench.threats.objectives.base import wanted


def title(
    names: Mapping[str, str], parts: Mapping[str, Any], case: dict[str, Any], seed: int
) -> str:
    """Return the heading of the table of one cell.

    Args:
        names: of the choices, by part, with the settings changed.
        parts: what was made of them.
        case: as in the cell's record.
        seed: of the run.
    """
    if parts["threat"].timing == "none":
        return f"{names['dataset']} | {names['recommender']} | nobody attacks | seed {seed}"
    if not parts["threat"].acts_on.of_items:
        what = f"{names['dataset']} | {names['recommender']} | {names['attack']} {names['budget']}"
        return f"{what} | {names['threat']} | seed {seed}"
    surface = parts["threat"].acts_on
    roles = {role: f"{case[role]!r} ({_lift(case, role)})" for role in ("source", "target")}
    aim = ""
    if surface.reads_objective:
        aim = f"{names['objective']} | "
        roles["wants"] = wanted(parts["objective"]).format(**roles)
    told = surface.told.format(items=case["items"], **roles)
    return (
        f"{names['dataset']} | {names['extractor']} | {names['recommender']} | {names['attack']} "
        f"{names['budget']} | {aim}{names['threat']} | seed {seed}\n{_folded(told)}"
    )


def _folded(told: str) -> str:
    """Return a line as a terminal of 80 columns shows it."""
    return textwrap.fill(
        told, 80, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _lift(case: Mapping[str, Any], role: str) -> str:
    """Return in words where the source or the target stood before the attack."""
    found = case["standing"][role]
    if found is None:
        return "no items"
    return f"CHR@{case['k']} {found['chr']:.2f}, by chance {found['uniform']:.2f}"


def plan(steps: Sequence[Mapping[str, Any]], complete: bool) -> list[str]:
    """Return one line per stage that a dry run would compute, and a summary.

    Args:
        steps: the log of its store.
        complete: whether the store has all of them.
    """
    cached = {step["address"]: step["cached"] for step in reversed(steps)}
    addresses = dict.fromkeys(step["address"] for step in steps)
    told = [f"{'cached' if cached[a] else 'missing':<8} {a}" for a in addresses]
    if not complete and all(step["cached"] for step in steps):
        told.append("missing  what follows")
    elif not complete and steps[-1]["stage"] not in ("rankings", "injections"):
        told.append("missing  what follows (the categories are chosen from what is missing)")
    state = "cached" if complete else "not complete: dry_run=false makes it"
    return [*told, f"this cell is {state}"]
