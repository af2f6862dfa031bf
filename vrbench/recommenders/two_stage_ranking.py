"""Two-stage ranking: candidate retrieval, and one injected item at a time among them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.ranking import rank


class Injected(NamedTuple):
    """Where ``n`` items stand, each alone among a user's candidates; ranks count from 1."""

    injected_ranks: Tensor  # (U, n) int32
    offered_ranks: Tensor  # (U,) int64 rank of the best test item before any injection; 0: none
    offered: Tensor  # (U,) int64 number of candidates


def candidates(
    model: Recommender, visuals: Visuals, seen: Interactions, cold: Tensor, n: int
) -> Tensor:
    """Return the ``(U, n)`` items, not cold, that ``model`` puts first of those not seen.

    -1 where a user has fewer. The first stage of adversarial item promotion (Liu and Larson,
    WWW 2021): new items are kept out of it, so that each can be tried alone in the second.

    Args:
        model: the generator of candidates.
        visuals: what the items look like to it.
        seen: what is not offered again, per user.
        cold: ``(m,)`` items to keep out.
        n: candidates per user.
    """
    none = Interactions.of(cold[:0], cold[:0], seen.num_users, seen.num_items)
    most = min(n + len(cold), seen.num_items)
    best = rank(model, visuals, seen, none, cold[:0], most).ranking
    kept = (best >= 0) & ~torch.isin(best, cold)
    order = kept.long().argsort(dim=1, descending=True, stable=True)[:, :n]
    return best.gather(1, order).masked_fill(~kept.gather(1, order), -1)


@torch.no_grad()
def inject(
    model: Recommender,
    visuals: Visuals,
    offered: Tensor,
    relevant: Interactions,
    items: Tensor,
    cold: Tensor,
    block: int = 512,
) -> Injected:
    """Return where each of ``items`` stands when it alone joins a user's candidates.

    A user's test items join the candidates, if they are known and not among them already. Equal
    scores are ordered by the fixed random permutation of ``ranking.rank``. The candidates are
    sorted once per user, and every item finds its place by bisection.

    Args:
        model: the second stage, which is attacked.
        visuals: what the items look like to it.
        offered: ``(U, N)`` candidates, -1 where a user has fewer.
        relevant: the test items.
        items: ``(n,)`` items to inject, all of them cold.
        cold: ``(m,)`` items that are no candidates even if they are tested.
        block: users scored at once; bounds the memory, changes nothing.
    """
    device, num_items = model.device, relevant.num_items
    encoded = model.encode(torch.arange(num_items, device=device), visuals)
    shuffled = torch.randperm(num_items, generator=stream(0, "ties", num_items))
    place = shuffled.argsort().to(device)
    items = items.to(device)
    parts = []
    for users in torch.arange(len(offered)).split(block):
        score = model.score(users.to(device), encoded).float()
        pool = offered[users].to(device)
        tested = _padded(relevant, users, cold).to(device)
        again = (tested[:, :, None] == pool[:, None]).any(2)
        pool = torch.cat([pool, tested.masked_fill(again, -1)], 1)
        line = _keys(score, pool, place).sort(dim=1).values
        own = _keys(score, items.expand(len(users), -1), place)
        best = _keys(score, tested, place).amin(1, keepdim=True)
        ranks, best_rank = (1 + torch.searchsorted(line, key) for key in (own, best))
        without = (tested < 0).all(1)
        parts.append((ranks.int(), best_rank[:, 0].masked_fill(without, 0), (pool >= 0).sum(1)))
    return Injected(*(torch.cat(p).cpu() for p in zip(*parts, strict=True)))


def _padded(relevant: Interactions, users: Tensor, left_out: Tensor) -> Tensor:
    """Return the ``(len(users), m)`` items of ``users`` that are not left out, padded with -1."""
    row, item = relevant.pairs_of(users)
    kept = ~torch.isin(item, left_out)
    row, item = row[kept], item[kept]
    count = torch.bincount(row, minlength=len(users))
    nth = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
    padded = torch.full((len(users), max(1, int(count.max()))), -1)
    padded[row, nth] = item
    return padded


def _keys(score: Tensor, items: Tensor, place: Tensor) -> Tensor:
    """Return int64 keys of ``items``, ``(B, n)``, that rise as their rank does; -1 comes last.

    Higher scores come first and, of equal ones, the lower ``place``. A float's bits, read as an
    integer, rise with it; those of negative ones once flipped. What is not a number comes last.
    """
    least = torch.finfo(torch.float32).min
    at = items.clamp(min=0)
    bits = score.gather(1, at).nan_to_num(nan=least, neginf=least)
    bits = bits.add(0.0).view(torch.int32).long()  # of the two zeros one is left
    rising = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    keys = (~rising << 32) | place[at]
    return keys.masked_fill(items < 0, torch.iinfo(torch.int64).max)
