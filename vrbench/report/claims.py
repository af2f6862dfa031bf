"""What papers claim, as questions that the cells of one metric can answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vrbench.report.over_seeds import Effect, difference, effect, few
from vrbench.report.printed import BASE, RETRAINED, Cell, Run

NOISE = "noise"
ORACLES = ("transplant", "transplant_mean")  # no attacks: what being taken for a target is worth
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

    Of the cells whose premise is met, one must rise by more than training again moves it, in the
    geometric mean to a ratio that rounds to three or more. It does not hold if the interval of
    every ratio stays below. What a clean retrain does is said beside it.

    Nor can a cell tell that an attack does not work if items given the true features of target
    items (``ORACLES``) do not rise there: then nothing that reaches the class would.
    """
    oracles = _oracles(cells)
    told: list[tuple[Effect, str]] = []
    untold: list[tuple[str, str]] = []
    floors: list[float] = []
    for base, attacked, retrained in _attacked(cells):
        if NOISE in attacked.where["attack"].lower() or attacked.where["attack"] in ORACLES:
            continue
        found, what = effect(base, attacked, retrained, attacked.sound()), _name(attacked)
        if found.rose is None:
            untold.append((what, found.why))
            continue
        best = oracles.get(_but(attacked, "attack", "eps"))
        if not found.rose and best is not None and best <= 1:
            untold.append((what, f"true features of target items move it x {best:.2f}"))
            continue
        told.append((found, what))
        if retrained is not None and base.value:
            floors.append(retrained.value / base.value)
    if not told:
        return Verdict(None, _reasons(untold)) if untold else NOTHING
    most, what = max(((e.ratio or 0.0, what) for e, what in told))
    said = f"at most {most:.2f} times as often ({what})"
    if floors:
        said += f"; a clean retrain alone reaches {max(floors):.2f}"
    if untold:
        said += f"; in {len(untold)} of {len(told) + len(untold)} cells nothing can be told"
    if any(e.rose and e.ratio is not None and e.ratio >= ROUGHLY_THREE for e, _ in told):
        return Verdict(True, said)
    reach = max(e.at_most or 0.0 for e, _ in told)
    if reach >= ROUGHLY_THREE:
        return Verdict(None, f"{said}; over seeds the ratio may be {reach:.2f}")
    return Verdict(False, said)


def defences_do_not_protect(cells: Sequence[Cell]) -> Verdict:
    """VAR: adversarially trained extractors (AT, FAT) do not protect visual recommenders.

    Holds if in at least half of the cells that can be told CHR rises by no smaller a share under
    the defence than under the standard extractor (T). Cells in which it rises under neither by
    more than training again moves it do not count: there is nothing to protect from. The attack
    must reach its class under T only: that it does not under a defence is what a defence is for.
    """
    found: dict[tuple[str, ...], tuple[Cell, Cell, Cell | None]] = {}
    for trio in _attacked(cells):
        where = trio[1].where
        found[where["recommender"], where["extractor"], where["attack"]] = trio
    pairs, idle, untold, kept = 0, 0, [], list[bool | None]()
    retrained = False
    for (recommender, extractor, attack), trio in found.items():
        bare = found.get((recommender, "T", attack))
        if extractor == "T" or bare is None or NOISE in attack.lower() or attack in ORACLES:
            continue
        pairs += 1
        retrained = retrained or trio[2] is not None
        runs = trio[1].sound(reached=False) & bare[1].sound()
        both = effect(*trio, runs), effect(*bare, runs)
        if any(e.rose is None for e in both):
            why = bare[1].doubted() or next(e.why for e in both if e.rose is None)
            untold.append((_name(trio[1]), why))
        elif any(e.rose for e in both):
            kept.append(_no_smaller(trio, bare, runs))
        else:
            idle += 1
    if not pairs:
        return NOTHING
    by_more = ", by more than a clean retrain does," if retrained else ""
    if len(untold) == pairs:
        return Verdict(None, _reasons(untold))
    if not kept:
        return Verdict(None, f"the attack raises CHR{by_more} in none of {pairs} pairs of cells")
    no_less, less = kept.count(True), kept.count(False)
    said = (
        f"where the attack raises CHR{by_more} it does so no less under the defence in "
        f"{no_less} of {len(kept)} cells (in {idle} more it raises it under neither)"
    )
    if None in kept:
        said += f"; {kept.count(None)} of them are within chance over seeds"
    if untold:
        said += f"; in {len(untold)} nothing can be told"
    if no_less * 2 >= len(kept):
        return Verdict(True, said)
    return Verdict(False if less * 2 > len(kept) else None, said)


def _no_smaller(
    trio: tuple[Cell, Cell, Cell | None], bare: tuple[Cell, Cell, Cell | None], runs: set[Run]
) -> bool | None:
    """Return whether CHR rises by no smaller a share than in the other cell; None: untold."""
    share, bare_share = (_share(attacked, base, runs) for base, attacked, _ in (trio, bare))
    if not runs:
        return share.value >= bare_share.value
    change = difference(share, bare_share, runs)
    return None if change is None else change.above


def _share(attacked: Cell, base: Cell, runs: set[Run]) -> Cell:
    """Return by what share a number rises, of every run that had any before."""
    of = {
        run: attacked.runs[run] / base.runs[run] - 1
        for run in runs
        if run in attacked.runs and base.runs.get(run)
    }
    return Cell(attacked.where, attacked.metric, attacked.value / base.value - 1, None, of)


