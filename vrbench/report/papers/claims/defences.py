"""Claims about defences."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import fmean

from vrbench.core.plurals import how_many
from vrbench.report.papers.claims.base import (
    NOTHING,
    Verdict,
    attacked_cells,
    in_all,
    is_attack,
    reasons,
)
from vrbench.report.papers.claims.rule import Evidence, compared, lifted, ratio
from vrbench.report.papers.published_comparison import Cell

Trio = tuple[Cell, Cell, Cell | None]  # clean, attacked, and trained again on clean pictures


def defences_do_not_protect(cells: Sequence[Cell]) -> Verdict:
    """VAR: adversarially trained extractors (AT, FAT) do not protect visual recommenders.

    Holds if, in at least half of the cells in which the attack raises CHR under either extractor
    (``Evidence.holds``: beyond a clean retrain), it does so by a larger share under the defence
    than under the standard extractor (T); does not hold if by a smaller one in more than half. That
    it rises under T is what shows that the bench could have seen protection. Cells in which the
    rise is told under neither do not count: there is nothing to protect from.

    The attack must reach its class under T only: that it does not under a defence is what a defence
    is for. Where both were attacked on the same pairs of categories they are compared pair by pair;
    where each has pairs of its own (``scenario=nine_pairs`` asks the attacked model), each is its
    mean over them, and a seed of one stands beside the same seed of the other.
    """
    pairs = _defended_and_bare(cells)
    if not pairs:
        return NOTHING
    kept, idle, untold = list[bool | None](), list[tuple[Evidence, str]](), list[tuple[str, str]]()
    for trio, bare in pairs:
        defended = lifted(*trio, trio[1].sound(reached=False))
        standard = lifted(*bare, bare[1].sound())
        unclear = [one.why for one in (standard, defended) if one.beyond is None]
        if unclear:
            untold.append((trio[1].label, unclear[0]))
        elif defended.holds() or standard.holds():
            kept.append(_no_less(trio, bare))
        else:
            idle += [(standard, bare[1].label), (defended, trio[1].label)]
    said = _said(len(pairs), kept, idle, untold)
    no_less, less = kept.count(True), kept.count(False)
    if kept and no_less * 2 >= len(kept):
        return Verdict(True, said)
    return Verdict(False if less * 2 > len(kept) else None, said)


def _defended_and_bare(cells: Sequence[Cell]) -> list[tuple[Trio, Trio]]:
    """Return each attacked cell of a defended extractor with that of the standard one."""
    found: dict[tuple[str, ...], Trio] = {}
    for trio in attacked_cells(cells):
        where = trio[1].where
        found[where["recommender"], where["extractor"], where["attack"]] = trio
    return [
        (trio, found[recommender, "T", attack])
        for (recommender, extractor, attack), trio in found.items()
        if extractor != "T" and (recommender, "T", attack) in found
        if is_attack(attack)
    ]


def _said(
    pairs: int,
    kept: Sequence[bool | None],
    idle: Sequence[tuple[Evidence, str]],
    untold: Sequence[tuple[str, str]],
) -> str:
    """Return what is counted, in words.

    Args:
        pairs: how many cells of a defence stand beside one of the standard extractor.
        kept: of those in which the attack raises CHR: whether it does so by more under the
            defence; None: within chance.
        idle: both sides of those in which a rise is told under neither.
        untold: those of which nothing can be told, and why.
    """
    told = []
    if kept:
        told.append(
            f"where the attack raises CHR beyond a clean retrain it does so by more under the "
            f"defence in {kept.count(True)} of {how_many(len(kept), 'cell')}, by less in "
            f"{kept.count(False)}, within chance over seeds in {kept.count(None)}"
        )
    if idle:
        most, where = max(idle, key=lambda one: one[0].size.mean if one[0].size else 0.0)
        assert most.size is not None
        assert most.beyond is not None
        told.append(
            f"in {len(idle) // 2} of {how_many(pairs, 'pair')} of cells the rise is not told from "
            f"a clean retrain under either extractor (at most {ratio(most.size)}, beyond the "
            f"retrain {ratio(most.beyond)}: {where})"
        )
    if untold:
        told.append(f"in {len(untold)} of {pairs} nothing can be told: {reasons(untold)}")
    return "; ".join(told)


def _no_less(trio: Trio, bare: Trio) -> bool | None:
    """Return whether CHR rises by a larger share than in the other cell; None: within chance."""
    one, other = _shares(trio, reached=False), _shares(bare, reached=True)
    if not one.runs and not other.runs:
        return one.value >= other.value
    return compared(one, other).holds()


def _shares(trio: Trio, *, reached: bool) -> Cell:
    """Return to how many times what it was a number is brought, as logarithms, by run."""
    base, attacked, _ = trio
    of = {
        run: log(attacked.runs[run] / base.runs[run])
        for run in attacked.sound(reached=reached)
        if attacked.runs[run] > 0 and base.runs.get(run, 0.0) > 0
    }
    value = fmean(of.values()) if of else log(attacked.value / base.value)
    return Cell(attacked.where, attacked.metric, value, None, of)


def denoising_shrinks_the_shift(cells: Sequence[Cell]) -> Verdict:
    """Denoise: with the denoiser, attacks on the ranker shift predictions less."""
    of = {c.place: c for c in cells}
    pairs = [
        (of[without], shift)
        for place, shift in of.items()
        if dict(place)["defence"] != "none" and dict(place)["attack"] != "TAaMR"
        and (without := frozenset((dict(place) | {"defence": "none"}).items())) in of
    ]  # fmt: skip
    told = ", ".join(f"{den.value:+.3g} against {bare.value:+.3g}" for bare, den in pairs)
    return in_all(pairs, "smaller", told)
