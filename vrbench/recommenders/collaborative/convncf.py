"""ConvNCF: convolutions over the outer product of a user's and an item's factors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes, tables
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pairwise import FactorModel, FactorSettings, half_square

MOST = 2**20  # numbers of the first layer made at once in scoring; bounds the memory only
ON_GPU = 256  # times as many there: small blocks leave it waiting
KEPT = 2**26  # numbers of the first layer kept for a gradient; of more, all are made again


class ConvNCF(FactorModel):
    """Outer product-based neural collaborative filtering (He et al., IJCAI 2018), under BPR.

    ``x_ui = w . g(p_u x q_i)``: ``g`` halves the ``(K, K)`` map by convolutions of 2 x 2 with a
    stride of 2, each of ``channels`` maps and through a relu, down to one number a channel (sec.
    3.2 and 3.3). The first ``pretrain_epochs`` learn ``p`` and ``q`` by BPR-MF, ``x_ui = p_u .
    q_i``; the tower starts from the best of them, drawn as He et al. (ICCV 2015) do. Embeddings,
    convolutions and last layer have penalties of their own, biases none. Adam, not Adagrad.

    No constant is learnt, which would change no ranking. Ranking is as dear as the paper's: with
    its sizes 1.5 million products a pair. The first layer is bilinear and could be made of pairs of
    factors, but is a tenth of them. (Ferrari Dacrema et al., CIKM 2020, found the map no better
    than a product, and the order of factors in it to carry nothing.)

    Args:
        sizes: users and items.
        channels: maps of each convolution.
        pretrain_epochs: most epochs of BPR-MF, before ``epochs`` of the whole.
        l2_convolutions, l2_out: weights of half the squares of convolutions and of ``w``.
        factors: length K of a row, a power of two.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import ConvNCF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(ConvNCF, factors=8, channels=4, pretrain_epochs=10, **BRISK)) > 0.8
        True
    """

    paper = "He et al., IJCAI 2018"
    signal = None
    defaults = FactorSettings(l2=0.03)

    def __init__(
        self,
        sizes: Sizes,
        *,
        channels: int = 32,
        pretrain_epochs: int = 100,
        l2_convolutions: float = 0.0001,
        l2_out: float = 0.0001,
        **training: Unpack[FactorSettings],
    ) -> None:
        super().__init__(**self.with_defaults(FactorSettings, training))
        self.refuse_if(
            self.factors < 2 or self.factors.bit_count() != 1, "factors a power of two, at least 2"
        )
        self.refuse_if(
            channels < 1 or min(pretrain_epochs, l2_convolutions, l2_out) < 0,
            "channels >= 1 and pretrain_epochs, l2_convolutions, l2_out >= 0",
        )
        self.channels, self.pretrain_epochs = channels, pretrain_epochs
        self.l2_convolutions, self.l2_out = l2_convolutions, l2_out
        self._convolves = True
        self.user, self.item = tables(sizes, self.factors)
        depth = self.factors.bit_length() - 1
        maps = chain([1], [channels] * (depth - 1))
        self.convolutions = nn.ModuleList(nn.Conv2d(n, channels, 2, stride=2) for n in maps)
        self.out = nn.Linear(channels, 1, bias=False)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item):
            table.weight.data.mul_(10)  # of deviation 0.1
        for layer in self.layers:
            scale = (2 / layer.weight[0].numel()) ** 0.5
            layer.weight.data.copy_(normal(layer.weight, scale, rng))
            nn.init.zeros_(layer.get_parameter("bias"))

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase: of the product, then of the tower."""
        if self.pretrain_epochs:
            self._convolves = False
            yield self.pretrain_epochs
        self._convolves = True
        yield self.epochs

    @property
    def layers(self) -> list[nn.Conv2d]:
        """The convolutions, the first one first."""
        return cast("list[nn.Conv2d]", list(self.convolutions))

    @property
    def first_layer(self) -> int:
        """The numbers that a pair's first layer has."""
        return self.channels * (self.factors // 2) ** 2

    def step_bytes(self) -> int:
        return 4 * 4 * min(2 * self.batch_size * self.first_layer, KEPT)

    def joined(self, user_BK: Tensor, item_BK: Tensor) -> Tensor:
        """Return the ``(B,)`` scores of pairs of rows."""
        if not self._convolves:
            return (user_BK * item_BK).sum(1)
        width = max(1, KEPT // self.first_layer)
        if not torch.is_grad_enabled() or len(user_BK) <= width:
            return self._tower(user_BK, item_BK)
        blocks = zip(user_BK.split(width), item_BK.split(width), strict=True)
        return torch.cat([checkpoint(self._tower, *rows, use_reentrant=False) for rows in blocks])

    def _tower(self, user_BK: Tensor, item_BK: Tensor) -> Tensor:
        maps = (user_BK[:, :, None] * item_BK[:, None])[:, None]
        for layer in self.layers:
            maps = layer(maps).relu_()
        return maps.flatten(1) @ self.out.weight[0]

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        return self.joined(self.user(users), self.item(items))

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        user, yes, no = self.user(users), self.item(liked), self.item(other)
        both = self.joined(torch.cat([user, user]), torch.cat([yes, no]))
        margin = both[: len(user)] - both[len(user) :]
        penalty = self.l2 * half_square(user, yes, no)
        if self._convolves:
            layers = torch.stack([layer.weight.square().sum() for layer in self.layers])
            last = self.out.weight.square().sum()
            penalty = penalty + 0.5 * (self.l2_convolutions * layers.sum() + self.l2_out * last)
        return margin, penalty

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.item(items)

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        rows, many = self.user(users), len(encoded)
        if not self._convolves:
            return rows @ encoded.T
        most = MOST * (ON_GPU if rows.device.type == "cuda" else 1)
        made = rows.new_empty(len(users) * many)
        for pairs in torch.arange(len(made), device=rows.device).split(
            max(1, most // self.first_layer)
        ):
            made[pairs] = self._tower(rows[pairs // many], encoded[pairs % many])
        return made.view(len(users), many)
