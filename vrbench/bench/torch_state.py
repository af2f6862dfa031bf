"""Torch as every run expects it, whatever the caller set globally."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def own_torch_state(device: str) -> Iterator[None]:
    """Run with float32 as the default, gradients on, and without autocast; then as before.

    A notebook may have set another default dtype, or stand inside ``torch.no_grad``,
    ``torch.inference_mode`` or ``torch.autocast``: none of that is in a key, so none of it may
    reach a number.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for kind in sorted({"cpu", torch.device(device).type}):
                stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        torch.set_default_dtype(dtype)
