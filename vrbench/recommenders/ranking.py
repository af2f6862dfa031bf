"""Full ranking of the catalogue, in blocks of users."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender

MOST = 2**24  # scores compared at once; bounds the memory, changes nothing


class Ranked(NamedTuple):
    """Lists and ranks of all users; ranks count from 1 over the items not seen."""

    ranking: Tensor  # (U, k) int64 item ids, best first; -1 past a user's last candidate
    scores: Tensor  # (U, n) float32 scores of the targets
    ranks: Tensor  # (U, n) int32 ranks of the targets; 0 where the user has seen the target
    relevant_ranks: Tensor  # (T,) int64 rank of each interaction of ``relevant``
    candidates: Tensor  # (U,) int64 number of items ranked
    profiles: Tensor | None = None  # (U, K) float32, of models whose users are made of pictures


@torch.no_grad()
def rank(
    model: Recommender,
    visuals: Visuals,
    seen: Interactions,
    relevant: Interactions,
    targets: Tensor,
    k: int,
    block: int = 512,
) -> Ranked:
    """Return the top ``k`` unseen items of every user, and where targets and test items stand.

    Equal scores are ordered by one fixed random permutation of the items, the same in every
    call, so that neither ids nor popularity leak through ties. Scores that are not numbers rank
    last.

    Args:
        model: what scores.
        visuals: what the items look like to it.
        seen: what is not ranked, per user (train and validation).
        relevant: test interactions whose ranks are wanted.
        targets: ``(n,)`` items whose scores and ranks are wanted for every user.
        k: length of the lists, at most ``num_items``.
        block: users scored at once; bounds the memory, changes nothing.
    """
    num_items, device = seen.num_items, model.device
    encoded = model.encode(torch.arange(num_items, device=device), visuals)
    shuffled = torch.randperm(num_items, generator=stream(0, "ties", num_items))
    place = torch.empty_like(shuffled)
    place[shuffled] = torch.arange(num_items)
    place = place.to(device)
    targets = targets.to(device)
    parts: list[tuple[Tensor, ...]] = []
    profiles: list[Tensor] = []
    for users in torch.arange(seen.num_users).split(block):
        score = model.score(users.to(device), encoded).float()
        profile = model.profile(users.to(device), encoded)
        if profile is not None:
            profiles.append(profile.float().cpu())
        least = torch.finfo(torch.float32).min  # above -inf, which is what is seen already
        score = score.nan_to_num(nan=least, neginf=least)
        row, item = (t.to(device) for t in seen.pairs_of(users))
        shown = score[:, targets].clone()
        score[row, item] = -torch.inf
        count = num_items - seen.counts[users].to(device)
        of_target = _ranks(score, place, targets.expand(len(users), -1))
        hidden = torch.zeros_like(score, dtype=torch.bool)
        hidden[row, item] = True
        of_target = of_target.masked_fill(hidden[:, targets], 0)
        test_row, test_item = (t.to(device) for t in relevant.pairs_of(users))
        pairs = zip(
            *(t.split(max(1, MOST // num_items)) for t in (test_row, test_item)), strict=True
        )
        of_test = torch.cat([_ranks(score[r], place, i[:, None])[:, 0] for r, i in pairs])
        top = _top(score, place, k)
        top = top.masked_fill(torch.arange(k, device=device) >= count[:, None], -1)
        parts.append((top, shown, of_target.int(), of_test, count))
    if not parts:
        empty = torch.empty(0, dtype=torch.int64)
        return Ranked(empty.reshape(0, k), torch.empty(0, len(targets)), empty, empty, empty)
    made = Ranked(*(torch.cat(p).cpu() for p in zip(*parts, strict=True)))
    return made._replace(profiles=torch.cat(profiles)) if profiles else made


def _ranks(score: Tensor, place: Tensor, items: Tensor) -> Tensor:
    """Return the ranks, from 1, of ``items[b]`` among all ``score[b]``."""
    ranks = torch.empty_like(items)
    for n in range(items.shape[1]):
        item = items[:, n, None]
        own = score.gather(1, item)
        ahead = (score > own) | ((score == own) & (place < place[item]))
        ranks[:, n] = 1 + ahead.sum(1)
    return ranks


def _top(score: Tensor, place: Tensor, k: int) -> Tensor:
    """Return the ``k`` best of each row, ties in the order of ``place``."""
    value, found = score.topk(min(k + 1, score.shape[1]), dim=1)
    tied_at_edge = value[:, k - 1] == value[:, -1] if found.shape[1] > k else None
    value, found = value[:, :k], found[:, :k]
    # Inside the list: sort by place first, then stably by value.
    order = place[found].argsort(dim=1)
    value, found = value.gather(1, order), found.gather(1, order)
    found = found.gather(1, value.argsort(dim=1, descending=True, stable=True))
    if tied_at_edge is not None and tied_at_edge.any():
        rows = tied_at_edge.nonzero().squeeze(1)
        by_place = place.argsort()
        exact = score[rows][:, by_place].sort(dim=1, descending=True, stable=True).indices
        found[rows] = by_place[exact[:, :k]]
    return found
