"""Full ranking of the catalogue for all users, in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.counting import counts

MOST = 2**25  # scores held at once (128 MiB); bounds the memory
ON_GPU = 8  # times as many scores at once: small blocks leave it waiting
USERS_ON_GPU = 64  # times as many users at once, as far as their scores go
COMPARED = 2**20  # scores compared at once: what stays in a cache; changes nothing
FEW = 16  # targets whose ranks are counted one by one; of more, all at once; changes nothing
SEEN = float("-inf")
SLICE = 8192  # users whose lists are safe from a kill before the next ones are made


class Ranked(NamedTuple):
    """Lists and ranks of all users; ranks count from 1 over the items not seen."""

    ranking: Tensor  # (U, k) int64 item ids, best first; -1 past a user's last candidate
    scores: Tensor  # (U, n) float32 scores of the targets
    ranks: Tensor  # (U, n) int32 ranks of the targets; 0 where the user has seen the target
    relevant_ranks: Tensor  # (T,) int64 rank of each interaction of ``relevant``
    candidates: Tensor  # (U,) int64 number of items ranked
    profiles: Tensor | None = None  # (U, K) float32, of models whose users are made of pictures
    relevant_scores: Tensor | None = None  # (T,) float32 score of each interaction of ``relevant``
    ranking_scores: Tensor | None = None  # (U, k) float32 scores of the lists; NaN past the end
    cold_ranks: Tensor | None = None  # (T,) float64 mean rank of ``relevant`` among cold items
    cold_candidates: Tensor | None = None  # (U,) int64 number of cold items ranked
    relevant_mean_ranks: Tensor | None = None  # (T,) float64 ``relevant_ranks``, tied ones' mean


@torch.no_grad()
def rank(
    model: Recommender,
    visuals: Visuals,
    seen: Interactions,
    relevant: Interactions,
    targets: Tensor,
    k: int,
    block: int = 512,
    cold: Tensor | None = None,
    users: range | None = None,
    offered: Interactions | None = None,
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
        block: users scored at once, fewer where the catalogue is large; bounds the memory.
        cold: ``(n,)`` items that the training does not know, to be ranked among each other, too;
            then ``cold_ranks`` (0 where an interaction of ``relevant`` is with another item) and
            ``cold_candidates`` are filled. Who has nothing to tell them apart scores many alike, so
            equal ones share the mean of their ranks there.
        users: some of the users, one after the other; None: all. See ``slices`` and ``joined``.
        offered: what is ranked, per user, the items of ``relevant`` included; None: everything.
    """
    num_items, device = seen.num_items, model.device
    assert num_items < 2**24, "counts are kept as float32"
    encoded = model.encode(torch.arange(num_items, device=device), visuals)
    few = None if cold is None else cold.to(device)
    wanted = _Wanted(seen, relevant, targets.to(device), k, few, offered)
    ties, counted = _tie_order(num_items, device), seen.counts.to(device)
    block = _together(block, num_items, device)
    asked = range(seen.num_users) if users is None else users
    space = torch.empty(min(block, len(asked)), num_items, device=device)
    parts: list[Ranked] = []
    for begin in range(asked.start, asked.stop, block):
        end = min(begin + block, asked.stop)
        some = torch.arange(begin, end, device=device)
        profile = model.profile(some, encoded)
        score = _finite(model.score(some, encoded), space[: len(some)])
        made = _of_block(score, begin, num_items - counted[begin:end], wanted, ties)
        parts.append(made._replace(profiles=None if profile is None else profile.float().cpu()))
    if not parts:
        return _of_nobody(len(targets), k)
    found = joined(parts)._asdict().items()
    return Ranked(**{name: value.cpu() for name, value in found if value is not None})


class _Wanted(NamedTuple):
    """What ``rank`` is asked; tensors are on the device of the scores."""

    seen: Interactions
    relevant: Interactions
    targets: Tensor
    k: int
    cold: Tensor | None
    offered: Interactions | None


class _Ties(NamedTuple):
    """The fixed random order of equal scores: each item's place in it, and the item at a place."""

    place: Tensor  # (I,) int32
    shuffled: Tensor  # (I,) int64


