"""Dropout that draws from a generator of its own: no global random state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vrbench.core.errors import ConfigError
from vrbench.core.placement import device_of
from vrbench.core.seeds import seeded_from


class Dropout(nn.Module):
    """Zeroes each entry with probability ``p`` in training and scales the others by 1 / (1 - p).

    Srivastava et al. (JMLR 2014). In training it needs a generator, which ``seed_dropout`` gives.

    Raises:
        ConfigError: unless ``0 <= p < 1``.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ConfigError(f"expected dropout to be in [0, 1), got {p}")
        self.p = p
        self.rng: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        assert self.rng is not None, "call seed_dropout before training"
        kept = torch.rand(self.drawn(x), generator=self.rng, device=x.device) >= self.p
        return x * kept / (1 - self.p)

    def drawn(self, x: Tensor) -> torch.Size:
        """Return the shape of what is drawn for ``x``."""
        return x.shape


class RowDropout(Dropout):
    """The same of whole rows: all entries along the last dimension are left out together."""

    def drawn(self, x: Tensor) -> torch.Size:
        return torch.Size([*x.shape[:-1], 1])


def seed_dropout(model: nn.Module, rng: torch.Generator) -> None:
    """Give every ``Dropout`` inside ``model`` one generator, seeded by a draw from ``rng``."""
    found = [m for m in model.modules() if isinstance(m, Dropout)]
    own = seeded_from(rng, device_of(model))
    for module in found:
        module.rng = own
