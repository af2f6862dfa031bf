"""AlexRank: content-based nearest neighbours in feature space, untrained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes

MOST = 2**22  # distances held at once; bounds the memory, changes nothing


class Looks(NamedTuple):
    """What scoring needs to know: the items to score, and the items that users have."""

    items: Tensor  # (n, D)
    owned: Tensor  # (W, D) features of the items that anybody has in train, in ascending order


class AlexRank(Recommender):
    """Content nearest neighbours: ``x_uj = -mean_i |f_j - f_i|`` over the user's train items ``i``.

    The ranker that adversarial item promotion is tried on first (Liu and Larson, WWW 2021), there
    with AlexNet's features, hence the name; here with those of any extractor. ``fit`` learns
    nothing and only keeps who has what. As in the authors' code an item is not taken out of its
    owner's history: it is not ranked for its owner anyway. All scores of a user without train items
    are 0. The features of what users have are read from the visuals handed in, so attacking an
    item also moves what is near it.

    Args:
        sizes: users and items.

    Example:
        >>> from vrbench.recommenders import AlexRank
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(AlexRank)) > 0.8
        True
    """

    paper = "Liu and Larson, WWW 2021"
    signal = Signal.VECTOR

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("start", torch.zeros(sizes.num_users + 1, dtype=torch.int64))
        self.register_buffer("owned", torch.zeros(0, dtype=torch.int64))

    start: Tensor
    owned: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.start.copy_(train.indptr)
        self.owned = train.items.clone().to(self.device)
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Looks:
        return Looks(visuals[items], visuals[self.owned.unique()])

    def score(self, users: Tensor, encoded: Looks) -> Tensor:
        first, count = self.start[users], self.start[users + 1] - self.start[users]
        offset = count.cumsum(0) - count
        nth = torch.arange(int(count.sum()), device=self.device) - offset.repeat_interleave(count)
        near, place = self.owned[first.repeat_interleave(count) + nth].unique(return_inverse=True)
        looks = encoded.owned[torch.searchsorted(self.owned.unique(), near)]
        blocks = encoded.items.split(max(1, MOST // max(1, len(near))))
        means = [F.embedding_bag(place, distances(looks, b), offset, mode="mean") for b in blocks]
        return -torch.cat(means, 1)

    def crowd(self, num_users: int) -> Callable[[Looks], Tensor]:
        """Return how far items are from what is owned, every item weighed by its owners' shares."""
        count = self.start.diff()
        share = count.clamp(min=1).double().reciprocal().repeat_interleave(count) / num_users
        owned, place = self.owned.unique(return_inverse=True)
        weight = torch.zeros(len(owned), dtype=torch.float64, device=self.device)
        weight = weight.index_add(0, place, share).float()[:, None]

        def mean(encoded: Looks) -> Tensor:
            blocks = encoded.items.split(max(1, MOST // max(1, len(owned))))
            return -torch.cat([(distances(encoded.owned, b) * weight).sum(0) for b in blocks])

        return mean

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}owned" in state:  # its length is that of the training data
            self.owned = torch.empty_like(state[f"{prefix}owned"], device=self.device)
        super()._load_from_state_dict(state, prefix, *rest)


def distances(left: Tensor, right: Tensor) -> Tensor:
    """Return the ``(m, n)`` Euclidean distances of ``(m, D)`` and ``(n, D)`` rows.

    By one product, whatever the sizes: torch's own switches its formula with them. Equal rows are
    about 1e-3 apart, by rounding, and their gradient is finite.
    """
    centre = left.detach().mean(0) if len(left) else 0  # smaller squares, less cancellation
    left, right = left - centre, right - centre
    square = left.square().sum(1)[:, None] + right.square().sum(1) - 2 * (left @ right.T)
    return square.clamp(min=1e-12).sqrt()
