"""Attacks on what a model has learnt: changes of its tables of embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Cost, GradientSteps
from vrbench.attacks.contract import require_like
from vrbench.core.errors import ConfigError, ContractError
from vrbench.core.seeds import stream
from vrbench.core.spec import Component

Tables = dict[str, Tensor]  # by name: (rows, K) float32
Slope = Callable[[Tables], Tables]  # from changes to the gradient, in them, of the loss to raise

MSAP_START = 0.05  # half the width of the interval that MSAP's PGD starts in, whatever eps is


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """How far the rows of embedding tables may change.

    Attributes:
        eps: the radius, in units of the embeddings.
        norm: "row_l2": the Euclidean length of a row's change is at most ``eps``, the budget of
            APR (He et al., SIGIR 2018). "box": no *number* changes by more than ``eps``, what
            MSAP's released code clips to (Anelli et al., FLAIRS 2021); a row of 64 numbers may then
            be eight times as far away, so published budgets of the two are not comparable.
        biases: whether tables of one number a row change too. The published models have none.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Embeddings
        >>> from vrbench.testing.views import rounded
        >>> rows = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> rounded(Embeddings(eps=1.0).project(rows).norm(dim=1))
        [1.0, 0.5]
    """

    eps: float
    norm: Literal["row_l2", "box"] = "row_l2"
    biases: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.eps < float("inf"):
            raise ConfigError(f"expected a finite eps >= 0, got {self.eps}")
        if self.norm not in ("row_l2", "box"):
            raise ConfigError(f"expected norm row_l2 or box, got {self.norm!r}")

    def unit(self, table: Tensor) -> float:
        """Return the length that counts as one in a ``(rows, K)`` table."""
        return 1.0

    def project(self, change: Tensor) -> Tensor:
        """Return the nearest change, ``(rows, K)``, that is allowed."""
        if self.norm == "box":
            return change.clamp(-self.eps, self.eps)
        length = change.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return change * (self.eps / length).clamp(max=1)

    def spent(self, change: Tensor) -> Tensor:
        """Return the ``(rows,)`` sizes of a change, in this norm."""
        return change.abs().amax(1) if self.norm == "box" else change.norm(dim=1)

    def sample(self, like: Tensor, rng: torch.Generator) -> Tensor:
        """Return a random change of the ball, uniform in it, for every row of ``like``."""
        if self.norm == "box":
            return self.eps * _uniform(like, rng)
        share = torch.rand(len(like), 1, generator=rng).to(like.device) ** (1 / like.shape[1])
        return share * self.farthest(like, rng)

    def farthest(self, like: Tensor, rng: torch.Generator) -> Tensor:
        """Return a random change of the largest size: of the sphere, or a corner of the box."""
        drawn = torch.randn(like.shape, generator=rng).to(like.device)
        return self.eps * (drawn.sign() if self.norm == "box" else F.normalize(drawn, dim=1))


@dataclass(frozen=True, kw_only=True)
class EmbeddingShares(Embeddings):
    """How far rows may change, in percent of the mean Euclidean length of their table's rows.

    What 50 percent are worth does not depend on how long a model's rows are, as .5 of
    ``Embeddings`` does: training with another penalty, loss or temperature changes lengths, and an
    equal ``eps`` is then a smaller change of the longer rows.

    Attributes:
        eps: percent.
        norm, biases: see ``Embeddings``; in the same unit.

    Example:
        >>> import torch
        >>> from vrbench.budgets import EmbeddingShares
        >>> EmbeddingShares(eps=50.0).unit(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        0.03
    """

    def unit(self, table: Tensor) -> float:
        return float(table.double().norm(dim=1).mean()) / 100


class ParameterAttack(Component, ABC):
    """A way to change the parameters of a model. Subclasses implement ``search``.

    It knows no model: it is told the shapes of the tables, and the slope of a loss.

    Attributes:
        knows: what the adversary must have, in words.

    Example:
        >>> import torch
        >>> from vrbench.attacks import ParameterAttack
        >>> from vrbench.attacks.base import Cost
        >>> from vrbench.budgets import Embeddings
        >>> from vrbench.core.seeds import stream
        >>> from vrbench.testing.views import rounded
        >>> class Shrink(ParameterAttack):
        ...     cost = Cost(0, 0)
        ...     def search(self, tables, slope, budget, rng):
        ...         return {name: -rows for name, rows in tables.items()}
        ...
        >>> rows = {"item": torch.tensor([[3.0, 4.0]])}
        >>> change = Shrink()(rows, lambda at: at, Embeddings(eps=1.0), stream(0))
        >>> rounded(change["item"][0])
        [-0.6, -0.8]
    """

    knows: str = "parameters; gradients"

    @property
    @abstractmethod
    def cost(self) -> Cost:
        """How often it goes through the training feedback, whatever the number of items."""

    @final
    def __call__(
        self, tables: Tables, slope: Slope, budget: Embeddings, rng: torch.Generator
    ) -> Tables:
        """Return the change of every table, detached and inside the budget.

        A search works in the budget's unit: what it is handed and what it returns is divided by the
        length that counts as one in a table, and the slopes it is told are multiplied by it.

        Args:
            tables: the parameters as learnt; a search is handed copies.
            slope: from changes to the gradient of the loss that is to grow.
            budget: how far to go.
            rng: the only source of randomness.

        Raises:
            ContractError: if the search returns anything but one change per table, of its shape,
                or a budget does not hold.
            DivergedError: if it returns, or is told, a number that is not finite.
        """
        unit = {name: budget.unit(table) for name, table in tables.items()}

        def told(change: Tables) -> Tables:
            slopes = slope({name: unit[name] * rows for name, rows in change.items()})
            for name, table in tables.items():
                require_like(f"the slope {self.name} is told of {name}", table, slopes.get(name))
            return {name: unit[name] * rows for name, rows in slopes.items()}

        with torch.no_grad():
            copies = {name: table / (unit[name] or 1.0) for name, table in tables.items()}
            kept = self._kept(self.search(copies, told, budget, rng), tables, budget)
            return {name: unit[name] * rows for name, rows in kept.items()}

    def _kept(self, found: Any, tables: Tables, budget: Embeddings) -> Tables:
        """Return the changes that a search found, brought into the budget, in its unit."""
        if not isinstance(found, dict) or found.keys() != tables.keys():
            raise ContractError(f"{self.name} must return changes of {', '.join(tables)} by name")
        kept = {}
        for name, table in tables.items():
            require_like(f"{self.name}, asked to change {name},", table, found[name])
            kept[name] = budget.project(found[name].detach())
            if not (budget.spent(kept[name]) <= budget.eps * (1 + 1e-5)).all():
                raise ContractError(f"{self.name}: {budget} does not hold")
        return kept

    @abstractmethod
    def search(
        self, tables: Tables, slope: Slope, budget: Embeddings, rng: torch.Generator
    ) -> Tables:
        """Return changes that raise the loss; they may stray from the budget."""


class EmbeddingPGD(GradientSteps, ParameterAttack):
    """Steps up the loss, each row by a fixed length along its own gradient, back into the budget.

    A row that the loss does not depend on stays where it started. Steps are as long as
    ``step * eps`` in the Euclidean norm under either budget, as in MSAP's code. With ``steps=1,
    step=1.0`` this is APR's attack (He et al., SIGIR 2018, eq. 8); with more, MSAP's BIM, and with
    a start its PGD (Anelli et al., FLAIRS 2021), whose released code clips to the box. The last
    change is what comes back, as there.

    Args:
        steps: gradients asked for, at least 1.
        step: length of a step, as a fraction of ``eps``.
        start: "zero", "random": uniform in the budget, or "msap2021": uniform in ``[-.05, .05]``,
            whatever ``eps`` is, and the same for every seed; as released.

    Example:
        >>> from vrbench.attacks import EmbeddingPGD
        >>> from vrbench.testing.views import rounded
        >>> from vrbench.testing.world import changed_rows
        >>> rounded(changed_rows(EmbeddingPGD(steps=4))[0])
        [0.5, 0.0, 0.0]
    """

    paper = "He et al., SIGIR 2018; Anelli et al., FLAIRS 2021"

    def __init__(
        self,
        *,
        steps: int = 10,
        step: float = 0.25,
        start: Literal["zero", "random", "msap2021"] = "zero",
    ) -> None:
        if steps < 1 or step <= 0:
            raise ConfigError(f"expected steps >= 1 and step > 0, got {steps}, {step}")
        self.steps, self.step, self.start = steps, step, start

    def search(
        self, tables: Tables, slope: Slope, budget: Embeddings, rng: torch.Generator
    ) -> Tables:
        change = self._first(tables, budget, rng)
        for _ in range(self.steps):
            up = slope(change)
            change = {
                name: budget.project(rows + self.step * budget.eps * F.normalize(up[name], dim=1))
                for name, rows in change.items()
            }
        return change

    def _first(self, tables: Tables, budget: Embeddings, rng: torch.Generator) -> Tables:
        if self.start == "zero":
            return {name: torch.zeros_like(table) for name, table in tables.items()}
        if self.start == "random":
            return {name: budget.sample(table, rng) for name, table in tables.items()}
        fixed = stream(0, "msap2021")
        return {name: MSAP_START * _uniform(table, fixed) for name, table in tables.items()}


class EmbeddingNoise(ParameterAttack):
    """Random perturbations of the largest size: the control of every attack on embeddings.

    APR's control changes every row, while the gradient reaches only some: of ``rows="all"`` it is
    more than the attack had. ``rows="reached"`` changes those that the loss depends on, no other.
    Of a row's ball this is as far as an attack goes; a corner of the box is farther than an attack
    of a few steps gets, and may do more harm than it.
    (Directions are uniform; APR's code drew them from a normal distribution cut at two
    deviations.)

    Args:
        rows: "all" or "reached".

    Example:
        >>> from vrbench.attacks import EmbeddingNoise
        >>> from vrbench.testing.views import rounded
        >>> from vrbench.testing.world import changed_rows
        >>> rounded(changed_rows(EmbeddingNoise()).norm(dim=1))
        [0.5, 0.5, 0.5, 0.5]
    """

    paper = ""

    def __init__(self, *, rows: Literal["all", "reached"] = "all") -> None:
        self.rows = rows
        self.knows = "parameters" if rows == "all" else "parameters; gradients"

    @property
    def cost(self) -> Cost:
        return Cost(0, 0) if self.rows == "all" else Cost(1, 1)

    def search(
        self, tables: Tables, slope: Slope, budget: Embeddings, rng: torch.Generator
    ) -> Tables:
        change = {name: budget.farthest(table, rng) for name, table in tables.items()}
        if self.rows == "all":
            return change
        at = slope({name: torch.zeros_like(table) for name, table in tables.items()})
        return {name: rows * at[name].any(1, keepdim=True) for name, rows in change.items()}


def _uniform(like: Tensor, rng: torch.Generator) -> Tensor:
    """Return numbers uniform in ``[-1, 1)``."""
    return (2 * torch.rand(like.shape, generator=rng) - 1).to(like.device)
