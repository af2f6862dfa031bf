"""Claims about item promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vrbench.report.over_seeds import Rise, rise
from vrbench.report.papers.claims.base import (
    NOISE,
    NOTHING,
    Verdict,
    attacked_cells,
    in_all,
    is_attack,
    oracle_ratios,
    reasons,
    without,
)
from vrbench.report.papers.published_comparison import Cell

ROUGHLY_THREE = 2.5  # what rounds to threefold


def recommended_more_often(cells: Sequence[Cell]) -> Verdict:
    """TAaMR: an attacked category is recommended up to three times more often.

    Of the cells whose premise is met, one must rise by more than training again moves it, in the
    geometric mean to a ratio that rounds to three or more. It does not hold if the interval of
    every ratio stays below. What a clean retrain does is said beside it.

    Nor can a cell tell that an attack does not work if items given the true features of target
    items (``ORACLES``) do not rise there: then nothing that reaches the class would.
    """
    told, untold, floors = _effects(cells)
    if not told:
        return Verdict(None, reasons(untold)) if untold else NOTHING
    said = _said(told, untold, floors)
    if any(e.rose and e.ratio is not None and e.ratio >= ROUGHLY_THREE for e, _ in told):
        return Verdict(True, said)
    reach = max(e.at_most or 0.0 for e, _ in told)
    if reach >= ROUGHLY_THREE:
        return Verdict(None, f"{said}; over seeds the ratio may be {reach:.2f}")
    return Verdict(False, said)


def _said(
    told: Sequence[tuple[Rise, str]], untold: Sequence[tuple[str, str]], floors: Sequence[float]
) -> str:
    """Return in words how far the category rises, and what that is to be read beside."""
    most, what = max(((e.ratio or 0.0, what) for e, what in told))
    said = f"at most {most:.2f} times as often ({what})"
    if floors:
        said += f"; a clean retrain alone reaches {max(floors):.2f}"
    if untold:
        said += f"; in {len(untold)} of {len(told) + len(untold)} cells nothing can be told"
    return said


def _effects(
    cells: Sequence[Cell],
) -> tuple[list[tuple[Rise, str]], list[tuple[str, str]], list[float]]:
    """Return what attacks on classes do, each with its name; where and why that cannot be told.

    And the ratios that a clean retrain alone reaches.
    """
    oracles = oracle_ratios(cells)
    told: list[tuple[Rise, str]] = []
    untold: list[tuple[str, str]] = []
    floors: list[float] = []
    for base, attacked, retrained in attacked_cells(cells):
        if not is_attack(attacked.where["attack"]):
            continue
        found, what = rise(base, attacked, retrained, attacked.sound()), attacked.label
        if found.rose is None:
            untold.append((what, found.why))
            continue
        best = oracles.get(without(attacked, "attack", "eps"))
        if not found.rose and best is not None and best <= 1:
            untold.append((what, f"true features of target items move it x {best:.2f}"))
            continue
        told.append((found, what))
        if retrained is not None and base.value:
            floors.append(retrained.value / base.value)
    return told, untold, floors


def ranker_promotes_classifier_does_not(cells: Sequence[Cell]) -> Verdict:
    """Denoise: on a fixed recommender, aiming at the ranker promotes, at the classifier does not.

    Holds if the mean prediction shift of every attack on the ranker is above zero and above that
    of the attack on the classifier, undefended.
    """
    bare = {
        (c.where["recommender"], c.where["attack"]): c
        for c in cells
        if c.where["defence"] == "none"
    }
    pairs = []
    for (recommender, attack), shift in bare.items():
        if attack != "TAaMR" and (recommender, "TAaMR") in bare:
            classifier = bare[recommender, "TAaMR"]
            zero = replace(shift, value=0.0, runs=dict.fromkeys(shift.runs, 0.0))
            pairs += [(shift, classifier), (shift, zero)]
    told = ", ".join(f"{one.value:+.3g} against {two.value:+.3g}" for one, two in pairs[::2])
    return in_all(pairs, "more", told)


def insider_promotes(cells: Sequence[Cell]) -> Verdict:
    """AIP: who knows the recommender lifts a new item (HR@20), under every recommender."""
    pairs = [(cell, base) for base, cell in _promoted(cells, "INSA")]
    return in_all(pairs, "lifted", _changes(pairs))


def insider_promotes_most(cells: Sequence[Cell]) -> Verdict:
    """AIP: who knows the recommender lifts a new item further than who knows the extractor."""
    expert = {without(cell, "attack", "flag"): cell for _, cell in _promoted(cells, "EXPA")}
    pairs = [
        (cell, expert[without(cell, "attack", "flag")])
        for _, cell in _promoted(cells, "INSA")
        if without(cell, "attack", "flag") in expert
    ]
    return in_all(
        pairs, "further", ", ".join(f"{a.value:.3g} against {b.value:.3g}" for a, b in pairs)
    )


def black_box_promotes(cells: Sequence[Cell]) -> Verdict:
    """Cohen: answers and the public extractor lift an item, further than noise of that size."""
    noise = {without(cell, "attack"): cell for _, cell in _promoted(cells, NOISE)}
    found = _promoted(cells, "regression")
    pairs = [(cell, base) for base, cell in found]
    pairs += [
        (cell, noise[without(cell, "attack")])
        for _, cell in found
        if without(cell, "attack") in noise
    ]
    return in_all(pairs, "lifted", _changes([(cell, base) for base, cell in found]))


def _promoted(cells: Sequence[Cell], attack: str) -> list[tuple[Cell, Cell]]:
    """Return every cell of an attack behind its clean one."""
    trios = attacked_cells(cells)
    return [(base, cell) for base, cell, _ in trios if cell.where["attack"] == attack]


def _changes(pairs: Sequence[tuple[Cell, Cell]]) -> str:
    return ", ".join(f"{base.value:.3g} to {cell.value:.3g}" for cell, base in pairs)
