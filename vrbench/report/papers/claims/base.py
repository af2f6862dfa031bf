"""Verdicts on claims, and comparisons of cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vrbench.report.papers.claims.rule import Evidence, compared, in_every
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


def is_oracle(name: str) -> bool:
    """Return whether an attack is none: items get what true items of the target have."""
    return name.partition(" ")[0] in ORACLES


def is_attack(name: str) -> bool:
    """Return whether an attack is one, neither noise nor an oracle."""
    return NOISE not in name.lower() and not is_oracle(name)


def oracles_of(cells: Sequence[Cell], attacked: Cell) -> list[Cell]:
    """Return the oracles of the shop of an attacked cell, of whatever budget."""
    shop = without(attacked, "attack", "eps")
    return [
        cell
        for cell in cells
        if is_oracle(cell.where["attack"]) and without(cell, "attack", "eps") == shop
    ]


def in_all(pairs: Sequence[tuple[Cell, Cell]], word: str, told: str = "") -> Verdict:
    """Return whether the first of every pair is the larger one.

    It does not hold if one is smaller beyond chance, and cannot be told if some are within it.
    """
    return in_all_of([compared(*pair) for pair in pairs], word, told)


def in_all_of(found: Sequence[Evidence], word: str, told: str = "") -> Verdict:
    """Return whether every effect is there."""
    if not found:
        return NOTHING
    each = [one.holds() for one in found]
    said = f"{word} in {each.count(True)} of {len(each)} pairs" + (f" ({told})" if told else "")
    if None in each:
        why = found[each.index(None)].why
        said += f"; not told in {each.count(None)}: {why}"
    return Verdict(in_every(each), said)


def reasons(untold: Sequence[tuple[str, str]]) -> str:
    """Return why nothing can be told, each reason once with the first cell that has it."""
    cells: dict[str, list[str]] = {}
    for what, why in untold:
        cells.setdefault(why, []).append(what)
    return "; ".join(
        f"{why} ({what[0]}{f' and {len(what) - 1} more' if what[1:] else ''})"
        for why, what in cells.items()
    )
