"""What sequential recommenders share: sequences of the train feedback, and what comes next."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.errors import DataError, one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sequential.losses import LOSSES, NextLoss
from vrbench.recommenders.sequential.sequences import NONE, Sequences
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings
from vrbench.recommenders.training.negative_sampling import negatives

BYTES = 4 * 4  # of a score in a step: itself, what becomes of it, and two gradients


class SequenceSettings(EpochSettings, total=False):
    """How a sequential model is trained; see ``SequentialRecommender``."""

    length: int
    factors: int
    dropout: float
    loss: NextLoss
    negatives: int


class SequentialRecommender(EpochRecommender):
    """A recommender that reads a user's items in the order of time and scores the next one.

    Train feedback needs timestamps. Items of one time are in an order drawn once. A user's sequence
    is cut from its end into windows of ``length``, each beginning with the item the one before ends
    with, so that all but a user's first item are learnt as the next one; scores are those after the
    last ``length`` items of *train*: an item of the validation is not appended before the test.

    Fake users of profile attacks have sequences too: where the shop's feedback has times, the items
    of a fake user are dated by times of real feedback, drawn with replacement, so their order is
    one of chance (``Interactions.dated_like``); who controls the order can do more.

    Args:
        sizes: users and items.
        length: most items that are read back.
        factors: length of an item's row and of a state.
        dropout: share left out in training, of what each class says.
        loss: "bce", "ce" (cross entropy), "bpr", "top1", "bpr_max" or "top1_max".
        negatives: items drawn beside each next one, uniformly of those that the user has not; 0, of
            "ce" alone, takes all items.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; a batch is counted
            in windows.

    Example:
        >>> from vrbench.recommenders import SASRec, SequentialRecommender
        >>> issubclass(SASRec, SequentialRecommender), SequentialRecommender.defaults["length"]
        (True, 50)
    """

    signal = None
    defaults = SequenceSettings(
        length=50, factors=64, dropout=0.2, loss="ce", negatives=0, batch_size=128, lr=0.001
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        length: int,
        factors: int,
        dropout: float,
        loss: NextLoss,
        negatives: int,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        one_of(f"{self.name}.loss", loss, NextLoss)
        self.refuse_if(min(length, factors) < 1, "length, factors >= 1")
        self.refuse_if(
            negatives < (0 if loss == "ce" else 1),
            f"negatives >= {0 if loss == 'ce' else 1} with loss={loss}",
        )
        self.length, self.factors, self.dropout = length, factors, dropout
        self.loss, self.negatives = loss, negatives
        self.item = nn.Embedding(sizes.num_items, factors)  # every batch touches most
        self.sequences = Sequences(sizes.num_users, length)
        self.drop = Dropout(dropout)

    @abstractmethod
    def read(self, rows: Tensor) -> Tensor:
        """Return the ``(B, L, factors)`` states after each item of ``(B, L, factors)`` rows.

        A state depends on no later row: behind a sequence's end stands anything.
        """

    def bias(self, items: Tensor) -> Tensor:
        """Return the ``(n,)`` biases of items; zeros unless a model has some."""
        return torch.zeros(items.shape, device=items.device)

    def take(self, train: Interactions) -> None:
        self.sequences.hold(train, self.name)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        seed_dropout(self, rng)

    def step_bytes(self) -> int:
        _, items = self.item.weight.T.shape
        return BYTES * self.batch_size * self.length * (self.negatives or items)

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``(B, length + 1)`` windows and ``(B, length, negatives)`` drawn items."""
        user, first = self.sequences.windows()
        if self.negatives:  # who owns all that anybody has gets none
            able = (train.counts < int((train.popularity > 0).sum())).to(user.device)
            user, first = user[able[user]], first[able[user]]
        if not len(user):
            raise DataError("no user has two items in a row to learn from")
        order = torch.randperm(len(user), generator=rng).to(user.device)
        for part in order.split(self.batch_size):
            window = self.sequences.read(user[part], first[part])
            shape = (len(part), self.length, self.negatives)
            owner = user[part].repeat_interleave(self.length * self.negatives)
            drawn = negatives(train, owner, rng) if self.negatives else owner
            yield window, drawn.view(shape)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        window, drawn = batch
        there = window[:, 1:] != NONE
        state, target = self.after(window[:, :-1])[there], window[:, 1:][there]
        if not self.negatives:
            every = torch.arange(self.item.num_embeddings, device=target.device)
            return F.cross_entropy(state @ self.item.weight.T + self.bias(every), target)
        real = (state * self.item(target)).sum(1) + self.bias(target)
        others = drawn[there]
        scores = (self.item(others) @ state[:, :, None]).squeeze(2) + self.bias(others)
        each = LOSSES[self.loss](real, scores)
        assert each.shape == target.shape, "a broadcast would mix positions"
        return each.mean()

    def after(self, items: Tensor) -> Tensor:
        """Return the ``(B, L, factors)`` states after each of ``(B, L)`` items, ``NONE`` last."""
        return self.read(self.item(items.clamp(min=0)))

    def state(self, users: Tensor) -> Tensor:
        """Return the ``(B, factors)`` states of users after their last item; zeros without any."""
        items, count = self.sequences.latest(users)
        row = torch.arange(len(users), device=users.device)
        last = self.after(items)[row, (count - 1).clamp(min=0)]
        return last * (count > 0)[:, None]

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        """Return ``(B,)``: how far a liked item is ahead where it came next in the training.

        Before a user's first item there is no state, and the lead is one of biases.
        """
        if not len(users):
            return torch.zeros(0, device=users.device)
        windows, row, column, there = self.sequences.before(users, liked, self.item.num_embeddings)
        state = self.after(windows[:, :-1])[row, column] * there[:, None]
        margin = (state * (self.item(liked) - self.item(other))).sum(1)
        return margin + self.bias(liked) - self.bias(other)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.item(items), self.bias(items)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        row, bias = encoded
        return self.state(users) @ row.T + bias
