"""A frozen network through ``torch.compile``, for batches of a shape that comes again and again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

log = logging.getLogger(__name__)

MOST = 4  # shapes that are compiled: each takes up to a minute
Answer = Callable[[Tensor], Any]


class Compiled(nn.Module):
    """Answers like ``inner``, within the rounding of its type.

    What is compiled is the trace of one pass, so whatever Python does between the layers (hooks
    that note a feature map) costs nothing and breaks nothing. Where compiling fails, one line in
    the log says so and ``inner`` goes on answering.

    Args:
        inner: the network, frozen, in evaluation mode.
        after: batches of one shape that are answered by ``inner`` before it is compiled for it.
    """

    def __init__(self, inner: nn.Module, after: int) -> None:
        super().__init__()
        self.inner, self.after = inner, after
        self._asked: Counter[object] = Counter()
        self._made: dict[object, Answer] = {}
        self._fails = False

    def forward(self, x: Tensor) -> Any:
        descends = x.requires_grad and torch.is_grad_enabled()
        kind = (tuple(x.shape), x.dtype, descends)
        if kind in self._made:
            return self._made[kind](x)
        self._asked[kind] += 1
        free = len(x) and len(self._made) < MOST and not self._fails
        if not free or self._asked[kind] <= self.after:
            return self.inner(x)
        self._made[kind] = self._compile(x.detach(), descends)
        return self._made[kind](x)

    def _compile(self, x: Tensor, descends: bool) -> Answer:
        """Return the compiled network, tried on ``x``; or ``inner``, where that fails."""
        try:
            x = x.clone().requires_grad_(descends)
            made: Answer = torch.compile(make_fx(self.inner, pre_dispatch=True)(x), dynamic=False)
            answer = made(x)
            if descends:
                torch.autograd.grad(sum(part.float().sum() for part in answer), x)
        except Exception as error:  # a compiler may fail in any way, and nothing depends on it
            log.warning("torch.compile fails here, so it is done without: %.200s", first(error))
            self._fails = True
            return self.inner
        return made

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made": {}}  # another process compiles for itself


def first(error: Exception) -> str:
    """Return the first line of an error."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
