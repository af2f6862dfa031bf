"""A frozen network through ``torch.compile``, for batches of a shape that comes again and again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from vrbench.core.extras import has_triton
from vrbench.extractors.fused import fuse
from vrbench.extractors.replayed import Answer, Replayed

log = logging.getLogger(__name__)

COMPILING, FUSING = "torch.compile", "fusing convolutions"
REPLAYING = "replaying a pass as a CUDA graph"
MOST = 4  # shapes that are compiled: each takes up to a minute
OFTEN = 8  # batches of a shape after which it is replayed: to capture takes as long as five


class Compiled(nn.Module):
    """Answers like ``inner``, within the rounding of its type.

    What is compiled is the trace of one pass, so whatever Python does between the layers (hooks
    that note a feature map) costs nothing and breaks nothing. On a GPU the trace is rewritten first
    so that convolutions add biases and shortcuts themselves (``extractors.fused``), and answers
    from a shape's second batch on; what answers is replayed as a CUDA graph as soon as a shape has
    come ``OFTEN`` times (``extractors.replayed``). Where one of these fails, one line in the log
    says so and what answered goes on answering.

    Args:
        inner: the network, frozen, in evaluation mode.
        after: batches of one shape that are answered before it is compiled for it; None: never.
    """

    def __init__(self, inner: nn.Module, after: int | None) -> None:
        super().__init__()
        self.inner, self.after = inner, after
        self._asked: Counter[object] = Counter()
        self._fused: dict[object, Answer] = {}
        self._made: dict[object, Answer] = {}
        self._replayed: dict[object, Answer] = {}
        self._fails: set[str] = set()

    def forward(self, x: Tensor) -> Any:
        descends = x.requires_grad and torch.is_grad_enabled()
        kind = (tuple(x.shape), x.dtype, descends)
        if not len(x):
            return self.inner(x)
        self._asked[kind] += 1
        if self._compiles(kind):
            self._keep(self._made, kind, self._compile(x.detach(), descends))
            self._replayed.pop(kind, None)  # of what answered before
        elif self._fuses(x, kind):
            self._keep(self._fused, kind, self._tried(FUSING, self._traced, x.detach(), descends))
        answer = self._made.get(kind, self._fused.get(kind, self.inner))
        if self._replays(x, kind):
            make = partial(Replayed, answer)
            self._keep(self._replayed, kind, self._tried(REPLAYING, make, x.detach(), descends))
        return self._replayed.get(kind, answer)(x)

    @staticmethod
    def _keep(among: dict[object, Answer], kind: object, made: Answer | None) -> None:
        if made is not None:
            among[kind] = made

    def _compiles(self, kind: object) -> bool:
        """Whether batches of a kind have come often enough to be compiled, and are not yet."""
        often = self.after is not None and self._asked[kind] > self.after
        return often and self._room(self._made, kind, COMPILING)

    def _fuses(self, x: Tensor, kind: object) -> bool:
        """Whether batches of a kind have come before, and are not fused yet."""
        return self._asked[kind] > 1 and fuses(x) and self._room(self._fused, kind, FUSING)

    def _replays(self, x: Tensor, kind: object) -> bool:
        """Whether batches of a kind have come often, and are not replayed yet."""
        often = self._asked[kind] > OFTEN and replays(x)
        return often and self._room(self._replayed, kind, REPLAYING)

    def _room(self, among: dict[object, Answer], kind: object, what: str) -> bool:
        """Whether there is room for one kind more, and ``what`` has not failed."""
        return kind not in among and len(among) < MOST and what not in self._fails

    def _traced(self, x: Tensor) -> fx.GraphModule:
        made: fx.GraphModule = make_fx(self.inner, pre_dispatch=True)(x)
        if fuses(x):
            fuse(made)
        return made

    def _compile(self, x: Tensor, descends: bool) -> Answer | None:
        """Return the compiled network, tried on ``x``; None where that fails."""

        def compiled(x: Tensor) -> Answer:
            made: Answer = torch.compile(self._traced(x), dynamic=False)
            return made

        return self._tried(COMPILING, compiled, x, descends)

    def _tried(
        self, what: str, make: Callable[[Tensor], Answer], x: Tensor, slope: bool
    ) -> Answer | None:
        """Return what ``make`` makes, tried on ``x``; None, and a line in the log, if it fails."""
        try:
            x = x.clone().requires_grad_(slope)
            made = make(x)
            answer = made(x)
            if slope:
                torch.autograd.grad(sum(part.float().sum() for part in answer), x)
        except Exception as error:  # a compiler may fail in any way, and nothing depends on it
            log.warning("%s fails here, so it is done without: %.200s", what, first(error))
            self._fails.add(what)
            return None
        return made

    def __getstate__(self) -> dict[str, Any]:
        # Another process traces and compiles for itself.
        return self.__dict__ | {"_made": {}, "_fused": {}, "_replayed": {}}


def fuses(x: Tensor) -> bool:
    """Whether there are kernels that convolve, add and clip at once, or that add and clip."""
    half = x.dtype in (torch.bfloat16, torch.float16)
    return x.is_cuda and (half or (x.dtype == torch.float32 and has_triton()))


def replays(x: Tensor) -> bool:
    """Whether a pass can be captured."""
    return x.is_cuda and not torch.cuda.is_current_stream_capturing()


def first(error: Exception) -> str:
    """Return the first line of an error."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
