"""What stands between an item and everyone's list."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender

BLOCK = 512  # users scored at once


class Entry(NamedTuple):
    """The scores of some items, and the scores that would bring them into everyone's first ``k``.

    An item is in a user's list where its score reaches the bar: a tie counts as entered. The bar is
    the ``k``-th best score of the *other* items, as they are; minus infinity where there are fewer.
    """

    scores: Tensor  # (U, n) float32
    bars: Tensor  # (U, n) float32; plus infinity where the user has the item: it is not ranked
    items: Tensor  # (n,) int64

    @property
    def asked(self) -> Tensor:
        """``(U, n)`` bool: the users who do not have the item, and so may be shown it."""
        return self.bars < torch.inf


@torch.no_grad()
def entry(model: Recommender, visuals: Visuals, seen: Interactions, items: Tensor, k: int) -> Entry:
    """Return what stands between ``items``, ``(n,)``, and the first ``k`` places of every user.

    Args:
        model: trained.
        visuals: what it is shown.
        seen: what is not ranked, per user.
        items: each at most once.
        k: length of the lists.
    """
    encoded = model.encode(torch.arange(seen.num_items, device=model.device), visuals)
    items = items.to(model.device)
    parts: list[tuple[Tensor, Tensor]] = []
    for first in range(0, seen.num_users, BLOCK):
        last = min(first + BLOCK, seen.num_users)
        score = model.score(torch.arange(first, last, device=model.device), encoded).float()
        own = score[:, items]
        score[seen.pairs_between(first, last, model.device)] = -torch.inf
        ranked = score[:, items] > -torch.inf
        at, below = _last_places(score, k)
        # Without the item itself, one place less is taken by whoever stands before it.
        bar = torch.where(own >= at[:, None], below[:, None], at[:, None])
        parts.append((own, bar.masked_fill(~ranked, torch.inf)))
    scores, bars = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    return Entry(scores, bars, items.cpu())


def _last_places(score: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``(B,)`` scores of places ``k`` and ``k + 1``; minus infinity past the end."""
    found = score.topk(min(k + 1, score.shape[1])).values
    short = k + 1 - found.shape[1]
    found = torch.nn.functional.pad(found, (0, short), value=-torch.inf) if short > 0 else found
    return found[:, k - 1], found[:, k]


def radius_of_items(radii: Tensor, asked: Tensor, share: float) -> Tensor:
    """Return ``(n,)``: up to where an item can be in the lists of at most ``share`` of its users.

    Each user's radius holds against every change, so no single change below it enters more lists.

    Args:
        radii: ``(U, n)``: up to where an item cannot enter a user's list.
        asked: ``(U, n)`` bool: who may be shown the item.
        share: of these, in [0, 1).
    """
    found = torch.full(radii.shape[1:], torch.inf, dtype=radii.dtype)
    for n in range(radii.shape[1]):
        own = radii[asked[:, n], n].sort().values
        allowed = int(share * len(own))
        if allowed < len(own):
            found[n] = own[allowed]
    return found
