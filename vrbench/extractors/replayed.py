"""Passes of a frozen network as CUDA graphs: one start for hundreds of kernels."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Answer = Callable[[Tensor], Any]


class Replayed:
    """Answers as ``answer`` does, by replaying what it did once.

    On a GPU a pass of a deep network, and the way back to its pixels, is hundreds of kernels that
    a processor takes longer to start than the device to run. A CUDA graph starts them all.

    A graph has one place for what it remembers between its two ways. So a pass whose gradient may
    still be asked for, since its answer is alive, is left alone: meanwhile ``answer`` answers.

    Args:
        answer: from a batch to a tuple of tensors, with the same kernels whatever it holds.
        x: a batch of the one shape that it is to be asked for, on a GPU; tried with what it holds.

    Raises:
        RuntimeError: where a pass cannot be captured.
    """

    def __init__(self, answer: Answer, x: Tensor) -> None:
        self._answer = answer
        sample = x.detach().clone().requires_grad_(x.requires_grad)
        with torch.cuda.device_of(x), warnings.catch_warnings():  # of the current device
            # Its warm-up leaves a node on the stream of its own, which does no harm.
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream", UserWarning)
            # a function of its own: where it is given a module it changes it
            made: Answer = torch.cuda.make_graphed_callables(lambda part: answer(part), (sample,))
        self._graphed = made
        self._pending: Callable[[], object | None] = _nothing

    def __call__(self, x: Tensor) -> Any:
        """Return tensors of the caller's own, differentiable if ``x`` is."""
        if self._pending() is not None:
            return self._answer(x)
        if x.requires_grad:
            x = x.view_as(x)  # a tensor of our own, whose slope is copied out of the graph's place
            x.register_hook(torch.clone)
        found = self._graphed(x)
        nodes = [part.grad_fn for part in found if part.grad_fn is not None]
        self._pending = weakref.ref(nodes[0]) if nodes else _nothing
        return tuple(part.clone() for part in found)


def _nothing() -> None:
    """Return None: no pass is waited for."""
