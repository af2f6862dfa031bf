"""What models of ratings share: squared errors, and what is done where there are no ratings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import DataError
from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Side, Sizes, tables
from vrbench.recommenders.sparse_matrix import matrix_of
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings, normal
from vrbench.recommenders.training.negative_sampling import learnable, negatives
from vrbench.recommenders.training.pairwise import half_square


class RatedSettings(EpochSettings, total=False):
    """How a model of ratings is trained; see ``RatedRecommender``."""

    negatives: int
    l2: float


class StarsJudged(EpochRecommender):
    """A recommender whose epoch is kept by the validation's RMSE where it predicts stars.

    Example:
        >>> from vrbench.recommenders import MF, StarsJudged
        >>> from vrbench.testing.world import taught
        >>> model = taught(MF, factors=4, negatives=1, epochs=2)
        >>> model.judged_by, isinstance(model, StarsJudged)
        ('valid_ndcg', True)
    """

    signal: ClassVar[Signal | None] = None

    @property
    def judged_by(self) -> str:
        return "valid_minus_rmse" if self.predicts_ratings else "valid_ndcg"

    @abstractmethod
    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        """Return the ``(B,)`` predictions for pairs ``(users[b], items[b])``."""

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        return self(users, liked, visuals) - self(users, other, visuals)

    def _validate(self, train: Interactions, valid: Interactions, visuals: Visuals) -> float:
        if not self.predicts_ratings or valid.ratings is None:
            return super()._validate(train, valid, visuals)
        self.eval()
        return -rmse(self, valid, visuals)


class RatedRecommender(StarsJudged):
    """A recommender that descends the squared error of ratings.

    The loss is the mean over pairs of ``(x_ui - r_ui)^2``, plus half the squares of a pair's rows
    times ``l2``. With ``negatives`` 0 scores are stars, and the epoch of the least validation RMSE
    is kept. With more, every rating comes with as many items that its user has not, drawn anew
    each epoch and taken for rated 0: scores are then no stars, and nDCG@20 keeps the epoch.
    Feedback without ratings counts as rated 1, which says nothing without negatives.

    Args:
        negatives: pairs drawn for each rating.
        l2: weight of the penalty on rows.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; a batch is counted
            in ratings.

    Raises:
        DataError: if all ratings are the same and there are no negatives.

    Example:
        >>> from vrbench.recommenders import MF, RatedRecommender
        >>> from vrbench.testing.world import taught
        >>> model = taught(MF, factors=4, negatives=1, epochs=2)
        >>> model.predicts_ratings, isinstance(model, RatedRecommender)
        (False, True)
    """

    defaults = RatedSettings(epochs=100, negatives=0, l2=0.02)

    def __init__(self, *, negatives: int, l2: float, **training: Unpack[EpochSettings]) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        self.refuse_if(negatives < 0 or l2 < 0, "negatives, l2 >= 0")
        self.negatives, self.l2 = negatives, l2
        self.register_buffer("scale", torch.tensor([0.0, 1.0, 0.5]))

    scale: Tensor  # the least rating, the largest, the mean

    @property
    def predicts_ratings(self) -> bool:
        return self.negatives == 0

    @abstractmethod
    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        """Return the ``(B, *)`` rows of pairs that are penalised by ``l2``."""

    def stars(self, part: Tensor) -> Tensor:
        """Return the ratings that are ``part``, in [0, 1], of the range of train."""
        low, high, _ = self.scale
        return low + (high - low) * part

    def take(self, train: Interactions) -> None:
        rating = ratings_of(train)
        if self.predicts_ratings:
            require_ratings(train, self, "set recommender.negatives=1 to rank without")
            found = [rating.min(), rating.max(), rating.mean()]
        else:
            drawn = rating.new_zeros(())
            found = [drawn, rating.max(), rating.mean() / (1 + self.negatives)]
        self.scale.copy_(torch.stack(found))

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``(B,)`` users, and ``(B, 1 + negatives)`` items and their ratings."""
        rating = ratings_of(train)
        if self.negatives:
            order = learnable(train, rng)
        else:
            order = torch.randperm(len(train), generator=rng)
        users, items, value = train.users[order], train.items[order][:, None], rating[order]
        if self.negatives:
            many = users.repeat_interleave(self.negatives)
            others = negatives(train, many, rng).view(-1, self.negatives)
            items = torch.cat([items, others], 1)
        worth = torch.zeros(items.shape)
        worth[:, 0] = value
        yield from batches_of((users, items, worth), self.batch_size, self.device)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, items, rating = batch
        many, flat = users.repeat_interleave(items.shape[1]), items.flatten()
        return self.loss(many, flat, rating.flatten())

    def loss(self, users: Tensor, items: Tensor, rating: Tensor) -> Tensor:
        """Return the mean loss of pairs with their ratings, ``(B,)`` each."""
        found = self(users, items)
        assert found.shape == rating.shape, "a broadcast would mix users"
        error = (found - rating).square().mean()
        return error + self.l2 * half_square(*self.rows(users, items)).mean()


