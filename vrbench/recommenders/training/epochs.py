"""Mini-batch training with early stopping on validation nDCG."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from vrbench.core.descent import DescentSettings
from vrbench.core.errors import DataError, DivergedError
from vrbench.core.progress import progress
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.room import require_room_to_learn
from vrbench.recommenders.training.captured import Captured
from vrbench.recommenders.training.row_adam import RowAdam, TouchedAdam

Optimisers = list[torch.optim.Optimizer]
READ_WHOLE = 2**27  # entries of tables that a GPU reads at every step: half a GiB
VALID_K = 20  # validation is nDCG@20 over the full catalogue


class EpochSettings(DescentSettings, total=False):
    """How a model descends, and when it stops; see ``EpochRecommender``."""

    patience: int
    eval_every: int


class EpochRecommender(Recommender):
    """A recommender that descends the mean loss of batches.

    An epoch is one pass over ``batches``, the last partial one included. Embeddings made with
    ``sparse=True`` are stepped by Adam only where a batch touches them (lazy Adam).

    Args:
        epochs: most epochs of training.
        batch_size: rows of a step.
        lr: of Adam.
        patience: evaluations without a better validation nDCG@20 after which training stops;
            the parameters of the best are kept. Without validation data, all epochs are run.
        eval_every: epochs between evaluations.

    Example:
        >>> from vrbench.recommenders import BPRMF, EpochRecommender
        >>> from vrbench.testing.world import BRISK, taught
        >>> taught(BPRMF, factors=8, **BRISK).epochs, issubclass(BPRMF, EpochRecommender)
        (20, True)
    """

    defaults = EpochSettings(epochs=200, batch_size=512, lr=0.002, patience=8, eval_every=2)

    def __init__(
        self, *, epochs: int, batch_size: int, lr: float, patience: int, eval_every: int
    ) -> None:
        super().__init__()
        self.refuse_if(
            min(epochs, batch_size, patience, eval_every) < 1 or lr <= 0,
            "epochs, batch_size, patience, eval_every >= 1 and lr > 0",
        )
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.patience, self.eval_every = patience, eval_every

    captures: bool = False  # whether a step does nothing but through tensors; each class says so
    selects: ClassVar[bool] = True  # keep the epoch that validation likes best, and stop after it
    watch: Callable[[int, float], None] | None = None  # told every epoch evaluated, and its nDCG

    @property
    def judged_by(self) -> str:
        """What the validation's number is called in the history."""
        return "valid_ndcg"

    @abstractmethod
    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of an epoch, each tensors of one first length, on any device."""

    @abstractmethod
    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        """Return the mean loss of a batch, a scalar."""

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        """Draw the first parameters; override to prepare more, such as feature scales."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                module.weight.data.copy_(normal(module.weight, 0.01, rng))
            elif isinstance(module, nn.Linear):
                scale = (2 / sum(module.weight.shape)) ** 0.5
                module.weight.data.copy_(normal(module.weight, scale, rng))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def dense_lr(self) -> float:
        """Return the learning rate of what every batch touches, such as projections."""
        return self.lr

    def step_bytes(self) -> int:
        """Return about how many bytes a step holds; 0 where they are few beside the model's."""
        return 0

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase of training; each starts from the last one's best."""
        yield self.epochs

    def stepped(self, batch: tuple[Tensor, ...]) -> None:
        """Do what a model wants done after each step; nothing unless overridden."""

    def take(self, train: Interactions) -> None:
        """Keep what the model needs to know of the feedback; nothing unless overridden."""

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.take(train)
        require_room_to_learn(self, self.step_bytes())
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
        vars(self)["_stepping"] = Steps(self, optimisers, visuals)
        best = Best(self)
        good = {n: p.detach().clone() for n, p in self.named_parameters() if p.requires_grad}
        for epoch in progress(range(1, epochs + 1), f"training {self.name}"):
            began = time.perf_counter()
            entry = {"loss": self._epoch(train, visuals, optimisers, rng)}
            self._keep(good, entry["loss"], len(history.epochs) + 1)
            history.epochs.append(entry)
            if self.selects and len(valid) and (epoch % self.eval_every == 0 or epoch == epochs):
                score = entry[self.judged_by] = self._validate(train, valid, visuals)
                if self.watch is not None:
                    self.watch(len(history.epochs), score)
                best.note(score, len(history.epochs))
            entry["seconds"] = time.perf_counter() - began
            if best.worse >= self.patience:
                break
        del vars(self)["_stepping"]
        history.best_epoch = best.restored() or len(history.epochs)

    def rates(self) -> dict[str, float]:
        """Return the settings to lower where training diverges, and what they are now."""
        return {"lr": self.lr}

    @torch.no_grad()
    def _keep(self, good: dict[str, Tensor], loss: float, epoch: int) -> None:
        """Copy the parameters into ``good``; if one is broken, go back to those and stop.

        A gradient that is no number makes its parameter none: one look an epoch sees all of them.

        Raises:
            DivergedError: if the loss or a parameter is not finite.
        """
        learnt = {n: p for n, p in self.named_parameters() if n in good}
        broken = [] if math.isfinite(loss) else ["the loss"]
        broken += [f"a gradient of {n}" for n, p in learnt.items() if not p.isfinite().all()]
        if not broken:
            for name, parameter in learnt.items():
                good[name].copy_(parameter)
            return
        for name, parameter in learnt.items():
            parameter.copy_(good[name])
        lower = " or ".join(f"recommender.{n} (now {r:g})" for n, r in self.rates().items())
        raise DivergedError(
            f"{self.name}: in epoch {epoch} {broken[0]} is no longer a number; lower {lower}; "
            f"the model is left as it was after epoch {epoch - 1}"
        )

    def _optimisers(self) -> Optimisers:
        tables = [m for m in self.modules() if isinstance(m, nn.Embedding) and _by_row(m)]
        known = {id(table.weight) for table in tables}
        dense = [p for p in self.parameters() if id(p) not in known and p.requires_grad]
        made: Optimisers = [self._of_rows(tables)] if tables else []
        if dense:
            ahead = self.device.type == "cuda"  # it is to run ahead of Python, waiting for nothing
            adam = partial(torch.optim.Adam, dense, lr=self.dense_lr())
            made.append(adam(fused=True, capturable=True) if ahead else adam(foreach=True))
        return made

    def _of_rows(self, tables: list[nn.Embedding]) -> torch.optim.Optimizer:
        """Return what steps rows where a batch touches them; on a GPU by reading all, if few."""
        ahead = self.device.type == "cuda"
        whole = ahead and sum(t.weight.numel() for t in tables) <= READ_WHOLE
        for table in tables:
            table.sparse, vars(table)["by_row"] = not whole, True
        rows = [parameter for table in tables for parameter in table.parameters()]
        return RowAdam(rows, lr=self.lr) if whole else TouchedAdam(rows, lr=self.lr)

    def _epoch(
        self, train: Interactions, visuals: Visuals, optimisers: Optimisers, rng: torch.Generator
    ) -> float:
        count = 0
        self.train()
        steps: Steps = vars(self)["_stepping"]
        steps.total.zero_()
        for batch in self.batches(train, rng):
            steps.take(batch)
            count += len(batch[0])
        if not count:
            raise DataError("no user has any item: there is nothing to learn")
        return steps.total.item() / count

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


