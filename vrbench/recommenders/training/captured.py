"""A step of training as one CUDA graph, replayed for every batch of the full size."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Batch = tuple[Tensor, ...]
WARM = 3  # steps taken one kernel at a time first: what they make once is made then


class Captured:
    """Takes the steps that ``step`` takes.

    On a GPU a step of a small model is a few hundred kernels that take longer to start than to
    run. The graph starts them all at once. Where a step cannot be captured, one line in the log
    says so and it is taken as before.

    Args:
        step: takes a step on a batch; does nothing that depends on the step but through tensors.
        size: rows of the batches that are captured; others, an epoch's last, are taken as before.
        name: of the model, for the log.
    """

    def __init__(self, step: Callable[[Batch], None], size: int, name: str) -> None:
        self._step, self._size, self._name = step, size, name
        self._warm, self._fails = 0, False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: Batch = ()

    def __call__(self, batch: Batch) -> None:
        """Take a step on a batch."""
        fits = len(batch[0]) == self._size and all(part.is_cuda for part in batch)
        if not fits or self._fails:
            self._step(batch)
            return
        with torch.cuda.device_of(batch[0]):  # streams and graphs are made on the current device
            self._on_device(batch)

    def _on_device(self, batch: Batch) -> None:
        if self._warm < WARM:
            self._warm += 1
            self._aside(batch)
            return
        if self._graph is None:
            self._capture(batch)
        if self._graph is None:
            self._step(batch)
            return
        for held, part in zip(self._held, batch, strict=True):
            held.copy_(part)
        self._graph.replay()

    def _aside(self, batch: Batch) -> None:
        """Take a step on a stream of its own, as a graph is captured on one."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._step(batch)
        torch.cuda.current_stream().wait_stream(side)

    def _capture(self, batch: Batch) -> None:
        self._held = tuple(part.clone() for part in batch)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._step(self._held)
        except RuntimeError as error:
            told = str(error).strip().partition("\n")[0]
            log.warning("%s: a step cannot be captured, so it is not: %.160s", self._name, told)
            torch.cuda.synchronize()
            self._fails = True
            return
        self._graph = graph
