"""The pairwise loop (BPR) that most recommenders are trained with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.fold_in import folded
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings
from vrbench.recommenders.training.negative_sampling import learnable, negatives


class PairwiseSettings(EpochSettings, total=False):
    """How a pairwise model is trained; see ``PairwiseRecommender``."""

    l2: float


class PairwiseRecommender(EpochRecommender):
    """A recommender trained to score a liked item above a random one (Rendle et al., UAI 2009).

    The loss of a batch is the *mean* over its triples of ``softplus(-(x_ui - x_uj))`` plus the
    triple's penalty, where a penalty is ``l2 / 2`` times the squared length of the rows that the
    triple touches (published code often sums; an ``l2`` from there does not carry over). An epoch
    goes once over all training interactions, shuffled, the last partial batch included; the other
    item is uniform over those that somebody has in train and the user has not. Embeddings are
    stepped by Adam only where a batch touches them (lazy Adam).

    Args:
        epochs: most epochs of training.
        batch_size: triples of a step.
        lr: of Adam.
        l2: weight of the penalty on rows.
        patience: evaluations without a better validation nDCG@20 after which training stops;
            the parameters of the best are kept. Without validation data, all epochs are run.
        eval_every: epochs between evaluations.

    Example:
        >>> from torch import nn
        >>> from typing_extensions import Unpack
        >>> from vrbench.recommenders import PairwiseRecommender
        >>> from vrbench.recommenders.training.pairwise import PairwiseSettings
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> class Taste(PairwiseRecommender):
        ...     signal = None
        ...     def __init__(self, sizes, *, factors=8, **training: Unpack[PairwiseSettings]):
        ...         super().__init__(**self.with_defaults(PairwiseSettings, training))
        ...         self.factors = factors
        ...         self.user = nn.Embedding(sizes.num_users, factors, sparse=True)
        ...         self.item = nn.Embedding(sizes.num_items, factors, sparse=True)
        ...     def encode(self, items, visuals):
        ...         return self.item(items)
        ...     def score(self, users, encoded):
        ...         return self.user(users) @ encoded.T
        ...     def forward(self, users, items, visuals):
        ...         return (self.user(users) * self.item(items)).sum(1)
        ...
        >>> favourites(taught(Taste, **BRISK)) > 0.8
        True
    """

    defaults = PairwiseSettings(l2=0.1)

    def __init__(self, *, l2: float, **training: Unpack[EpochSettings]) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        if l2 < 0:
            raise ConfigError(f"{self.name}: expected l2 >= 0, got {l2}")
        self.l2 = l2

    drops_last: ClassVar[bool] = False  # leave out an epoch's last, partial batch

    @abstractmethod
    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        """Return the ``(B,)`` scores of pairs ``(users[b], items[b])``."""

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        """Return ``(B,)`` score differences, liked minus other, and ``(B,)`` penalties.

        Override it where both items can share work.
        """
        margin = self(users, liked, visuals) - self(users, other, visuals)
        return margin, torch.zeros_like(margin)

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        return self.compare(users, liked, other, visuals)[0]

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        """Return the mean loss of a batch of triples, a scalar."""
        margin, penalty = self.compare(users, liked, other, visuals)
        assert margin.shape == penalty.shape == users.shape, "a broadcast would mix users"
        return (F.softplus(-margin) + penalty).mean()

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, liked, other = batch
        return self.loss(users, liked, other, visuals)

    def fold_in(self, histories: Interactions, visuals: Visuals, others: Tensor) -> Tensor:
        if self.l2 <= 0:
            raise IncompatibleError(f"{self.name}: folding users in needs a penalty, l2 > 0")
        with torch.no_grad():
            items = torch.arange(histories.num_items, device=self.device)
            side = self.product(self.encode(items, visuals))
        return folded(histories, side, others, self.l2)

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        order = learnable(train, rng)
        if self.drops_last and len(order) >= self.batch_size:
            order = order[: len(order) // self.batch_size * self.batch_size]
        order = order.to(self.device)
        users, liked = (part[order] for part in train.pairs_on(self.device))
        triples = torch.stack([users, liked, negatives(train, users, rng)])
        yield from zip(*(t.split(self.batch_size) for t in triples), strict=True)


class FactorSettings(PairwiseSettings, total=False):
    """How a pairwise model with rows of users and items is trained; see ``FactorModel``."""

    factors: int


class FactorModel(PairwiseRecommender):
    """A pairwise recommender whose users and items have rows of one length.

    Args:
        factors: length of a row.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import BPRMF, FactorModel
        >>> from vrbench.testing.world import BRISK, taught
        >>> model = taught(BPRMF, factors=8, **BRISK)
        >>> model.factors, isinstance(model, FactorModel)
        (8, True)
    """

    defaults = FactorSettings(factors=64)

    def __init__(self, *, factors: int, **training: Unpack[PairwiseSettings]) -> None:
        super().__init__(**self.with_defaults(PairwiseSettings, training))
        self.refuse_if(factors < 1, "factors >= 1")
        self.factors = factors


def half_square(*rows: Tensor) -> Tensor:
    """Return ``(B,)``: half the summed squares of each row, over all given ``(B, K)`` tables."""
    return 0.5 * torch.stack([r.square().sum(1) for r in rows]).sum(0)
