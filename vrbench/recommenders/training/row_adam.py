"""Adam on the rows that a batch touched, from dense gradients: a GPU waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn


class RowAdam(torch.optim.Optimizer):
    """The steps of ``torch.optim.SparseAdam``, which sorts what was touched and waits for it.

    A row whose gradient is zero throughout counts as untouched. Every row is read at every step,
    which a GPU does sooner than it is told which to read; its state can be part of a CUDA graph.

    Args:
        rows: parameters, ``(n, K)`` each, with dense gradients.
        lr: the rate.
        betas: decay of both moments.
        eps: added to the root of the second one.
    """

    def __init__(
        self,
        rows: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(list(rows), {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step down the gradients there are."""
        assert closure is None
        for group in self.param_groups:
            for rows in group["params"]:
                if rows.grad is not None:
                    self._descend(rows, rows.grad, group["lr"], group["betas"], group["eps"])

    def _descend(
        self,
        rows: torch.Tensor,
        slope: torch.Tensor,
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        slow, slower = betas
        state = self.state[rows]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float64, device=rows.device)
            state["first"], state["second"] = torch.zeros_like(rows), torch.zeros_like(rows)
        step, first, second = state["step"].add_(1), state["first"], state["second"]
        touched = (slope != 0).any(1, keepdim=True)
        first.add_((slope - first) * (touched * (1 - slow)))
        second.add_((slope.square() - second) * (touched * (1 - slower)))
        rate = lr * (1 - torch.pow(slower, step)).sqrt() / (1 - torch.pow(slow, step))
        rows.sub_(touched * rate * first / (second.sqrt() + eps))
