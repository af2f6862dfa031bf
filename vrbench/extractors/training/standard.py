"""Standard training, on clean pictures."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.extractors.base import Extractor
from vrbench.extractors.training.base import Classify, Regime, RegimeSettings


class Standard(Regime):
    """Standard training: cross-entropy on clean pictures.

    With ``part="head"`` the trunk is frozen, and every picture passes it once: the head is taught
    on these features, without augmentation, for which each epoch would need the trunk again; and
    128 pictures are attacked for the robust accuracy, not 512. Regimes that attack pictures while
    they teach cannot spare the trunk.

    Args:
        network: what is taught.
        epochs, batch_size, lr, weight_decay, part: see ``Regime``.

    Example:
        >>> from vrbench.extractors import SmallCNN, Standard
        >>> from vrbench.testing.world import toy_network
        >>> network = toy_network(Standard(SmallCNN(width=4), epochs=3, batch_size=8))
        >>> network.classes
        ('red', 'green', 'blue')
    """

    paper = ""

    def __init__(self, network: Extractor, **training: Unpack[RegimeSettings]) -> None:
        super().__init__(network, **self.with_defaults(RegimeSettings, training))
        if self.part == "head":
            self.spec = self.spec | {"version": 2}  # before, the trunk was run in every epoch

    @property
    def sees_pixels(self) -> bool:  # type: ignore[override]
        """Whether pictures pass the network while it is taught."""
        return self.part == "all"

    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        return F.cross_entropy(classify(x), y)
