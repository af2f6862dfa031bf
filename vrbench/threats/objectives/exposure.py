"""White-box promotion into lists: a smooth hit ratio in place of a mean score."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.threats.objectives.base import Objective
from vrbench.threats.objectives.promotion import Promote

NEXT = 0.2  # of all users, within reach beyond those who list an item already


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
        self._reach: tuple[Tensor, Tensor] | None = None

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        gap_BU = self._answered(x, items, self._gaps)
        owned_BU = self._owned(items)
        near_BU = logsigmoid(gap_BU / self._bars[1]).masked_fill(owned_BU, -torch.inf)
        loss = math.log(self.num_users) - near_BU.logsumexp(1)
        return Verdict(loss, loss + math.log(self.share))

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return ``(B,)`` hinges to enter the lists within reach, the mean over their users.

        In the class's letters ``t * softplus((b - s) / t)``. Within reach are the users who list
        the item on clean pictures and, beyond them, a fifth of all (``NEXT``): those whose lists it
        is nearest to as it is shown. The loss that ``judge`` speaks of is led by the nearest of
        them; here all who do not list it yet count about alike. Owners do not count.
        """
        smooth = self._bars[1]
        gap_BU, owned_BU = self._answered(x, items, self._gaps), self._owned(items)
        lack_BU = smooth * softplus(-gap_BU / smooth)
        near_BU = lack_BU.masked_fill(owned_BU, torch.inf).sort(1).values
        count = self._within_reach(items)
        within_BU = torch.arange(self.num_users, device=items.device) < count[:, None]
        return near_BU.masked_fill(~within_BU, 0).sum(1) / count.clamp(min=1)

    @torch.no_grad()
    def _within_reach(self, items: Tensor) -> Tensor:
        """Return ``(B,)``: how many users count in a hinge; kept as ``_rounds`` are."""
        if self._reach is None or self._reach[0] is not items:
            rounds = self._rounds(items)
            clean = [self._gaps(items[rows], self.visuals[items[rows]]) for rows in rounds]
            inside_BU = torch.cat(clean)[torch.cat(rounds).argsort()] >= 0
            free_BU = ~self._owned(items)
            count = (inside_BU & free_BU).sum(1) + math.ceil(NEXT * self.num_users)
            self._reach = items, torch.minimum(count, free_BU.sum(1))
        return self._reach[1]

    def _owned(self, items: Tensor) -> Tensor:
        """Return ``(B, num_users)`` bool: who is never shown which; kept as ``_rounds`` are."""
        if self._owners is None or self._owners[0] is not items:
            pairs = torch.broadcast_tensors(
                torch.arange(self.num_users)[None], items.cpu()[:, None]
            )
            self._owners = items, self.train.contains(*pairs).to(items.device)
        return self._owners[1]

    def _ranked(self, users: range, score: Tensor) -> Tensor:
        """Return the scores that a list is made of: users are not shown what they own."""
        score[self.train.pairs_between(users.start, users.stop, score.device)] = -torch.inf
        return score

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
