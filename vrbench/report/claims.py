"""What papers claim, as questions that the cells of one metric can answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vrbench.report.printed import BASE, RETRAINED, Cell

NOISE = "noise"
ROUGHLY_THREE = 2.5  # what rounds to threefold


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


def recommended_more_often(cells: Sequence[Cell]) -> Verdict:
    """TAaMR: an attacked category is recommended up to three times more often.

    The largest ratio of attacked to clean CHR must round to three or more. What a clean retrain
    does is said beside it: a ratio it reaches too is chance.
    """
    ratios: list[tuple[float, str]] = []
    floors: list[tuple[float, str]] = []
    for base, attacked in _pairs(cells):
        if not base.value:
            continue
        ratio, what = attacked.value / base.value, _name(attacked)
        (floors if attacked.where["attack"] == RETRAINED else ratios).append((ratio, what))
    if not ratios:
        return NOTHING
    most, what = max(ratios)
    said = f"at most {most:.2f} times as often ({what})"
    if floors:
        said += f"; a clean retrain alone reaches {max(floors)[0]:.2f}"
    return Verdict(most >= ROUGHLY_THREE, said)


def defences_do_not_protect(cells: Sequence[Cell]) -> Verdict:
    """VAR: adversarially trained extractors (AT, FAT) do not protect visual recommenders.

    Holds if in at least half of the cells CHR rises by no smaller a share under the defence than
    under the standard extractor (T). Cells in which it rises under neither do not count: there is
    nothing to protect from. Where a clean retrain was measured, a rise is one that exceeds what
    that moves.
    """
    rises, floors = {}, {}
    for base, other in _pairs(cells):
        shop = other.where["recommender"], other.where["extractor"]
        if base.value:
            share = other.value / base.value - 1
            if other.where["attack"] == RETRAINED:
                floors[shop] = abs(share)
            else:
                rises[shop, other.where["attack"]] = share
    pairs, counted = 0, []
    for ((recommender, extractor), attack), rise in rises.items():
        bare = rises.get(((recommender, "T"), attack))
        if extractor != "T" and bare is not None:
            pairs += 1
            floor, bare_floor = (floors.get((recommender, e), 0.0) for e in (extractor, "T"))
            if rise > floor or bare > bare_floor:
                counted.append(rise >= bare)
    if not pairs:
        return NOTHING
    by_more = ", by more than a clean retrain does," if floors else ""
    if not counted:
        return Verdict(None, f"the attack raises CHR{by_more} in none of {pairs} pairs of cells")
    return Verdict(
        sum(counted) * 2 >= len(counted),
        f"where the attack raises CHR{by_more} it does so no less under the defence in "
        f"{sum(counted)} of {len(counted)} cells (in {pairs - len(counted)} more it raises it "
        f"under neither)",
    )


def adversarial_training_falls_less(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: at every size of the change, what was trained adversarially falls less.

    Cells are changes in percent along the gradient. A pair is whatever differs in the recommender
    alone, of which one is APR or AMR.
    """
    of = {_place(c): c.value for c in cells if c.where.get("attack") != NOISE}
    pairs = [
        (change, of[plain])
        for place, change in of.items()
        for name, other in (("APR", "BPR-MF"), ("AMR", "VBPR"))
        if ("recommender", name) in place
        and (plain := place - {("recommender", name)} | {("recommender", other)}) in of
    ]
    if not pairs:
        return NOTHING
    less = sum(robust > plain for robust, plain in pairs)
    told = ", ".join(f"{robust:+.1f} against {plain:+.1f} %" for robust, plain in pairs)
    return Verdict(less == len(pairs), f"less in {less} of {len(pairs)} pairs ({told})")


