"""The pointwise loop: is a pair liked, or one that was drawn? Cross entropy over both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings
from vrbench.recommenders.training.negative_sampling import learnable, negatives
from vrbench.recommenders.training.pairwise import half_square


class PointwiseSettings(EpochSettings, total=False):
    """How a pointwise model is trained; see ``PointwiseRecommender``."""

    negatives: int
    l2: float


class PointwiseRecommender(EpochRecommender):
    """A recommender trained to tell liked items from drawn ones (He et al., WWW 2017, eq. 7).

    The loss is the mean over pairs of the binary cross entropy, where every interaction comes with
    ``negatives`` items that its user has not, drawn anew each epoch; plus half the squares of a
    pair's rows times ``l2``. Scores are logits.

    Args:
        negatives: pairs drawn for each interaction.
        l2: weight of the penalty on rows.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; a batch is counted
            in interactions.

    Example:
        >>> from vrbench.recommenders import GMF, PointwiseRecommender
        >>> issubclass(GMF, PointwiseRecommender), PointwiseRecommender.defaults["negatives"]
        (True, 4)
    """

    defaults = PointwiseSettings(epochs=100, lr=0.001, patience=5, negatives=4, l2=0.0001)
    weight_of_likes = 1.0  # of a liked pair's loss; a drawn one's is 1

    def __init__(self, *, negatives: int, l2: float, **training: Unpack[EpochSettings]) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        self.refuse_if(
            negatives < 1 or l2 < 0,
            "negatives >= 1 (without negatives, everything is liked), l2 >= 0",
        )
        self.negatives, self.l2 = negatives, l2

    @abstractmethod
    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        """Return the ``(B,)`` logits of pairs ``(users[b], items[b])``."""

    @abstractmethod
    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        """Return the ``(B, *)`` rows of pairs that are penalised by ``l2``."""

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        return self(users, liked, visuals) - self(users, other, visuals)

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``(B,)`` users and ``(B, 1 + negatives)`` items, the liked one first."""
        order = learnable(train, rng)
        users, liked = train.users[order], train.items[order]
        others = negatives(train, users.repeat_interleave(self.negatives), rng)
        items = torch.cat([liked[:, None], others.view(-1, self.negatives)], 1)
        yield from batches_of((users, items), self.batch_size, self.device)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, items = batch
        return self.loss(users, items)

    def loss(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the mean loss of pairs of ``users[b]`` with ``items[b]``, of which they like [0].

        Args:
            users: ``(B,)``.
            items: ``(B, 1 + m)``.
        """
        fit = self.fit_of(self.logits(users, items), self.aim(users, items))
        many = users.repeat_interleave(items.shape[1])
        return fit + self.l2 * half_square(*self.rows(many, items.flatten())).mean()

    def logits(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the ``(B, M)`` logits of pairs of ``users[b]`` with each of ``items[b]``.

        Override it where the pairs of a user can share work.
        """
        many, flat = users.repeat_interleave(items.shape[1]), items.flatten()
        logit = self(many, flat)
        assert logit.shape == flat.shape, "a broadcast would mix users"
        return logit.view(items.shape)

    def aim(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the ``(B, 1 + m)`` probabilities to be learnt; that of the liked item is 1."""
        liked = torch.zeros(items.shape, device=items.device)
        liked[:, 0] = 1
        return liked

    def fit_of(self, logit: Tensor, aim: Tensor) -> Tensor:
        """Return the mean loss of ``(B, 1 + m)`` logits, the liked item's first."""
        weight = None if self.weight_of_likes == 1 else 1 + aim * (self.weight_of_likes - 1)
        return F.binary_cross_entropy_with_logits(logit, aim, weight)
