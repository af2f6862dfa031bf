"""Teaching on clean pictures."""

from __future__ import annotations

from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor

from vrbench.extractors.base import Extractor
from vrbench.extractors.training.base import Classify, Regime


class Standard(Regime):
    """Cross-entropy on clean pictures.

    Args:
        network: what is taught.
        epochs, batch_size, lr, weight_decay, part: see ``Regime``.
    """

    paper = ""

    def __init__(
        self,
        network: Extractor,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        lr: float = 0.05,
        weight_decay: float = 5e-4,
        part: Literal["all", "head"] = "all",
    ) -> None:
        super().__init__(
            network,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            part=part,
        )

    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        return F.cross_entropy(classify(x), y)
