"""Verdicts on claims, and comparisons of cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vrbench.report.over_seeds import difference, few, in_common
from vrbench.report.papers.published_comparison import BASE, RETRAINED, Cell

NOISE = "noise"
ORACLES = ("transplant", "transplant_mean")  # no attacks: what being taken for a target is worth


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds; None where the rows cannot tell; and the numbers that say so."""

    holds: bool | None
    said: str

    def __str__(self) -> str:
        word = {True: "holds", False: "does not hold", None: "cannot be told"}[self.holds]
        return f"{word}: {self.said}"


Claim = Callable[[Sequence[Cell]], Verdict]
NOTHING = Verdict(None, "no cells to compare")


def attacked_cells(cells: Sequence[Cell]) -> list[tuple[Cell, Cell, Cell | None]]:
    """Return each attacked cell behind its clean one, and before that of a clean retrain."""

    def of(attack: str) -> dict[frozenset[tuple[str, str]], Cell]:
        return {_but_attack(c): c for c in cells if c.where["attack"] == attack}

    base, retrained = of(BASE), of(RETRAINED)
    return [
        (base[_but_attack(cell)], cell, retrained.get(_but_attack(cell)))
        for cell in cells
        if cell.where["attack"] not in (BASE, RETRAINED) and _but_attack(cell) in base
    ]


def _but_attack(cell: Cell) -> frozenset[tuple[str, str]]:
    return without(cell, "attack")


def without(cell: Cell, *axes: str) -> frozenset[tuple[str, str]]:
    return frozenset((axis, name) for axis, name in cell.where.items() if axis not in axes)


def is_attack(name: str) -> bool:
    """Return whether an attack is one, neither noise nor an oracle."""
    return NOISE not in name.lower() and name not in ORACLES


def oracle_ratios(cells: Sequence[Cell]) -> dict[frozenset[tuple[str, str]], float]:
    """Return by what the best oracle multiplies a number, for every shop that has one."""
    found: dict[frozenset[tuple[str, str]], float] = {}
    for base, attacked, _ in attacked_cells(cells):
        if attacked.where["attack"] in ORACLES and base.value:
            shop = without(attacked, "attack", "eps")
            found[shop] = max(found.get(shop, 0.0), attacked.value / base.value)
    return found


def is_more(one: Cell, other: Cell) -> bool | None:
    """Return whether ``one`` is larger; None where seeds are too few or do not agree."""
    change = difference(one, other)
    return None if change is None else change.above


def in_all(pairs: Sequence[tuple[Cell, Cell]], word: str, told: str = "") -> Verdict:
    """Return whether the first of every pair is the larger one.

    It does not hold if one is smaller beyond chance, and cannot be told if some are within it.
    """
    if not pairs:
        return NOTHING
    found = [is_more(*pair) for pair in pairs]
    said = f"{word} in {found.count(True)} of {len(pairs)} pairs" + (f" ({told})" if told else "")
    if None not in found:
        return Verdict(all(found), said)
    why = next(why_not(*pair) for pair, more in zip(pairs, found, strict=True) if more is None)
    said += f"; not told in {found.count(None)}: {why}"
    return Verdict(False if False in found else None, said)


def why_not(one: Cell, other: Cell) -> str:
    """Return why one cell cannot be called larger than the other, or smaller."""
    if difference(one, other) is not None:
        return "the difference is within chance over seeds"
    return few(in_common(one, other)[0], one if one.doubts else other)


def reasons(untold: Sequence[tuple[str, str]]) -> str:
    """Return why nothing can be told, each reason once with the first cell that has it."""
    cells: dict[str, list[str]] = {}
    for what, why in untold:
        cells.setdefault(why, []).append(what)
    return "; ".join(
        f"{why} ({what[0]}{f' and {len(what) - 1} more' if what[1:] else ''})"
        for why, what in cells.items()
    )
