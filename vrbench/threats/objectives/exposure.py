"""White-box promotion into lists: a smooth hit ratio in place of a mean score."""

from __future__ import annotations

import math
from functools import cached_property
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.threats.objectives.base import Objective
from vrbench.threats.objectives.promotion import Promote

USERS = 4096  # scored at once


class PromoteLists(Promote):
    """White-box promotion into the users' top ``k``: a smooth hit ratio, HR@k.

    The loss is minus the logarithm of the mean over users of ``sigmoid((s - b) / t)``: ``s`` the
    item's score, ``b`` the score that enters the user's list on clean images, ``t`` the
    ``temperature`` in standard deviations of a user's clean scores (the mean over users). Smoothed
    in this way by Qin et al. (Information Retrieval 2010, sec. 4) for rankings in general. A mean
    score, as of ``Promote``, is raised most easily among users who will never list the item; here
    those count who nearly do. Owners of an item never see it, and count as a miss. The margin is
    negative once the smooth hit ratio is above ``share``.

    Args:
        train, extractor, recommender, visuals: see ``Promote``.
        images: see ``Promote``.
        k: length of the lists.
        temperature: above 0; the smaller, the nearer to HR@k, and the fewer users lead the way.
        share: the smooth hit ratio that is aimed at, in (0, 1].

    Raises:
        ConfigError: for a temperature or a share out of range.

    Example:
        >>> import torch
        >>> from vrbench.objectives import PromoteLists
        >>> from vrbench.testing.world import knowing, toy_world
        >>> items, images = torch.arange(2), toy_world().catalogue.images
        >>> knowing(PromoteLists, k=5).judge(images[items], items).loss.gt(0).tolist()
        [True, True]
    """

    paper = ""

    def __init__(
        self,
        train: Interactions,
        extractor: Extractor,
        recommender: Recommender,
        visuals: Visuals,
        images: Visuals | None = None,
        *,
        k: int = 20,
        temperature: float = 0.3,
        share: float = 0.5,
    ) -> None:
        super().__init__(train, extractor, recommender, visuals, images, k=k)
        if temperature <= 0 or not 0 < share <= 1:
            raise ConfigError("PromoteLists: expected temperature > 0 and 0 < share <= 1")
        self.train, self.temperature, self.share = train, temperature, share
        self._owners: tuple[Tensor, Tensor] | None = None  # nobody writes into items asked for

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        gap_BU = self._answered(x, items, self._gaps)
        owned_BU = self._owned(items)
        near_BU = logsigmoid(gap_BU / self._bars[1]).masked_fill(owned_BU, -torch.inf)
        loss = math.log(self.num_users) - near_BU.logsumexp(1)
        return Verdict(loss, loss + math.log(self.share))

    def _gaps(self, items: Tensor, shown: Tensor) -> Tensor:
        """Return ``(n, num_users)``: how far inside the lists ``items`` as ``shown`` score."""
        encoded = self.recommender.encode(items, self.visuals.overlay(items, shown))
        users = torch.arange(self.num_users, device=items.device)
        score = [self.recommender.score(block, encoded) for block in users.split(USERS)]
        return torch.cat(score).T - self._bars[0]

    def _owned(self, items: Tensor) -> Tensor:
        """Return ``(B, num_users)`` bool: who is never shown which; kept as ``_rounds`` are."""
        if self._owners is None or self._owners[0] is not items:
            pairs = torch.broadcast_tensors(
                torch.arange(self.num_users)[None], items.cpu()[:, None]
            )
            self._owners = items, self.train.contains(*pairs).to(items.device)
        return self._owners[1]

    @cached_property
    @torch.no_grad()
    def _bars(self) -> tuple[Tensor, float]:
        """What enters each user's list, ``(num_users,)``; and the temperature in scores."""
        bars, spread = [], 0.0
        for users, score in self._clean_scores():
            spread += float(score.std(1).sum())
            row, item = self.train.pairs_between(users.start, users.stop, score.device)
            score[row, item] = -torch.inf
            bars.append(score.topk(min(self.k, self.num_items)).values[:, -1])
        return torch.cat(bars), self.temperature * spread / self.num_users

    def redrawn(self, salt: int) -> Objective:
        _ = self._bars  # once for all draws, as the entry is
        return super().redrawn(salt)


class PromoteVectors(PromoteLists):
    """White-box promotion into the users' top ``k`` by feature vectors, without any picture.

    As ``PromoteLists``, of what the recommender is shown: ``x`` are vectors, ``(B, D)``. It goes
    with ``threat=vector``, where an adversary can change what a catalogue says of an item.

    Args:
        train, recommender, visuals, k, temperature, share: as of ``PromoteLists``.

    Example:
        >>> import torch
        >>> from vrbench.objectives import PromoteVectors
        >>> from vrbench.recommenders import VBPR
        >>> from vrbench.testing.world import taught, toy_visuals, toy_world
        >>> shop, model = toy_world(), taught(VBPR, epochs=2)
        >>> looks, items = toy_visuals(model.signal), torch.arange(3)
        >>> PromoteVectors(shop.train, model, looks, k=5).judge(looks[items], items).loss.shape
        torch.Size([3])
    """

    paper = ""

    def __init__(
        self,
        train: Interactions,
        recommender: Recommender,
        visuals: Visuals,
        *,
        k: int = 20,
        temperature: float = 0.3,
        share: float = 0.5,
    ) -> None:
        if recommender.signal is not Signal.VECTOR:
            raise IncompatibleError(f"{recommender.name} is not shown vectors")
        seen = cast(Extractor, _AsShown())
        super().__init__(
            train, seen, recommender, visuals, k=k, temperature=temperature, share=share
        )


class _AsShown:
    """Stands where an extractor would: what is looked at is shown as it is."""

    def see(self, x: Tensor, signal: Signal) -> Tensor:
        return x

    def redrawn(self, salt: int) -> _AsShown:
        return self
