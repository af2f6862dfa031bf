"""CML: users and items are points, and a user stands near what they like."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes, tables
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings
from vrbench.recommenders.training.negative_sampling import learnable, negatives


class CML(EpochRecommender):
    """Collaborative metric learning (Hsieh et al., WWW 2017, sec. 3), without item features.

    With ``d`` the *squared* distance of two points, the loss of an interaction is
    ``w [margin + d(u, liked) - d(u, j)]_+`` for the nearest ``j`` of ``candidates`` items that
    ``u`` has not. The weight ``w = log(1 + rank)`` (WARP) takes as rank the share of candidates
    inside the margin, times the number of items; it is a constant. After every step each touched
    point is brought back into the unit ball. The covariance term is the mean square of the
    off-diagonal covariances of the batch's points. Scores are ``-d``.

    Stepped by lazy Adam, where the paper takes AdaGrad; points start near the centre, where theirs
    start near the sphere and little of what is learnt is shared. (Elliot's hinge compares every
    user of a batch with every other's item, and has neither rank weights, covariances, nor the
    ball.)

    Args:
        sizes: users and items.
        factors: dimensions of the space.
        margin: of the hinge, in units of squared distance.
        candidates: items drawn per interaction.
        covariance: weight of the covariance term.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``.

    Example:
        >>> from vrbench.recommenders import CML
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(CML, factors=8, candidates=5, epochs=40, lr=0.05)) > 0.8
        True
    """

    paper = "Hsieh et al., WWW 2017"
    signal = None

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 64,
        margin: float = 0.5,
        candidates: int = 20,
        covariance: float = 10.0,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        self.refuse_if(
            min(factors, candidates) < 1 or margin <= 0 or covariance < 0,
            "factors, candidates >= 1, margin > 0 and covariance >= 0",
        )
        self.factors, self.margin = factors, margin
        self.candidates, self.covariance = candidates, covariance
        self.user, self.item = tables(sizes, factors)

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``(B,)`` users, ``(B,)`` liked items and ``(B, candidates)`` others."""
        order = learnable(train, rng)
        users, liked = train.users[order], train.items[order]
        others = negatives(train, users.repeat_interleave(self.candidates), rng)
        parts = (users, liked, others.view(-1, self.candidates))
        yield from batches_of(parts, self.batch_size, self.device)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, liked, others = batch
        loss = self.loss(users, liked, others)
        if not self.covariance:
            return loss
        points = torch.cat([self.user(users), self.item(liked)])
        return loss + self.covariance * off_diagonal(points)

    def loss(self, users: Tensor, liked: Tensor, others: Tensor) -> Tensor:
        """Return the mean weighted hinge of a batch, a scalar.

        Args:
            users, liked: ``(B,)``.
            others: ``(B, candidates)`` items that the users have not.
        """
        user = self.user(users)
        near = (user - self.item(liked)).square().sum(1)
        far = (user[:, None] - self.item(others)).square().sum(2)
        nearest = far.min(1).values
        with torch.no_grad():
            inside = (far < near[:, None] + self.margin).float().mean(1)
            weight = torch.log1p(inside * self.item.num_embeddings)
        assert near.shape == nearest.shape == weight.shape == users.shape, "it would be B x B"
        return (weight * (self.margin + near - nearest).relu()).mean()

    @torch.no_grad()
    def stepped(self, batch: tuple[Tensor, ...]) -> None:
        users, liked, others = batch
        into_ball(self.user, distinct(users)[0])
        into_ball(self.item, distinct(torch.cat([liked, others.flatten()]))[0])

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.item(items)

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        user = self.user(users)
        square = user.square().sum(1)[:, None] + encoded.square().sum(1)
        return 2 * user @ encoded.T - square


def into_ball(table: nn.Embedding, rows: Tensor) -> None:
    """Bring ``rows`` of ``table`` to a length of at most one."""
    points = table.weight.data[rows]
    table.weight.data[rows] = points / points.norm(dim=1, keepdim=True).clamp(min=1)


def off_diagonal(points: Tensor) -> Tensor:
    """Return the mean square of the covariances between different dimensions of ``points``."""
    away = points - points.mean(0)
    covariance = away.T @ away / len(points)
    square = covariance.square()
    return (square.sum() - square.diagonal().sum()) / max(1, square.numel() - len(square))
