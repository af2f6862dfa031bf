"""Adversarial training of any model on perturbed tables of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.visuals import Visuals
from vrbench.recommenders.training.adversarial_phase import AdversarialPhase

Rows = Literal["rows", "columns"]


class AdversarialTables(AdversarialPhase):
    """Adversarial training with a second phase on perturbed tables (He et al., SIGIR 2018).

    Mixed in before the recommender that the first phase trains, whatever its loss is. In the second
    one, from the best parameters of the first, a batch has the loss
    ``L(theta) + weight * fit(theta + delta)``, where ``fit`` is L without its l2 penalty and
    ``delta``, a constant, is in each row of each table of ``perturbed`` the gradient of
    ``fit(theta)``, brought to length ``eps``. Dropout, noise and drawn items are the same in all
    three. Without ``eps`` or ``weight`` there is no second phase.

    Attributes:
        perturbed: the tables, by the name of the weight; "columns" where an item's are columns.

    Example:
        >>> from vrbench.recommenders import AdversarialFISM
        >>> from vrbench.testing.world import taught
        >>> model = taught(AdversarialFISM, epochs=2, adversarial_epochs=3, factors=4)
        >>> list(model.phases()), sorted(model.perturbed)
        ([2, 3], ['item.weight', 'taste.weight'])
    """

    perturbed: ClassVar[dict[str, Rows]]

    def radius(self, name: str) -> float:
        """Return the length of a row's change in a table; ``eps`` unless a model has others."""
        return self.eps

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase; without a change there is no second one."""
        if any(self.radius(name) > 0 for name in self.perturbed):
            yield from super().phases()
        else:
            yield self.epochs

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        if not self._adversarial:
            return super().batch_loss(batch, visuals)  # type: ignore[safe-super]
        chance = [(rng, rng.get_state()) for rng in self._generators()]
        change = self.change(batch, visuals)
        _rewind(chance)
        clean = super().batch_loss(batch, visuals)  # type: ignore[safe-super]
        _rewind(chance)
        with self._changed(change):
            worse = self._fit(batch, visuals)
        return clean + self.weight * worse

    def change(self, batch: tuple[Tensor, ...], visuals: Visuals) -> dict[str, Tensor]:
        """Return the change of each table that raises the fit of a batch fastest, in its ball.

        A row that the batch does not touch is not changed.
        """
        tables = {name: self.get_parameter(name) for name in self.perturbed}
        slopes = torch.autograd.grad(self._fit(batch, visuals), list(tables.values()))
        return {
            name: self.radius(name) * F.normalize(slope.to_dense(), dim=axis)
            for (name, slope), axis in zip(
                zip(tables, slopes, strict=True), map(_axis, self.perturbed.values()), strict=True
            )
        }

    def _fit(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        """Return the loss of a batch without its l2 penalty."""
        given = vars(self).get("l2")
        if given is not None:
            vars(self)["l2"] = 0.0  # a setting, and as such fixed for everybody else
        try:
            return super().batch_loss(batch, visuals)  # type: ignore[safe-super]
        finally:
            if given is not None:
                vars(self)["l2"] = given

    @contextmanager
    def _changed(self, change: dict[str, Tensor]) -> Iterator[None]:
        """Compute with changed tables; gradients are those of the tables themselves."""
        held: list[tuple[nn.Module, str, nn.Parameter]] = []
        for name, delta in change.items():
            home, _, leaf = name.rpartition(".")
            module, weight = self.get_submodule(home), self.get_parameter(name)
            held.append((module, leaf, weight))
            module._parameters[leaf] = weight + delta  # type: ignore[assignment]
        try:
            yield
        finally:
            for module, leaf, weight in held:
                module._parameters[leaf] = weight

    def _generators(self) -> list[torch.Generator]:
        """Return all that a loss draws from, each once."""
        kept = [value for m in self.modules() for value in vars(m).values()]
        return list({id(v): v for v in kept if isinstance(v, torch.Generator)}.values())


def _rewind(chance: list[tuple[torch.Generator, Tensor]]) -> None:
    """Draw the same again."""
    for rng, state in chance:
        rng.set_state(state)


def _axis(rows: Rows) -> int:
    """Return the dimension along which the numbers of a row lie."""
    return 1 if rows == "rows" else 0
