"""VNPR: a small network over products of user and item factors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import VisualFactorModel, VisualFactorSettings

MOST = 2**20  # hidden units held at once while scoring: what a cache holds


class VNPR(VisualFactorModel):
    """Visual neural personalised ranking (Niu, Caverlee and Lu, WSDM 2018, sec. 4).

    ``x_ui = w . relu(W [p_u * q_i ; u_u * P f_i] + b)``, where ``P`` keeps the first principal
    components of the features. The paper's two towers, each with item factors and a network of
    its own, one for the liked item and one for the other, are ``towers=2``; they are averaged to
    score, as in Elliot. The default ties them: the second tower is only ever taught to be low.
    The last unit is linear: published code ends in a relu, whose output can die for every item.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K of ``p_u`` and ``q_i``.
        components: principal components kept, at most D.
        hidden: hidden units of a tower.
        dropout: probability that an input or a hidden unit is left out in training.
        towers: 1, or 2 as in the paper.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; the towers are what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import VNPR
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> favourites(taught(VNPR, factors=8, components=3, hidden=8, **BRISK_LOOKS)) > 0.5
        True
    """

    paper = "Niu, Caverlee and Lu, WSDM 2018"
    signal = Signal.VECTOR

    defaults = VisualFactorSettings(
        factors=32, visual_lr=0.002, l2=0.03, l2_visual=0.001, patience=4, eval_every=5
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        components: int = 64,
        hidden: int = 32,
        dropout: float = 0.2,
        towers: int = 1,
        **training: Unpack[VisualFactorSettings],
    ) -> None:
        (dim,) = sizes.visual
        super().__init__(dim, **self.with_defaults(VisualFactorSettings, training))
        self.refuse_if(
            towers not in (1, 2) or min(components, hidden) < 1,
            "towers of 1 or 2 and components, hidden >= 1",
        )
        self.components, self.hidden, self.towers = components, hidden, towers
        factors = self.factors
        kept = min(components, dim)
        self.user = nn.Embedding(sizes.num_users, factors, sparse=True)
        self.eye = nn.Embedding(sizes.num_users, kept, sparse=True)
        made = range(towers)
        self.item = nn.ModuleList(nn.Embedding(sizes.num_items, factors, sparse=True) for _ in made)
        self.first = nn.ModuleList(nn.Linear(factors + kept, hidden) for _ in made)
        self.last = nn.ModuleList(nn.Linear(hidden, 1, bias=False) for _ in made)
        self.dropout_in, self.dropout_hidden = Dropout(dropout), Dropout(dropout)
        self.register_buffer("axes", torch.zeros(dim, kept))

    axes: Tensor

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        # Factors are multiplied: small ones would start every product at nothing.
        for table in (self.user, self.eye, *self.item):
            assert isinstance(table, nn.Embedding)
            drawn = torch.randn(table.weight.shape, generator=rng)
            table.weight.data.copy_(drawn / table.embedding_dim**0.5)
        seed_dropout(self, rng)
        blocks = torch.arange(len(visuals), device=self.device).split(4096)
        moments = torch.stack([_moment(self.seen(b, visuals)) for b in blocks]).sum(0)
        values, vectors = torch.linalg.eigh(moments)
        axes = vectors.flip(1)[:, : self.axes.shape[1]]
        largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
        spread = (values.flip(0)[: axes.shape[1]].clamp(min=0).sum() / len(visuals)).sqrt()
        # Rows of length sqrt(components) on average: entries near one, as the factors expect.
        unit = axes.shape[1] ** 0.5 / spread.clamp(min=1e-12)
        self.axes.copy_(axes * largest.sign() * unit)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[list[Tensor], Tensor]:
        return [item(items) for item in self.item], self.seen(items, visuals) @ self.axes

    def score(self, users: Tensor, encoded: tuple[list[Tensor], Tensor]) -> Tensor:
        own, look = encoded
        block = max(1, MOST // max(1, self.hidden * len(look)))
        made = look.new_empty(len(users), len(look))  # one table: see NeuMF
        for first in range(0, len(users), block):
            made[first : first + block] = self._score(users[first : first + block], own, look)
        return made

    def _score(self, users: Tensor, own: list[Tensor], look: Tensor) -> Tensor:
        user, eye = self.user(users), self.eye(users)
        one = torch.ones(len(look), 1, device=look.device)
        total: list[Tensor] = []
        for n, item in enumerate(own):
            first, last = self._tower(n)
            latent, visual = first.weight.split([self.factors, look.shape[1]], 1)
            bias = first.bias[:, None].expand(len(users), -1, 1)
            # The first layer is linear in the items: one product per user and hidden unit.
            unit_UHJ = torch.cat([user[:, None] * latent, eye[:, None] * visual, bias], 2)
            # Flat, and then in batches: `@` would choose by whether a gradient is asked for.
            flat = unit_UHJ.flatten(0, 1) @ torch.cat([item, look, one], 1).T
            hidden_UHI = flat.relu_().unflatten(0, (len(users), -1))
            weight = last.weight.expand(len(users), 1, -1)
            total.append(torch.bmm(weight, hidden_UHI).squeeze(1))
        return torch.stack(total).mean(0)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        own, look = self.encode(items, visuals)
        return torch.stack([self._pair(n, users, q, look) for n, q in enumerate(own)]).mean(0)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        yes_own, yes_look = self.encode(liked, visuals)
        no_own, no_look = self.encode(other, visuals)
        yes = self._pair(0, users, yes_own[0], yes_look)
        no = self._pair(self.towers - 1, users, no_own[-1], no_look)
        rows = [self.user(users), self.eye(users), yes_own[0], no_own[-1]]
        weights = [m.weight for n in range(self.towers) for m in self._tower(n)]
        whole = torch.stack([w.square().sum() for w in weights]).sum()
        return yes - no, self.l2 * half_square(*rows) + 0.5 * self.l2_visual * whole

    def _tower(self, n: int) -> tuple[nn.Linear, nn.Linear]:
        first, last = self.first[n], self.last[n]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        return first, last

    def _pair(self, tower: int, users: Tensor, own: Tensor, look: Tensor) -> Tensor:
        first, last = self._tower(tower)
        product = torch.cat([self.user(users) * own, self.eye(users) * look], 1)
        hidden = F.relu(first(self.dropout_in(product)))
        return last(self.dropout_hidden(hidden)).squeeze(1)


def _moment(rows: Tensor) -> Tensor:
    wide = rows.double()
    return wide.T @ wide
