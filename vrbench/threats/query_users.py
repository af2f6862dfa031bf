"""Query accounts of a black-box adversary, and where items stand in their lists.

Shape suffixes: R users asked, I items of the catalogue, B pictures, P users asked per picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender

Scale = Literal["normal", "uniform"]


class Asked:
    """Users whose lists can be looked at, and how every item stands there on clean pictures.

    Args:
        model: what scores.
        visuals: clean.
        users: ``(R1,)`` users it was trained on; they come first.
        histories: what each of the R users owns, which is not ranked; users beyond R1 are taken
            in by the model (``fold_in``).
        others: items that an owned one is compared with when a user is taken in.
    """

    def __init__(
        self,
        model: Recommender,
        visuals: Visuals,
        users: Tensor,
        histories: Interactions,
        others: Tensor,
    ) -> None:
        self._model, self._users = model, users.to(model.device)
        self._rows: Tensor | None = None
        if histories.num_users > len(users):
            self._rows = model.fold_in(_from(histories, len(users)), visuals, others)
        owner, item = (t.to(model.device) for t in (histories.users, histories.items))
        with torch.no_grad():
            encoded = model.encode(torch.arange(len(visuals), device=model.device), visuals)
            clean_RI = self.score(encoded)
        owned = torch.zeros_like(clean_RI, dtype=torch.bool)
        owned[owner, item] = True
        self.counts = histories.counts.to(model.device)
        self.candidates = len(visuals) - self.counts
        kept = torch.where(owned, torch.nan, clean_RI)
        self.mean = kept.nanmean(1)
        self.std = (kept - self.mean[:, None]).square().nanmean(1).sqrt().clamp(min=1e-12)
        self.clean = clean_RI.masked_fill(owned, -torch.inf)
        self._ascending = self.clean.sort(1).values

    def score(self, encoded: object) -> Tensor:
        """Return the ``(R, n)`` scores of encoded items; differentiable in their pictures."""
        parts = [self._model.score(self._users, encoded)] if len(self._users) else []
        if self._rows is not None:
            side = self._model.product(encoded)
            parts.append(self._rows @ side.vector.T + side.bias)
        return torch.cat(parts)

    def rank(self, score: Tensor, items: Tensor) -> Tensor:
        """Return the ``(R, B)`` ranks, from 1, of ``items`` scored ``(R, B)`` among all others.

        An item does not stand in its own way: its clean picture is out when another is in. Of
        others with the same score half stand before it.
        """
        own = self.clean[:, items]
        upper = torch.searchsorted(self._ascending, score.contiguous(), right=True)
        lower = torch.searchsorted(self._ascending, score.contiguous())
        ahead = self.clean.shape[1] - upper - (own > score).long()
        level = upper - lower - (own == score).long()
        return 1 + ahead + 0.5 * level

    def entry(self, items: Tensor, k: int) -> Tensor:
        """Return the ``(R, B)`` scores of the ``k``-th best item that is not the one asked about.

        Minus infinity where fewer than ``k`` others are ranked.
        """
        own, size = self.clean[:, items], self.clean.shape[1]
        low = torch.full_like(own[:, :1], -torch.inf)
        best = self._ascending[:, size - k, None] if k <= size else low
        next_best = self._ascending[:, size - k - 1, None] if k < size else low
        return torch.where(own >= best, next_best, best)

    def quantile(self, ranks: Tensor, rows: Tensor, scale: Scale) -> Tensor:
        """Return what a rank is worth as a score (Cohen et al., WSDM 2021, sec. 4.3).

        ``1 - r / (N + 1)`` of N ranked items, or the standard normal quantile of it.

        Args:
            ranks: any shape, from 1; beyond N they count as N.
            rows: of the same shape, whose ranks they are.
            scale: "uniform" or "normal".
        """
        count = self.candidates[rows]
        share = 1 - torch.minimum(ranks.double(), count) / (count + 1)
        return (torch.special.ndtri(share) if scale == "normal" else share).float()

    def guessed(
        self, rank_B3: Tensor, rows_B3: Tensor, scale: Scale, visible: float, k: int
    ) -> Tensor:
        """Return ``(B,)`` worths of a user's rank where it can be seen, else of two helpers'.

        Args:
            rank_B3: ranks of a picture for the user, and for the helpers who own the user's and a
                similar item, and only that.
            rows_B3: which of those asked they are.
            scale: of the quantiles of ranks.
            visible: share of a list, from the top, in which ranks are known.
            k: places that are seen in any case.
        """
        count = self.candidates[rows_B3]
        seen_to = (visible * count).floor().clamp(min=k).double()
        worth = self.quantile(torch.minimum(rank_B3, seen_to + 1), rows_B3, scale)
        least = self.quantile(seen_to + 1, rows_B3, scale)
        most = self.quantile(torch.ones_like(rank_B3), rows_B3, scale)
        seen = rank_B3 <= seen_to
        n = self.counts[rows_B3[:, 0]].float()

        def mixed(both: Tensor, alone: Tensor) -> Tensor:
            return ((n + 1) * both - alone) / n

        lift = least[:, 0] - 1 - mixed(most[:, 1], least[:, 2])
        second = mixed(worth[:, 1], worth[:, 2]) + lift
        floor = mixed(least[:, 1], most[:, 2]) + lift
        first = worth[:, 2] - most[:, 2] + floor - 1
        return torch.where(seen[:, 0], worth[:, 0], torch.where(seen[:, 1], second, first))


def histories_of(profiles: Sequence[Tensor], num_items: int) -> Interactions:
    """Return one user per profile, a vector of owned items."""
    users = torch.arange(len(profiles)).repeat_interleave(torch.tensor([len(p) for p in profiles]))
    items = torch.cat(list(profiles)) if len(profiles) else torch.empty(0, dtype=torch.int64)
    return Interactions.of(users, items.cpu(), len(profiles), num_items)


def owned_by(train: Interactions, users: Tensor) -> list[Tensor]:
    """Return the items of each of ``users``."""
    return list(train.pairs_of(users)[1].split(train.counts[users].tolist()))


def strangers(train: Interactions, items: Tensor, seed: int) -> Tensor:
    """Return one user per item who has bought something but not this; drawn by item.

    Raises:
        IncompatibleError: if everybody has.
    """
    active = torch.nonzero(train.counts).squeeze(1)
    return _draw(active, items, lambda item: train.contains(active, item.expand(len(active))), seed)


def seed_items(train: Interactions, items: Tensor, owners: int, seed: int) -> Tensor:
    """Return another item per item, one that ``owners`` users or more have; drawn by item.

    Raises:
        ConfigError: if there is none.
    """
    known = torch.nonzero(train.popularity >= owners).squeeze(1)
    if len(known) < 2:
        raise ConfigError(
            f"fewer than two items have {owners} users: lower objective.owners (the most popular "
            f"has {int(train.popularity.max())})"
        )
    return _draw(known, items, lambda item: known == item, seed)


def _draw(pool: Tensor, items: Tensor, banned: Callable[[Tensor], Tensor], seed: int) -> Tensor:
    shares, found = Streams(seed, "audience").uniform(items).double(), []
    for item, share in zip(items, shares, strict=True):
        left = pool[~banned(item)]
        if not len(left):
            raise IncompatibleError(f"everybody owns item {int(item)}: nobody is left")
        found.append(left[int(share * len(left))])
    return torch.stack(found)


def _from(histories: Interactions, first: int) -> Interactions:
    """Return the feedback of users ``first`` and later, counted from 0."""
    at = int(histories.indptr[first])
    return Interactions(
        histories.indptr[first:] - at,
        histories.items[at:],
        histories.num_users - first,
        histories.num_items,
    )