def adversarial_training_falls_less(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: at every size of the change, what was trained adversarially falls less.

    Cells are changes in percent along the gradient. A pair is whatever differs in the recommender
    alone, of which one is APR or AMR.
    """
    of = {_place(c): c for c in cells if c.where.get("attack") != NOISE}
    pairs = [
        (change, of[plain])
        for place, change in of.items()
        for name, other in (("APR", "BPR-MF"), ("AMR", "VBPR"))
        if ("recommender", name) in place
        and (plain := place - {("recommender", name)} | {("recommender", other)}) in of
    ]
    told = ", ".join(f"{robust.value:+.1f} against {plain.value:+.1f} %" for robust, plain in pairs)
    return _in_all(pairs, "less", told)


def gradient_beats_noise(cells: Sequence[Cell]) -> Verdict:
    """APR, AMR: changes along the gradient do more harm than random ones of the same length."""
    of = {_place(c): c for c in cells}
    pairs = [
        (change, of[frozenset((dict(place) | {"attack": attack}).items())])
        for place, change in of.items()
        if ("attack", NOISE) in place
        for attack in {c.where["attack"] for c in cells} - {NOISE}
        if frozenset((dict(place) | {"attack": attack}).items()) in of
    ]
    return _in_all(pairs, "more")


def iterating_is_stronger(cells: Sequence[Cell]) -> Verdict:
    """MSAP: many steps do more harm than a single one at the same nominal eps."""
    of = {_place(c): c for c in cells}
    pairs = []
    for place, change in of.items():
        attack = dict(place)["attack"]
        if attack not in ("FGSM", NOISE):
            single = frozenset((dict(place) | {"attack": "FGSM"}).items())
            if single in of:
                pairs.append((of[single], change))
    return _in_all(pairs, "stronger")


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
    said = f"{least.metric} {least.value:.4g} ({_name(least)}), guessing {floor.value:.4g}"
    below = _is_more(floor, least)
    return Verdict(below, said if below is not None else f"{said}; {_why_not(floor, least)}")


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
    return _in_all(pairs, "more", told)


def denoising_shrinks_the_shift(cells: Sequence[Cell]) -> Verdict:
    """Denoise: with the denoiser, attacks on the ranker shift predictions less."""
    of = {_place(c): c for c in cells}
    pairs = [
        (of[without], shift)
        for place, shift in of.items()
        if dict(place)["defence"] != "none" and dict(place)["attack"] != "TAaMR"
        and (without := frozenset((dict(place) | {"defence": "none"}).items())) in of
    ]  # fmt: skip
    told = ", ".join(f"{den.value:+.3g} against {bare.value:+.3g}" for bare, den in pairs)
    return _in_all(pairs, "smaller", told)


def cfgan_is_best(cells: Sequence[Cell]) -> Verdict:
    """CFGAN: it ranks better than all that it was compared with."""
    of = {c.where["recommender"]: c for c in cells}
    if "CFGAN" not in of or len(of) < 2:
        return NOTHING
    cfgan = of.pop("CFGAN")
    above = sorted(name for name, other in of.items() if other.value > cfgan.value)
    said = f"{cfgan.metric} {cfgan.value:.4g}; above it: {', '.join(above) or 'none'}"
    better = [_is_more(cfgan, other) for other in of.values()]
    if None in better and False not in better:
        near = sorted(name for name, other in of.items() if _is_more(cfgan, other) is None)
        return Verdict(None, f"{said}; not told from {', '.join(near)} over seeds")
    return Verdict(all(better), said)


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


def _attacked(cells: Sequence[Cell]) -> list[tuple[Cell, Cell, Cell | None]]:
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
    return _but(cell, "attack")


def _but(cell: Cell, *axes: str) -> frozenset[tuple[str, str]]:
    return frozenset((axis, name) for axis, name in cell.where.items() if axis not in axes)


def _oracles(cells: Sequence[Cell]) -> dict[frozenset[tuple[str, str]], float]:
    """Return by what the best oracle multiplies a number, for every shop that has one."""
    found: dict[frozenset[tuple[str, str]], float] = {}
    for base, attacked, _ in _attacked(cells):
        if attacked.where["attack"] in ORACLES and base.value:
            shop = _but(attacked, "attack", "eps")
            found[shop] = max(found.get(shop, 0.0), attacked.value / base.value)
    return found


def _is_more(one: Cell, other: Cell) -> bool | None:
    """Return whether ``one`` is larger; None where seeds are too few or do not agree."""
    change = difference(one, other)
    return None if change is None else change.above


def _in_all(pairs: Sequence[tuple[Cell, Cell]], word: str, told: str = "") -> Verdict:
    """Return whether the first of every pair is the larger one.

    It does not hold if one is smaller beyond chance, and cannot be told if some are within it.
    """
    if not pairs:
        return NOTHING
    found = [_is_more(*pair) for pair in pairs]
    said = f"{word} in {found.count(True)} of {len(pairs)} pairs" + (f" ({told})" if told else "")
    if None not in found:
        return Verdict(all(found), said)
    why = next(_why_not(*pair) for pair, more in zip(pairs, found, strict=True) if more is None)
    said += f"; not told in {found.count(None)}: {why}"
    return Verdict(False if False in found else None, said)


def _why_not(one: Cell, other: Cell) -> str:
    """Return why one cell cannot be called larger than the other, or smaller."""
    runs = one.sound() & other.sound()
    if difference(one, other) is not None:
        return "the difference is within chance over seeds"
    return few(runs, one if one.doubts else other)


def _reasons(untold: Sequence[tuple[str, str]]) -> str:
    """Return why nothing can be told, each reason once with the first cell that has it."""
    cells: dict[str, list[str]] = {}
    for what, why in untold:
        cells.setdefault(why, []).append(what)
    return "; ".join(
        f"{why} ({what[0]}{f' and {len(what) - 1} more' if what[1:] else ''})"
        for why, what in cells.items()
    )