def gradient_beats_noise(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: changes along the gradient do more harm than random ones of the same length."""
    of = {_place(c): c.value for c in cells}
    pairs = [
        (of[frozenset((dict(place) | {"attack": attack}).items())], change)
        for place, change in of.items()
        if ("attack", NOISE) in place
        for attack in {c.where["attack"] for c in cells} - {NOISE}
        if frozenset((dict(place) | {"attack": attack}).items()) in of
    ]
    if not pairs:
        return NOTHING
    more = sum(gradient < noise for gradient, noise in pairs)
    return Verdict(more == len(pairs), f"more in {more} of {len(pairs)} pairs")


def iterating_is_stronger(cells: Sequence[Cell]) -> Verdict:
    """MSAP: many steps do more harm than a single one at the same nominal eps."""
    of = {_place(c): c.value for c in cells}
    pairs = []
    for place, change in of.items():
        attack = dict(place)["attack"]
        if attack not in ("FGSM", NOISE):
            single = frozenset((dict(place) | {"attack": "FGSM"}).items())
            if single in of:
                pairs.append((change, of[single]))
    if not pairs:
        return NOTHING
    more = sum(many < one for many, one in pairs)
    return Verdict(more == len(pairs), f"stronger in {more} of {len(pairs)} pairs")


def worse_than_random(cells: Sequence[Cell]) -> Verdict:
    """MSAP: iterated changes push a model below a recommender that guesses.

    Cells are values after the attack; the guessing one is called Random.
    """
    floor = [c.value for c in cells if c.where["recommender"] == "Random"]
    pushed = [c for c in cells if c.where["attack"] not in (BASE, "FGSM", NOISE, RETRAINED)]
    pushed = [c for c in pushed if c.where["recommender"] == "BPR-MF"]
    if not floor or not pushed:
        return NOTHING
    least = min(pushed, key=lambda c: c.value)
    said = f"{least.metric} {least.value:.4g} ({_name(least)}), guessing {max(floor):.4g}"
    return Verdict(least.value < max(floor), said)


def ranker_promotes_classifier_does_not(cells: Sequence[Cell]) -> Verdict:
    """Denoise: on a fixed recommender, aiming at the ranker promotes, at the classifier does not.

    Holds if the mean prediction shift of every attack on the ranker is above zero and above that
    of the attack on the classifier, undefended.
    """
    bare = {
        (c.where["recommender"], c.where["attack"]): c.value
        for c in cells
        if c.where["defence"] == "none"
    }
    found = [
        (shift, bare[recommender, "TAaMR"])
        for (recommender, attack), shift in bare.items()
        if attack != "TAaMR" and (recommender, "TAaMR") in bare
    ]
    if not found:
        return NOTHING
    told = ", ".join(f"{ranker:+.3g} against {classifier:+.3g}" for ranker, classifier in found)
    good = sum(ranker > max(classifier, 0) for ranker, classifier in found)
    return Verdict(good == len(found), f"in {good} of {len(found)} pairs ({told})")


def denoising_shrinks_the_shift(cells: Sequence[Cell]) -> Verdict:
    """Denoise: with the denoiser, attacks on the ranker shift predictions less."""
    of = {_place(c): c.value for c in cells}
    pairs = [
        (shift, of[without])
        for place, shift in of.items()
        if dict(place)["defence"] != "none" and dict(place)["attack"] != "TAaMR"
        and (without := frozenset((dict(place) | {"defence": "none"}).items())) in of
    ]  # fmt: skip
    if not pairs:
        return NOTHING
    told = ", ".join(f"{den:+.3g} against {bare:+.3g}" for den, bare in pairs)
    less = sum(den < bare for den, bare in pairs)
    return Verdict(less == len(pairs), f"smaller in {less} of {len(pairs)} pairs ({told})")


def cfgan_is_best(cells: Sequence[Cell]) -> Verdict:
    """CFGAN: it ranks better than all that it was compared with."""
    of = {c.where["recommender"]: c.value for c in cells}
    if "CFGAN" not in of or len(of) < 2:
        return NOTHING
    above = sorted(name for name, value in of.items() if value > of["CFGAN"])
    said = f"{cells[0].metric} {of['CFGAN']:.4g}; above it: {', '.join(above) or 'none'}"
    return Verdict(not above, said)


CLAIMS: dict[str, Claim] = {
    made.__name__: made
    for made in (
        recommended_more_often,
        defences_do_not_protect,
        adversarial_training_falls_less,
        gradient_beats_noise,
        iterating_is_stronger,
        worse_than_random,
        ranker_promotes_classifier_does_not,
        denoising_shrinks_the_shift,
        cfgan_is_best,
    )
}


def _place(cell: Cell) -> frozenset[tuple[str, str]]:
    return frozenset(cell.where.items())


def _name(cell: Cell) -> str:
    return ", ".join(value for value in cell.where.values() if value)


def _pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return each attacked (or retrained) cell behind its clean one."""
    base = {
        frozenset(c.where.items() - {("attack", BASE)}): c
        for c in cells
        if c.where["attack"] == BASE
    }
    found = []
    for cell in cells:
        rest = frozenset(cell.where.items() - {("attack", cell.where["attack"])})
        if cell.where["attack"] != BASE and rest in base:
            found.append((base[rest], cell))
    return found
