"""The pairwise loop (BPR) that most recommenders are trained with."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.errors import ConfigError, DataError, DivergedError, IncompatibleError
from vrbench.core.progress import progress
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender
from vrbench.recommenders.folding import folded
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.sampling import negatives

VALID_K = 20  # validation is nDCG@20 over the full catalogue


class PairwiseRecommender(Recommender):
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
    """

    def __init__(
        self, *, epochs: int, batch_size: int, lr: float, l2: float, patience: int, eval_every: int
    ) -> None:
        super().__init__()
        if min(epochs, batch_size, patience, eval_every) < 1 or lr <= 0 or l2 < 0:
            raise ConfigError(
                f"{self.name}: expected epochs, batch_size, patience, eval_every >= 1, lr > 0 and "
                f"l2 >= 0, got {self.spec}"
            )
        self.epochs, self.batch_size, self.lr, self.l2 = epochs, batch_size, lr, l2
        self.patience, self.eval_every = patience, eval_every

    selects: ClassVar[bool] = True  # keep the epoch that validation likes best, and stop after it
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

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        """Return the mean loss of a batch of triples, a scalar."""
        margin, penalty = self.compare(users, liked, other, visuals)
        assert margin.shape == penalty.shape == users.shape, "a broadcast would mix users"
        return (F.softplus(-margin) + penalty).mean()

    def fold_in(self, histories: Interactions, visuals: Visuals, others: Tensor) -> Tensor:
        if self.l2 <= 0:
            raise IncompatibleError(f"{self.name}: folding users in needs a penalty, l2 > 0")
        with torch.no_grad():
            items = torch.arange(histories.num_items, device=self.device)
            side = self.product(self.encode(items, visuals))
        return folded(histories, side, others, self.l2)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        """Draw the first parameters; override to prepare more, such as feature scales."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                module.weight.data.copy_(_normal(module.weight, 0.01, rng))
            elif isinstance(module, nn.Linear):
                scale = (2 / sum(module.weight.shape)) ** 0.5
                module.weight.data.copy_(_normal(module.weight, scale, rng))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def dense_lr(self) -> float:
        """Return the learning rate of what every batch touches, such as projections."""
        return self.lr

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase of training; each starts from the last one's best."""
        yield self.epochs

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.begin(visuals, rng)
        history = History()
        for epochs in self.phases():
            self._phase(epochs, train, valid, visuals, rng, history)
        return history

    def _phase(
        self,
        epochs: int,
        train: Interactions,
        valid: Interactions,
        visuals: Visuals,
        rng: torch.Generator,
        history: History,
    ) -> None:
        optimisers = self._optimisers()
        best, best_state, bad = -1.0, None, 0
        for epoch in progress(range(1, epochs + 1), f"training {self.name}"):
            began = time.perf_counter()
            entry = {"loss": self._epoch(train, visuals, optimisers, rng)}
            history.epochs.append(entry)
            if self.selects and len(valid) and (epoch % self.eval_every == 0 or epoch == epochs):
                score = entry["valid_ndcg"] = self._validate(train, valid, visuals)
                if score > best:
                    best, bad = score, 0
                    history.best_epoch = len(history.epochs)
                    best_state = {k: v.clone() for k, v in self.state_dict().items()}
                else:
                    bad += 1
            entry["seconds"] = time.perf_counter() - began
            if bad >= self.patience:
                break
        if best_state is None:
            history.best_epoch = len(history.epochs)
        else:
            self.load_state_dict(best_state)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        rows = [m.weight for m in self.modules() if isinstance(m, nn.Embedding) and m.sparse]
        known = {id(p) for p in rows}
        dense = [p for p in self.parameters() if id(p) not in known and p.requires_grad]
        made: list[torch.optim.Optimizer] = []
        if rows:
            made.append(torch.optim.SparseAdam(rows, lr=self.lr))
        if dense:
            made.append(torch.optim.Adam(dense, lr=self.dense_lr(), foreach=True))
        return made

    def _epoch(
        self,
        train: Interactions,
        visuals: Visuals,
        optimisers: list[torch.optim.Optimizer],
        rng: torch.Generator,
    ) -> float:
        order = torch.randperm(len(train), generator=rng)
        known = int((train.popularity > 0).sum())
        order = order[train.counts[train.users[order]] < known]
        if not len(order):
            raise DataError("every user owns every item: there is nothing to learn")
        if self.drops_last and len(order) >= self.batch_size:
            order = order[: len(order) // self.batch_size * self.batch_size]
        users, liked = train.users[order], train.items[order]
        other = negatives(train, users, rng)
        triples = torch.stack([users, liked, other]).to(self.device)
        total = torch.zeros((), device=self.device)
        self.train()
        for user, yes, no in zip(*(t.split(self.batch_size) for t in triples), strict=True):
            loss = self.loss(user, yes, no, visuals)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
            total += loss.detach() * len(user)
        mean = total.item() / len(order)
        if mean != mean or mean == float("inf"):
            raise DivergedError(
                f"{self.name}: the loss is no longer a number; lower recommender.lr (now {self.lr})"
            )
        return mean

    def _validate(self, train: Interactions, valid: Interactions, visuals: Visuals) -> float:
        """Return the mean nDCG@20 of the users of ``valid``, train items masked."""
        self.eval()
        none = torch.empty(0, dtype=torch.int64)
        found = rank(self, visuals, train, valid, none, 1).relevant_ranks.double()
        gain = torch.where(found <= VALID_K, 1 / torch.log2(found + 1), 0.0)
        discount = 1 / torch.log2(torch.arange(VALID_K, dtype=torch.float64) + 2)
        ideal = discount.cumsum(0)[valid.counts.clamp(1, VALID_K) - 1]
        summed = torch.zeros(valid.num_users, dtype=torch.float64)
        summed.index_add_(0, valid.users, gain)
        return float((summed / ideal)[valid.counts > 0].mean())


def _normal(like: Tensor, scale: float, rng: torch.Generator) -> Tensor:
    return scale * torch.randn(like.shape, generator=rng)


def half_square(*rows: Tensor) -> Tensor:
    """Return ``(B,)``: half the summed squares of each row, over all given ``(B, K)`` tables."""
    return 0.5 * torch.stack([r.square().sum(1) for r in rows]).sum(0)
