"""Claims about adversarial training and embedding attacks."""

from __future__ import annotations

from collections.abc import Sequence

from vrbench.report.papers.claims.base import (
    NOISE,
    NOTHING,
    Verdict,
    in_all,
)
from vrbench.report.papers.claims.rule import compared
from vrbench.report.papers.published_comparison import BASE, RETRAINED, Cell


def adversarial_training_falls_less(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: at every size of the change, what was trained adversarially falls less.

    Cells are changes in percent along the gradient. A pair is whatever differs in the recommender
    alone, of which one is APR or AMR.
    """
    of = {c.place: c for c in cells if c.where.get("attack") != NOISE}
    pairs = [
        (change, of[plain])
        for place, change in of.items()
        for name, other in (("APR", "BPR-MF"), ("AMR", "VBPR"))
        if ("recommender", name) in place
        and (plain := place - {("recommender", name)} | {("recommender", other)}) in of
    ]
    told = ", ".join(f"{robust.value:+.1f} against {plain.value:+.1f} %" for robust, plain in pairs)
    return in_all(pairs, "less", told)


def gradient_beats_noise(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: changes along the gradient do more harm than random ones of the same length."""
    of = {c.place: c for c in cells}
    pairs = [
        (change, of[frozenset((dict(place) | {"attack": attack}).items())])
        for place, change in of.items()
        if ("attack", NOISE) in place
        for attack in {c.where["attack"] for c in cells} - {NOISE}
        if frozenset((dict(place) | {"attack": attack}).items()) in of
    ]
    return in_all(pairs, "more")


def iterating_is_stronger(cells: Sequence[Cell]) -> Verdict:
    """MSAP: many steps do more harm than a single one at the same nominal eps."""
    of = {c.place: c for c in cells}
    pairs = []
    for place, change in of.items():
        attack = dict(place)["attack"]
        if attack not in ("FGSM", NOISE):
            single = frozenset((dict(place) | {"attack": "FGSM"}).items())
            if single in of:
                pairs.append((of[single], change))
    return in_all(pairs, "stronger")


def worse_than_random(cells: Sequence[Cell]) -> Verdict:
    """MSAP: iterated changes push a model below a recommender that guesses.

    Cells are values after the attack; the guessing one is called Random.
    """
    guessed = [c for c in cells if c.where["recommender"] == "Random"]
    pushed = [c for c in cells if c.where["attack"] not in (BASE, "FGSM", NOISE, RETRAINED)]
    pushed = [c for c in pushed if c.where["recommender"] == "BPR-MF"]
    if not guessed or not pushed:
        return NOTHING
    least, floor = (
        chosen(of, key=lambda c: c.value) for chosen, of in ((min, pushed), (max, guessed))
    )
    said = f"{least.metric} {least.value:.4g} ({least.label}), guessing {floor.value:.4g}"
    below = compared(floor, least)
    return Verdict(below.holds(), said if below.holds() is not None else f"{said}; {below.why}")
