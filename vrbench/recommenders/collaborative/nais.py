"""NAIS: an item is scored by its likeness to what a user has, each item weighed by attention.

Shape suffixes: B rows of a batch, M items scored for each, L places of a padded history, H units of
the attention, K factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of, weighted_sums
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pointwise import PointwiseRecommender, PointwiseSettings

Attention = Literal["prod", "concat"]
MOST = 2**20  # hidden numbers of the attention made at once; bounds the memory only
NOWHERE = -1e30  # logit of what is not in a history


class Wanted(NamedTuple):
    """What scoring needs of ``n`` items."""

    item: Tensor  # (n, K)
    bias: Tensor  # (n,)
    number: Tensor  # (n,) what they are


class NAIS(PointwiseRecommender):
    """Neural attentive item similarity (He et al., TKDE 2018, eq. 6-11), trained pointwise.

    ``x_ui = b_i + |R|^-alpha sum_j a_ij (p_i . q_j)`` over ``R``, what ``u`` has without ``i``,
    with ``a_ij = exp f_ij / (sum_j exp f_ij)^beta``. The smoothing ``beta`` below one is the
    paper's: a softmax over long histories would make all of their weights small. ``f_ij`` is
    ``h . relu(W (p_i * q_j) + b)`` ("prod") or ``h . relu(W [p_i; q_j] + b)`` ("concat").

    Without attention (``f = 0``) it is FISM with an exponent of ``alpha + beta``. The first
    ``pretrain_epochs`` learn that, and the attention starts from the best of them, as in the
    paper.

    Differences: Adam, not Adagrad, and batches of interactions, not of a user's all; the penalty
    covers ``p``, ``q`` and ``b`` of a pair's item, not the attention's weights. An item is never
    part of what speaks for it, in scoring as in training. A user with nothing else is scored by
    the biases. (Elliot leaves the scored item in the history in training, counts the padding in the
    attention of a batch that is ranked, and adds users' biases, which change no ranking.)

    Args:
        sizes: users and items.
        factors: length K of ``p`` and ``q``.
        attention: "prod" or "concat".
        hidden: units H of the attention.
        beta: exponent of the softmax's denominator, in [0, 1]; 1 is a softmax.
        alpha: exponent of the history's length, in [0, 1]; the paper leaves it at 0.
        pretrain_epochs: most epochs without attention, before ``epochs`` with it.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``PointwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import NAIS
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(NAIS, factors=8, hidden=8, pretrain_epochs=10, **BRISK)) > 0.8
        True
    """

    paper = "He et al., TKDE 2018"
    signal = None
    defaults = PointwiseSettings(l2=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 16,
        attention: Attention = "prod",
        hidden: int = 16,
        beta: float = 0.5,
        alpha: float = 0.0,
        pretrain_epochs: int = 100,
        **training: Unpack[PointwiseSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PointwiseSettings, training))
        one_of(f"{self.name}.attention", attention, Attention)
        self.refuse_if(
            min(factors, hidden) < 1 or pretrain_epochs < 0,
            "factors, hidden >= 1, pretrain_epochs >= 0",
        )
        self.refuse_if(not (0 <= beta <= 1 and 0 <= alpha <= 1), "alpha and beta in [0, 1]")
        self.factors, self.attention, self.hidden = factors, attention, hidden
        self.beta, self.alpha, self.pretrain_epochs = beta, alpha, pretrain_epochs
        self._attends = True
        self.taste = nn.Embedding(sizes.num_items, factors)  # q_j; every batch touches most
        self.item = nn.Embedding(sizes.num_items, factors, sparse=True)  # p_i
        self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)
        self.of_item = nn.Linear(factors, hidden)  # W, or its half before p_i
        if attention == "concat":
            self.of_taste = nn.Linear(factors, hidden, bias=False)
        self.out = nn.Linear(hidden, 1, bias=False)  # h
        self.history = SparseRows(sizes.num_users, sizes.num_items)

    def take(self, train: Interactions) -> None:
        self.history.hold(matrix_of(train))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.taste, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        nn.init.zeros_(self.bias.weight)

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase: without attention, then with it."""
        if self.pretrain_epochs:
            self._attends = False
            yield self.pretrain_epochs
        self._attends = True
        yield self.epochs

    def step_bytes(self) -> int:
        length = self.history.start.diff().double()
        mean = float(length.square().sum() / length.sum().clamp(min=1))  # of an interaction's user
        return int(self.batch_size * (1 + self.negatives) * mean * (self.hidden + 4) * 3 * 4)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.item(items), self.taste(items), self.bias(items)]

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        return self.logits(users, items[:, None]).squeeze(1)

    def logits(self, users: Tensor, items: Tensor) -> Tensor:
        """Return ``(B, M)``: what ``users[b]`` think of ``items[b]``."""
        if not self._attends:
            return self._alike(users, items) + self.bias(items).squeeze(2)
        count, order = self.history.count(users).sort()  # little is padding in a block of like ones
        made, lengths = [], count.tolist()  # asked of the device once a step
        for rows, longest in _blocks(order, lengths, items.shape[1] * self.hidden):
            had, taken = self._had(users[rows], longest)
            made.append(self._likeness(had, taken, items[rows]))
        return torch.cat(made)[order.argsort()] + self.bias(items).squeeze(2)

    def _alike(self, users: Tensor, items_BM: Tensor) -> Tensor:
        """Return ``(B, M)``: how like items are to the sums of what users have besides."""
        rest_BMK, count_BM = self.history.sums_without(self.taste.weight, users, items_BM)
        like_BM = (rest_BMK * self.item(items_BM)).sum(2)
        return like_BM * count_BM.clamp(min=1).float().pow(-self.alpha - self.beta)

    def _had(self, users: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Return ``(B, L)`` items that ``users`` have, and which of these places are taken."""
        nth, column = torch.arange(longest, device=users.device), self.history.column
        taken = nth < self.history.count(users)[:, None]
        entry = (self.history.start[users][:, None] + nth).clamp(max=len(column) - 1)
        return column[entry] * taken, taken

    def _likeness(self, had_BL: Tensor, taken_BL: Tensor, items_BM: Tensor) -> Tensor:
        """Return ``(B, M)``: how like items are to what users have besides."""
        item_BMK, taste_BLK = self.item(items_BM), self.taste(had_BL)
        kept = taken_BL[:, :, None] & (had_BL[:, :, None] != items_BM[:, None])
        logit = self.attend(item_BMK, taste_BLK).masked_fill(~kept, NOWHERE)
        weight = (logit - self.beta * logit.logsumexp(1, keepdim=True)).exp() * kept
        like_BM = (weight * (taste_BLK @ item_BMK.mT)).sum(1)
        return like_BM * kept.sum(1).clamp(min=1).float().pow(-self.alpha)

    def attend(self, item_BMK: Tensor, taste_BLK: Tensor) -> Tensor:
        """Return the ``(B, L, M)`` logits ``f``; zeros in pre-training."""
        (rows, many, _), length = item_BMK.shape, taste_BLK.shape[1]
        if not self._attends:
            return item_BMK.new_zeros(rows, length, many)
        if self.attention == "concat":
            own, other = self.of_item(item_BMK), self.of_taste(taste_BLK)
            hidden_BLMH = own[:, None] + other[:, :, None]
        else:
            wide = (item_BMK[:, :, None] * self.of_item.weight).flatten(1, 2)
            bias = self.of_item.bias.repeat(many)
            hidden_BLMH = torch.baddbmm(bias, taste_BLK, wide.mT).view(rows, length, many, -1)
        return hidden_BLMH.relu_() @ self.out.weight[0]

    def encode(self, items: Tensor, visuals: Visuals) -> Wanted:
        return Wanted(self.item(items), self.bias(items).squeeze(1), items)

    def score(self, users: Tensor, encoded: Wanted) -> Tensor:
        made = encoded.bias.repeat(len(users), 1)
        _, entry = self.history.select(users)
        if not len(entry):
            return made
        had, index = self.history.column[entry].unique(return_inverse=True)
        count = self.history.count(users)
        one, start = torch.ones(len(index), device=made.device), count.cumsum(0) - count
        taste = self.taste(had)
        width = max(1, MOST // (self.hidden * len(had)))
        for first in range(0, made.shape[1], width):
            some = slice(first, first + width)
            item = encoded.item[some]
            # How much an item weighs for another does not depend on who has it: one table for all.
            logit = self.attend(item[None], taste[None]).squeeze(0)
            other = had[:, None] != encoded.number[some]
            logit = logit.masked_fill(~other, NOWHERE)
            top = logit.amax(0)
            weight = (logit - top).exp() * other
            table = torch.cat([weight * (taste @ item.T), weight, other.float()], 1)
            like, total, length = weighted_sums(table, index, one, start).chunk(3, 1)
            scale = ((1 - self.beta) * top).exp() * total.clamp(min=-1 / NOWHERE).pow(-self.beta)
            made[:, some] += like * scale * length.clamp(min=1).pow(-self.alpha)
        return made


def _blocks(order: Tensor, lengths: list[int], width: int) -> Iterator[tuple[Tensor, int]]:
    """Yield ``order`` in parts of ``MOST`` numbers when padded, and the longest of each.

    Lengths are ascending.
    """
    at = 0
    while at < len(order):
        end = at + max(1, MOST // (width * max(1, lengths[at])))
        longest = max(1, lengths[min(end, len(order)) - 1])
        end = min(at + max(1, MOST // (width * longest)), len(order))
        yield order[at:end], lengths[end - 1]
        at = end