def _tie_order(num_items: int, device: torch.device) -> _Ties:
    shuffled = torch.randperm(num_items, generator=stream(0, "ties", num_items))
    place = torch.empty_like(shuffled)
    place[shuffled] = torch.arange(num_items)
    return _Ties(place.int().to(device), shuffled.to(device))


def _of_block(score: Tensor, begin: int, count: Tensor, wanted: _Wanted, ties: _Ties) -> Ranked:
    """Return what is wanted of the users from ``begin`` on, on the device of their scores.

    Args:
        score: ``(B, I)``; what has been seen is struck out in it.
        begin: the first user.
        count: ``(B,)`` items that each has not seen.
        wanted: what is asked.
        ties: how equal scores are ordered.
    """
    (place, shuffled), device, end = ties, score.device, begin + len(score)
    targets, k = wanted.targets, wanted.k
    row, item = wanted.relevant.pairs_between(begin, end, device)
    shown, shown_test = score[:, targets], score[row, item]
    score[wanted.seen.pairs_between(begin, end, device)] = SEEN
    if wanted.offered is not None:
        hidden = torch.ones_like(score, dtype=torch.bool)
        hidden[wanted.offered.pairs_between(begin, end, device)] = False
        score.masked_fill_(hidden, SEEN)
        count = (score > SEEN).sum(1)
    of_target = _ranks(score, place, targets).masked_fill(score[:, targets] == SEEN, 0)
    top = _top(score, place, shuffled, k)
    past = torch.arange(k, device=device) >= count[:, None]
    ranks, mean_ranks = _ranks_of_pairs(score, place, row, item)
    made = Ranked(
        ranking=top.masked_fill(past, -1),
        scores=shown,
        ranks=of_target.int(),
        relevant_ranks=ranks,
        candidates=count,
        relevant_scores=shown_test,
        ranking_scores=score.gather(1, top).masked_fill(past, torch.nan),
        relevant_mean_ranks=mean_ranks,
    )
    if wanted.cold is None:
        return made
    among, candidates = _among(wanted.cold, score, row, item)
    return made._replace(cold_ranks=among, cold_candidates=candidates)


def _of_nobody(targets: int, k: int) -> Ranked:
    empty, none = torch.empty(0, dtype=torch.int64), torch.empty(0, targets)
    lists = empty.reshape(0, k)
    return Ranked(
        lists,
        none,
        none.int(),
        empty,
        empty,
        relevant_scores=empty.float(),
        ranking_scores=lists.float(),
        relevant_mean_ranks=empty.double(),
    )


