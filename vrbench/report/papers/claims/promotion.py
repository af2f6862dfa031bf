"""Claims about item promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log

from vrbench.core.plurals import how_many
from vrbench.report.papers.claims.base import (
    NOISE,
    NOTHING,
    Verdict,
    attacked_cells,
    in_all,
    in_all_of,
    is_attack,
    oracles_of,
    reasons,
    without,
)
from vrbench.report.papers.claims.rule import Evidence, compared, how_far, in_any, lifted
from vrbench.report.papers.published_comparison import Cell

ROUGHLY_THREE = 2.5  # what rounds to threefold
Named = tuple[Evidence, str]


def recommended_more_often(cells: Sequence[Cell]) -> Verdict:
    """TAaMR: an attacked category is recommended up to three times more often.

    Each cell is judged by ``Evidence.holds`` over the runs that meet the premise, and the claim is
    about the best of them: one must rise beyond a clean retrain, in the geometric mean to a ratio
    that rounds to three or more. It does not hold if the interval of every ratio stays below, and
    items given the true features of target items (``ORACLES``) got beyond a clean retrain in those
    very runs: else nothing that merely reaches the class would, and the bench is blind to it.
    """
    told: list[Named] = []
    untold: list[tuple[str, str]] = []
    for base, attacked, retrained in attacked_cells(cells):
        if not is_attack(attacked.where["attack"]):
            continue
        oracles = oracles_of(cells, attacked)
        found = lifted(base, attacked, retrained, attacked.sound(), oracles)
        if found.beyond is None:
            untold.append((attacked.label, found.why))
        else:
            told.append((found, attacked.label))
    if not told:
        return Verdict(None, reasons(untold)) if untold else NOTHING
    each = [found.holds(log(ROUGHLY_THREE)) for found, _ in told]
    return Verdict(in_any(each), _said(told, each, untold))


def _said(
    told: Sequence[Named], each: Sequence[bool | None], untold: Sequence[tuple[str, str]]
) -> str:
    """Return in words how far the category rises at most, and what that is to be read beside."""
    found, what = max(told, key=lambda one: one[0].size.mean if one[0].size else 0.0)
    said = f"at most {how_far(found)} ({what})"
    held = in_any(each)
    if held is None:
        said += f"; {_open(told, each)}"
    if untold:
        said += f"; in {len(untold)} of {how_many(len(told) + len(untold), 'cell')} nothing is told"
    return said


def _open(told: Sequence[Named], each: Sequence[bool | None]) -> str:
    """Return why neither the claim nor its contrary is told, each reason once with its cells."""
    limit = log(ROUGHLY_THREE)
    return reasons(
        [
            (what, found.why or "the interval holds threefold, or a clean retrain")
            if found.size and found.size.high < limit
            else (what, "the ratio may be threefold over seeds")
            for (found, what), holds in zip(told, each, strict=True)
            if holds is None
        ]
    )


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
    found = _promoted(cells, "INSA")
    return in_all_of(
        [compared(cell, base, again) for base, cell, again in found], "lifted", _changes(found)
    )


def insider_promotes_most(cells: Sequence[Cell]) -> Verdict:
    """AIP: who knows the recommender lifts a new item further than who knows the extractor."""
    expert = {without(cell, "attack", "flag"): cell for _, cell, _ in _promoted(cells, "EXPA")}
    pairs = [
        (cell, expert[without(cell, "attack", "flag")])
        for _, cell, _ in _promoted(cells, "INSA")
        if without(cell, "attack", "flag") in expert
    ]
    return in_all(
        pairs, "further", ", ".join(f"{a.value:.3g} against {b.value:.3g}" for a, b in pairs)
    )


def black_box_promotes(cells: Sequence[Cell]) -> Verdict:
    """Cohen: answers and the public extractor lift an item, further than noise of that size."""
    noise = {without(cell, "attack"): cell for _, cell, _ in _promoted(cells, NOISE)}
    found = _promoted(cells, "regression")
    pairs = [compared(cell, base, again) for base, cell, again in found]
    pairs += [
        compared(cell, noise[without(cell, "attack")])
        for _, cell, _ in found
        if without(cell, "attack") in noise
    ]
    return in_all_of(pairs, "lifted", _changes(found))


def _promoted(cells: Sequence[Cell], attack: str) -> list[tuple[Cell, Cell, Cell | None]]:
    """Return every cell of an attack behind its clean one, and before that of a clean retrain."""
    return [trio for trio in attacked_cells(cells) if trio[1].where["attack"] == attack]


def _changes(found: Sequence[tuple[Cell, Cell, Cell | None]]) -> str:
    return ", ".join(f"{base.value:.3g} to {cell.value:.3g}" for base, cell, _ in found)
