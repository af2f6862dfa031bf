"""SASRec: self-attention over what a user had."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sequential.base import SequenceSettings, SequentialRecommender
from vrbench.recommenders.training.epochs import normal


class Block(nn.Module):
    """Causal self-attention and a layer for each place, each beside what came in (sec. III-B, C).

    Args:
        factors: width.
        heads: attentions side by side, each of a part of the width.
        dropout: of weights of the attention and of what each half adds.
    """

    def __init__(self, factors: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(factors), nn.LayerNorm(factors)
        self.query, self.key, self.value = (nn.Linear(factors, factors) for _ in range(3))
        self.inner, self.outer = nn.Linear(factors, factors), nn.Linear(factors, factors)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, L, K)`` of ``(B, L, K)``; a place depends on none after it."""
        x = x + self._attend(self.before(x))
        inner = self.drop(self.inner(self.between(x)).relu())
        made: Tensor = x + self.drop(self.outer(inner))
        return made

    def _attend(self, x: Tensor) -> Tensor:
        many, length, width = x.shape
        each = width // self.heads
        q, k, v = (
            part(x).view(many, length, self.heads, each).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weight = q @ k.transpose(2, 3) * each**-0.5
        later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        seen = self.drop(weight.masked_fill(later, -torch.inf).softmax(3)) @ v
        made: Tensor = self.drop(seen.transpose(1, 2).reshape(many, length, width))
        return made


class SASRecSettings(SequenceSettings, total=False):
    """How SASRec is built and trained."""

    blocks: int
    heads: int


class SASRec(SequentialRecommender):
    """Self-attentive sequential recommendation (Kang and McAuley, ICDM 2018, sec. III).

    Rows of items, with a learnt row for each place in the sequence, go through ``blocks`` of causal
    self-attention; the score of an item is the product of its own row and the state. As in the
    authors' code rows are scaled by ``sqrt(factors)``. Layer norm stands before each half of a
    block, on keys and values as well as on queries. The default loss is a softmax over all items
    (Klenitskiy and Vasilev, RecSys 2023), which trains better; the paper's is ``loss=bce
    negatives=1``. Places count from the first item read, as in no-padding implementations.

    Args:
        sizes: users and items.
        blocks: of attention.
        heads: of each block; a divisor of ``factors``.
        length, factors, dropout, loss, negatives, epochs, batch_size, lr, patience, eval_every: see
            ``SequentialRecommender``; dropout of rows, attention and layers.

    Raises:
        IncompatibleError: by ``fit``, if the train feedback has no timestamps.

    Example:
        >>> from vrbench.recommenders import SASRec
        >>> from vrbench.testing.sequences import BRISK_NEXT, next_found
        >>> next_found(SASRec, factors=16, **BRISK_NEXT) > 0.9
        True
    """

    paper = "Kang and McAuley, ICDM 2018"
    defaults = SASRecSettings(blocks=2, heads=1)

    def __init__(
        self,
        sizes: Sizes,
        *,
        blocks: int = 2,
        heads: int = 1,
        **training: Unpack[SequenceSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(SequenceSettings, training))
        self.refuse_if(
            min(blocks, heads) < 1 or self.factors % max(1, heads) > 0,
            "blocks, heads >= 1, and heads a divisor of factors",
        )
        self.blocks, self.heads = blocks, heads
        self.place = nn.Parameter(torch.zeros(self.length, self.factors))
        self.layers = nn.ModuleList(Block(self.factors, heads, self.dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(self.factors)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for table in (self.place, self.item.weight):
            table.data.copy_(normal(table, 0.02, rng))

    def read(self, rows: Tensor) -> Tensor:
        x = self.drop(rows * self.factors**0.5 + self.place[: rows.shape[1]])
        for layer in self.layers:
            x = layer(x)
        made: Tensor = self.norm(x)
        return made
