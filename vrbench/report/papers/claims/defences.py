"""Claims about defences."""

from __future__ import annotations

from collections.abc import Sequence

from vrbench.core.plurals import how_many
from vrbench.report.over_seeds import difference, rise
from vrbench.report.papers.claims.base import (
    NOTHING,
    Verdict,
    attacked_cells,
    in_all,
    is_attack,
    reasons,
)
from vrbench.report.papers.published_comparison import Cell, Run

Trio = tuple[Cell, Cell, Cell | None]  # clean, attacked, and trained again on clean pictures


def defences_do_not_protect(cells: Sequence[Cell]) -> Verdict:
    """VAR: adversarially trained extractors (AT, FAT) do not protect visual recommenders.

    Holds if in at least half of the cells that can be told CHR rises by no smaller a share under
    the defence than under the standard extractor (T). Cells in which it rises under neither by
    more than training again moves it do not count: there is nothing to protect from. The attack
    must reach its class under T only: that it does not under a defence is what a defence is for.
    """
    pairs = _defended_and_bare(cells)
    if not pairs:
        return NOTHING
    idle, untold, kept = _sorted_out(pairs)
    if len(untold) == len(pairs):
        return Verdict(None, reasons(untold))
    trained_again = [trio for trio, _ in pairs if trio[2] is not None]
    by_more = ", by more than a clean retrain does," if trained_again else ""
    if kept:
        return _protects(kept, untold, idle, by_more)
    return Verdict(
        None, f"the attack raises CHR{by_more} in none of {how_many(len(pairs), 'pair')} of cells"
    )


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


def _sorted_out(
    pairs: Sequence[tuple[Trio, Trio]],
) -> tuple[int, list[tuple[str, str]], list[bool | None]]:
    """Return in how many pairs CHR rises under neither; where that cannot be told, and why.

    And of each other pair whether it rises no less under the defence; None: within chance.
    """
    idle, untold, kept = 0, list[tuple[str, str]](), list[bool | None]()
    for trio, bare in pairs:
        runs = trio[1].sound(reached=False) & bare[1].sound()
        both = rise(*trio, runs), rise(*bare, runs)
        unclear = [e.why for e in both if e.rose is None]
        if unclear:
            untold.append((trio[1].label, bare[1].doubted() or unclear[0]))
        elif any(e.rose for e in both):
            kept.append(_no_smaller(trio, bare, runs))
        else:
            idle += 1
    return idle, untold, kept


def _protects(
    kept: Sequence[bool | None], untold: Sequence[tuple[str, str]], idle: int, by_more: str
) -> Verdict:
    """Return the verdict on pairs of which at least one attack raises CHR.

    Args:
        kept: of each pair, whether CHR rises no less under the defence; None: within chance.
        untold: where nothing can be told, and why.
        idle: pairs in which it rises under neither.
        by_more: than what it rises.
    """
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


def _no_smaller(trio: Trio, bare: Trio, runs: set[Run]) -> bool | None:
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