def slices(num_users: int, num_items: int, users: int = SLICE, block: int = 512) -> list[range]:
    """Return ranges of users that ``rank`` can be asked about one by one with the same answers.

    Scores are products of a block of users, which round by its size: so each range but the last
    holds whole blocks.
    """
    together = _together(block, num_items)
    step = together * -(-users // together)
    return [range(at, min(at + step, num_users)) for at in range(0, num_users, step)]


def joined(parts: Sequence[Ranked]) -> Ranked:
    """Return the lists and ranks of consecutive users as those of all of them."""
    there = [name for name, value in parts[0]._asdict().items() if value is not None]
    return Ranked(**{name: torch.cat([getattr(p, name) for p in parts]) for name in there})


def _together(block: int, num_items: int, device: torch.device | None = None) -> int:
    """Return how many users are scored at once: several times as many on a GPU."""
    gpu = device is not None and device.type == "cuda"
    users, scores = (USERS_ON_GPU, ON_GPU) if gpu else (1, 1)
    return max(1, min(users * block, scores * MOST // max(1, num_items)))


def _among(some: Tensor, score: Tensor, row: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
    """Return where pairs stand among ``some`` items, 0 if not one of them; and ``(B,)`` counts.

    Equal scores share the mean of their ranks. What a user has seen is not ranked, here as
    elsewhere.
    """
    few = score[:, some].contiguous()
    index = torch.full((score.shape[1],), -1, device=score.device)
    index[some] = torch.arange(len(some), device=score.device)
    one_of = index[item] >= 0
    ranks = torch.zeros(len(item), dtype=torch.float64, device=score.device)
    mine = row[one_of]
    more, as_much = counts(few, mine, few[mine, index[item[one_of]]])
    ranks[one_of] = (more + as_much + 1).double() / 2
    return ranks, (few > SEEN).sum(1)


def _finite(score: Tensor, space: Tensor) -> Tensor:
    """Return ``score`` in ``space``, with the least finite number where it is no number.

    ``SEEN`` is thereby free for what is not ranked, and nothing of the model's is written to.
    """
    least = torch.finfo(torch.float32).min
    return torch.nan_to_num(score.float(), nan=least, neginf=least, out=space)


def _ranks(score: Tensor, place: Tensor, items: Tensor) -> Tensor:
    """Return the ``(B, n)`` ranks, from 1, of ``items``, ``(n,)``, among all ``score[b]``."""
    if len(items) <= FEW:
        rows = torch.arange(len(score), device=score.device)
        columns = [_ranks_of_pairs(score, place, rows, i.expand(len(rows)))[0] for i in items]
        return torch.stack(columns, 1) if columns else rows.new_empty(len(rows), 0)
    own, total = score[:, items].contiguous(), score.shape[1]
    ascending = _sorted(score)
    more = total - torch.searchsorted(ascending, own, right=True)
    as_much = total - torch.searchsorted(ascending, own)
    tied = as_much > more + 1
    if tied.any():
        row, column = tied.nonzero(as_tuple=True)
        more[row, column] += _tied_ahead(score, place, row, items[column])
    return more + 1


def _sorted(score: Tensor) -> Tensor:
    """Return each row ascending; NumPy sorts plain numbers several times faster than torch."""
    if score.device.type != "cpu":
        return score.sort(dim=1).values
    return torch.from_numpy(np.sort(score.numpy(), axis=1))


def _ranks_of_pairs(
    score: Tensor, place: Tensor, row: Tensor, item: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the ``(P,)`` ranks, from 1, of ``item[p]`` among all ``score[row[p]]``, twice.

    First in the order of ``place`` where scores are equal, then the mean of theirs. ``row``
    ascends.
    """
    more, as_much = counts(score, row, score[row, item])
    mean = (more + as_much + 1).double() / 2
    tied = (as_much > more + 1).nonzero().squeeze(1)
    if len(tied):
        more[tied] += _tied_ahead(score, place, row[tied], item[tied])
    return more + 1, mean


def _tied_ahead(score: Tensor, place: Tensor, row: Tensor, item: Tensor) -> Tensor:
    """Return ``(P,)``: how many items with the score of ``item[p]`` stand before it by place."""
    width = max(1, COMPARED // score.shape[1])
    pairs = zip(row.split(width), item.split(width), strict=True)
    ahead = [
        ((score[r] == score[r, i][:, None]) & (place < place[i][:, None])).sum(1) for r, i in pairs
    ]
    return torch.cat(ahead)


def _top(score: Tensor, place: Tensor, shuffled: Tensor, k: int) -> Tensor:
    """Return the ``k`` best of each row, ties in the order of ``place``."""
    value, found = score.topk(min(k + 1, score.shape[1]), dim=1)
    edge = value[:, k - 1 : k]
    at_edge = (value[:, k:] == edge).any(1) & (edge[:, 0] > SEEN)
    value, found = value[:, :k], found[:, :k]
    inside = ((value[:, 1:] == value[:, :-1]) & (value[:, 1:] > SEEN)).any(1)
    if inside.any():
        # Sort by place first, then stably by value.
        rows = inside.nonzero().squeeze(1)
        some, items = value[rows], found[rows]
        order = place[items].argsort(dim=1)
        some, items = some.gather(1, order), items.gather(1, order)
        order = some.argsort(dim=1, descending=True, stable=True)
        found[rows] = items.gather(1, order)
    if at_edge.any():
        # Which of those with the last score are in the list: the first by place.
        rows = at_edge.nonzero().squeeze(1)
        last = edge[rows]
        places = place.masked_fill(score[rows] != last, len(place))
        first = places.topk(k, dim=1, largest=False).values.long()
        better = (value[rows] > last).sum(1, keepdim=True)
        nth = torch.arange(k, device=score.device) - better
        tied = shuffled[first.gather(1, nth.clamp(min=0)).clamp(max=len(place) - 1)]
        found[rows] = torch.where(nth >= 0, tied, found[rows])
    return found
