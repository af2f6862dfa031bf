"""Adversarial training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.extractors.base import Extractor
from vrbench.extractors.training.base import Classify, Regime, RegimeSettings, ascend


class Adversarial(Regime):
    """Adversarial training: cross-entropy on PGD's adversarial examples (Madry et al., 2018).

    The inner attack is untargeted, starts at the clean picture as in the authors' later code, and
    sees the network in evaluation mode, so that batch norm counts the trained-on pictures only.

    Args:
        network: what is taught.
        eps: radius of the inner attack (L-infinity), in grey levels.
        steps: of the inner attack, each ``2.5 * eps / steps`` long.
        ramp: share of the epochs over which the radius grows from 0 to ``eps``; small networks
            on few pictures do not start to learn at the full radius.
        epochs, batch_size, lr, weight_decay, part: see ``Regime``.

    Example:
        >>> from vrbench.extractors import Adversarial, SmallCNN
        >>> from vrbench.testing.world import toy_network
        >>> network = toy_network(Adversarial(SmallCNN(width=4), steps=1, epochs=1, batch_size=8))
        >>> network.classes, network.eps
        (('red', 'green', 'blue'), 4.0)
    """

    paper = "Madry et al., 2018"

    def __init__(
        self,
        network: Extractor,
        *,
        eps: float = 4.0,
        steps: int = 7,
        ramp: float = 0.3,
        **training: Unpack[RegimeSettings],
    ) -> None:
        super().__init__(network, **self.with_defaults(RegimeSettings, training))
        self.refuse_if(
            eps <= 0 or steps < 1 or not 0 <= ramp <= 1,
            "eps > 0, steps >= 1, 0 <= ramp <= 1",
        )
        self.eps, self.steps, self.ramp = eps, steps, ramp

    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        grown = 1.0 if self.ramp == 0 else min(1.0, state["done"] / self.ramp)
        eps = self.eps / 255 * grown
        teaching = self.training
        self.eval()
        delta = ascend(classify, x, y, torch.zeros_like(x), eps, 2.5 * eps / self.steps, self.steps)
        self.train(teaching)
        return F.cross_entropy(classify(x + delta), y)