class RatedFactorSettings(RatedSettings, total=False):
    """How a model of ratings with rows of users and items is trained."""

    factors: int


class RatedFactorModel(RatedRecommender):
    """A model of ratings whose users and items have rows and biases.

    Args:
        sizes: users and items.
        factors: length of a row.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``RatedRecommender``.

    Example:
        >>> from vrbench.recommenders import MF, RatedFactorModel
        >>> issubclass(MF, RatedFactorModel), RatedFactorModel.defaults["factors"]
        (True, 20)
    """

    defaults = RatedFactorSettings(factors=20)

    def __init__(self, sizes: Sizes, **training: Unpack[RatedFactorSettings]) -> None:
        own, shared = apart(self.with_defaults(RatedFactorSettings, training), RatedSettings)
        super().__init__(**shared)
        factors = own["factors"]
        self.refuse_if(factors < 1, "factors >= 1")
        self.factors = factors
        self.user, self.item = tables(sizes, factors)
        self.user_bias = nn.Embedding(sizes.num_users, 1, sparse=True)
        self.item_bias = nn.Embedding(sizes.num_items, 1, sparse=True)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        for bias in (self.user_bias, self.item_bias):
            nn.init.zeros_(bias.weight)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        biases = [self.user_bias(users), self.item_bias(items)]
        return [self.user(users), self.item(items), *biases]

    def of_users(self, users: Tensor) -> Tensor:
        """Return the ``(B, factors)`` vectors that an item's row is multiplied by."""
        rows: Tensor = self.user(users)
        return rows

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        product = (self.of_users(users) * self.item(items)).sum(1)
        biases = self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1)
        return product + biases + self.scale[2]

    def encode(self, items: Tensor, visuals: Visuals) -> Side:
        return Side(self.item(items), self.item_bias(items).squeeze(1))

    def score(self, users: Tensor, encoded: Side) -> Tensor:
        own = self.user_bias(users) + self.scale[2]
        return self.of_users(users) @ encoded.vector.T + encoded.bias + own


def ratings_of(feedback: Interactions) -> Tensor:
    """Return the ``(N,)`` ratings, ones where there are none."""
    return torch.ones(len(feedback)) if feedback.ratings is None else feedback.ratings


def rated_matrix(feedback: Interactions) -> sparse.csr_matrix:
    """Return the ``(num_users, num_items)`` ratings; zeros where there is none."""
    made = matrix_of(feedback)
    made.data = ratings_of(feedback).numpy().astype(np.float64)
    return made


def require_ratings(train: Interactions, model: Any, instead: str) -> None:
    """Do nothing if ratings differ.

    Raises:
        DataError: if they do not.
    """
    rating = train.ratings
    if rating is None or not len(rating) or bool((rating == rating[0]).all()):
        raise DataError(
            f"{model.name} learns from ratings, and these are all the same: take rated data, such "
            "as dataset=ml_100k, and with fake users budget=profiles_5_rated, under which they "
            f"give stars; or {instead}"
        )


@torch.no_grad()
def rmse(model: Any, rated: Interactions, visuals: Visuals | None = None) -> float:
    """Return the root of the mean squared error over all ``rated`` pairs."""
    assert rated.ratings is not None
    parts = zip(*(t.split(65536) for t in (rated.users, rated.items, rated.ratings)), strict=True)
    total = 0.0
    for users, items, rating in parts:
        found = model(users.to(model.device), items.to(model.device), visuals).cpu()
        total += float((found - rating).double().square().sum())
    return (total / max(1, len(rated))) ** 0.5