class Best:
    """The epoch of a phase that validation likes best, and the parameters after it.

    Attributes:
        worse: evaluations since then.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.score, self.worse = model, -math.inf, 0
        self.epoch = 0  # none was evaluated
        self._state: dict[str, Tensor] = {}

    def note(self, score: float, epoch: int) -> None:
        """Keep the model's parameters if ``score`` is better than any before."""
        if score > self.score:
            self.score, self.epoch, self.worse = score, epoch, 0
            self._state = {k: v.clone() for k, v in self.model.state_dict().items()}
        else:
            self.worse += 1

    def restored(self) -> int:
        """Give the model the best parameters back and return their epoch; 0 if there are none."""
        if self.epoch:
            self.model.load_state_dict(self._state)
        return self.epoch


class Steps:
    """Takes the steps of a phase, as one CUDA graph where the model allows it.

    Attributes:
        total: the sum of the losses of all rows since it was set to zero.
    """

    def __init__(self, model: EpochRecommender, optimisers: Optimisers, visuals: Visuals) -> None:
        self.model, self.optimisers, self.visuals = model, optimisers, visuals
        self.total = torch.zeros((), device=model.device)
        self.take: Callable[[tuple[Tensor, ...]], None] = self._take
        own = "captures" in vars(type(model))  # what a subclass does is not known
        if model.device.type == "cuda" and own and model.captures:
            self.take = Captured(self._take, model.batch_size, model.name)

    def _take(self, batch: tuple[Tensor, ...]) -> None:
        loss = self.model.batch_loss(batch, self.visuals)
        descend(loss, *self.optimisers)
        self.model.stepped(batch)
        self.total += loss.detach() * len(batch[0])


def _by_row(table: nn.Embedding) -> bool:
    """Whether its rows are stepped only where a batch touches them; a GPU's are so, and dense."""
    return table.sparse or getattr(table, "by_row", False)


def normal(like: Tensor, scale: float, rng: torch.Generator) -> Tensor:
    """Return normal numbers of standard deviation ``scale`` in the shape of ``like``."""
    return scale * torch.randn(like.shape, generator=rng)


def descend(loss: Tensor, *optimisers: torch.optim.Optimizer) -> None:
    """Take one step of each of ``optimisers`` down ``loss``."""
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        optimiser.step()
