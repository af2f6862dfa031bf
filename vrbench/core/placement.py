"""Where a module computes."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn


class Placed(nn.Module):
    """A module that knows where it computes, even if it holds no parameter at all."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_place", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where its parameters and buffers are."""
        return device_of(self)


def device_of(module: nn.Module) -> torch.device:
    """Return where the parameters and buffers of ``module`` are; the CPU if it has neither."""
    held = chain(module.parameters(), module.buffers())
    return next((t.device for t in held), torch.device("cpu"))
