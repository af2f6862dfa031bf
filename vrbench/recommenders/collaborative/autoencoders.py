"""Autoencoders of what a user has: what they share, MultiDAE and CDAE."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.seeds import seeded_from
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings, normal

ROWS = 8  # of items, that a step holds for each of its users


class Autoencoder(EpochRecommender):
    """A recommender that learns to give back a user's row of zeros and ones, thinned.

    Args:
        sizes: users and items.
        dropout: share of a user's items left out of the input in training.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; a batch is counted
            in users.

    Example:
        >>> from vrbench.recommenders import Autoencoder, MultiVAE
        >>> issubclass(MultiVAE, Autoencoder), Autoencoder.defaults["batch_size"]
        (True, 256)
    """

    signal = None
    defaults = EpochSettings(batch_size=256, lr=0.001)

    def __init__(self, sizes: Sizes, dropout: float, training: EpochSettings) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        self.history = SparseRows(sizes.num_users, sizes.num_items)
        self.thin = Dropout(dropout)

    def take(self, train: Interactions) -> None:
        self.history.hold(matrix_of(train))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        seed_dropout(self, rng)

    def step_bytes(self) -> int:
        users, items = self.history.shape
        return ROWS * 4 * min(self.batch_size, users) * items

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        users = torch.nonzero(train.counts).squeeze(1)
        users = users[torch.randperm(len(users), generator=rng)]
        yield from batches_of([users], self.batch_size, self.device)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        return self.loss(batch[0])

    @abstractmethod
    def loss(self, users: Tensor) -> Tensor:
        """Return the mean loss of ``users``, ``(B,)``, who are distinct."""


class MultiDAE(Autoencoder):
    """Denoising autoencoder with a multinomial likelihood (Liang et al., WWW 2018, sec. 2.3).

    ``MultiVAE`` without the noise: the row, of length one and thinned, goes through tanh layers of
    ``hidden``, ``latent`` and ``hidden`` to logits over the items. The loss of a user is
    ``-sum_i x_i log softmax_i``, beside half the squared weights times ``l2``.

    Args:
        sizes: users and items.
        hidden: width of the outer tanh layers.
        latent: width of the inner one.
        dropout: share of a user's items left out of the input in training.
        l2: weight of the penalty on weights.
        epochs, batch_size, lr, patience, eval_every: see ``Autoencoder``.

    Example:
        >>> from vrbench.recommenders import MultiDAE
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> favourites(taught(MultiDAE, hidden=16, latent=8, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Liang et al., WWW 2018"

    def __init__(
        self,
        sizes: Sizes,
        *,
        hidden: int = 600,
        latent: int = 200,
        dropout: float = 0.5,
        l2: float = 0.01,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(sizes, dropout, training)
        self.refuse_if(min(hidden, latent) < 1 or l2 < 0, "hidden, latent >= 1 and l2 >= 0")
        self.hidden, self.latent, self.dropout, self.l2 = hidden, latent, dropout, l2
        self.enter = nn.Linear(sizes.num_items, hidden)
        self.code = nn.Linear(hidden, latent)
        self.rise = nn.Linear(latent, hidden)
        self.leave = nn.Linear(hidden, sizes.num_items)

    def last(self, x: Tensor) -> Tensor:
        """Return the last tanh layer, ``(B, hidden)``, of rows ``x``."""
        hidden = self.enter(self.thin(F.normalize(x, dim=1))).tanh()
        made: Tensor = self.rise(self.code(hidden).tanh()).tanh()
        return made

    def loss(self, users: Tensor) -> Tensor:
        x = self.history.dense(users, once=True)
        likelihood = (x * F.log_softmax(self.leave(self.last(x)), 1)).sum(1)
        assert likelihood.shape == users.shape
        layers = (self.enter, self.code, self.rise, self.leave)
        squares = torch.stack([layer.weight.square().sum() for layer in layers])
        return 0.5 * self.l2 * squares.sum() - likelihood.mean()

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.leave.weight[items], self.leave.bias[items]

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        weight, bias = encoded
        return self.last(self.history.dense(users)) @ weight.T + bias


class CDAE(Autoencoder):
    """Collaborative denoising autoencoder (Wu et al., WSDM 2016, sec. 3).

    ``h = s(sum of w_j over the thinned items j of u, + v_u + b)`` with ``s`` logistic, and logits
    ``h . w'_i + b'_i``: beside what users have there is a row ``v_u`` of their own. The loss of a
    user is the sum of cross entropies over their items and over ``negatives`` times as many others,
    in the mean, drawn anew at each step; beside half the squares of the batch's rows ``v`` and of
    both tables, times ``l2``.

    Args:
        sizes: users and items.
        factors: length of ``h``.
        dropout: share of a user's items left out of the input in training.
        negatives: others per item, in the mean.
        l2: weight of the penalty.
        epochs, batch_size, lr, patience, eval_every: see ``Autoencoder``.

    Example:
        >>> from vrbench.recommenders import CDAE
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> favourites(taught(CDAE, factors=8, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Wu et al., WSDM 2016"
    defaults = EpochSettings(batch_size=64)

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 50,
        dropout: float = 0.5,
        negatives: int = 5,
        l2: float = 0.001,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(sizes, dropout, training)
        self.refuse_if(min(factors, negatives) < 1 or l2 < 0, "factors, negatives >= 1 and l2 >= 0")
        self.factors, self.dropout, self.negatives, self.l2 = factors, dropout, negatives, l2
        self.user = nn.Embedding(sizes.num_users, factors, sparse=True)
        self.owned = nn.Embedding(sizes.num_items, factors)
        self.item = nn.Embedding(sizes.num_items, factors)
        self.hidden_bias = nn.Parameter(torch.zeros(factors))
        self.item_bias = nn.Embedding(sizes.num_items, 1)
        self._rng = torch.Generator()

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.owned, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        nn.init.zeros_(self.item_bias.weight)
        nn.init.zeros_(self.hidden_bias)
        self._rng = seeded_from(rng, self.device)

    def hidden(self, users: Tensor, x: Tensor) -> Tensor:
        """Return ``h``, ``(B, factors)``, of users and their rows ``x``."""
        made: Tensor = self.thin(x) @ self.owned.weight + self.user(users) + self.hidden_bias
        return made.sigmoid()

    def loss(self, users: Tensor) -> Tensor:
        x = self.history.dense(users, once=True)
        logits = self.hidden(users, x) @ self.item.weight.T + self.item_bias.weight.T
        count = x.sum(1, keepdim=True)
        share = self.negatives * count / (x.shape[1] - count).clamp(min=1)
        drawn = torch.rand(x.shape, generator=self._rng, device=x.device) < share
        error = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        fit = (error * ((x > 0) | drawn)).sum(1)
        assert fit.shape == users.shape
        rows = self.user(users).square().sum(1)
        tables = self.owned.weight.square().sum() + self.item.weight.square().sum()
        return (fit + 0.5 * self.l2 * rows).mean() + 0.5 * self.l2 * tables

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        known, where = users.unique(return_inverse=True)
        row = self.hidden(known, self.history.dense(known))[where]
        apart = (row * (self.item(liked) - self.item(other))).sum(1)
        return apart + (self.item_bias(liked) - self.item_bias(other)).squeeze(1)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.item(items), self.item_bias(items)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        row, bias = encoded
        return self.hidden(users, self.history.dense(users)) @ row.T + bias.T
