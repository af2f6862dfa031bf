"""Free adversarial training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.extractors.base import Extractor
from vrbench.extractors.training.base import Classify, Regime, RegimeSettings


class Free(Regime):
    """Free adversarial training, at standard cost (Shafahi et al., NeurIPS 2019, alg. 1).

    Every batch is replayed ``replay`` times; one backward pass yields the step of the network and
    the step of the noise, which lives on across batches and epochs.

    Args:
        network: what is taught.
        eps: radius of the noise (L-infinity) and length of its step, in grey levels.
        replay: m of the paper.
        epochs: passes over the items, *not* yet multiplied by ``replay``.
        batch_size, lr, weight_decay, part: see ``Regime``.

    Example:
        >>> from vrbench.extractors import Free, SmallCNN
        >>> from vrbench.testing.world import toy_network
        >>> network = toy_network(Free(SmallCNN(width=4), replay=2, epochs=1, batch_size=8))
        >>> network.classes, network.replays()
        (('red', 'green', 'blue'), 2)
    """

    paper = "Shafahi et al., NeurIPS 2019"

    defaults = RegimeSettings(epochs=12)

    def __init__(
        self,
        network: Extractor,
        *,
        eps: float = 4.0,
        replay: int = 4,
        **training: Unpack[RegimeSettings],
    ) -> None:
        super().__init__(network, **self.with_defaults(RegimeSettings, training))
        self.refuse_if(eps <= 0 or replay < 1, "eps > 0 and replay >= 1")
        self.eps, self.replay = eps, replay

    def replays(self) -> int:
        return self.replay

    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        if "noise" not in state:
            state["noise"] = x.new_zeros(self.batch_size, *x.shape[1:])
        noise: Tensor = state["noise"][: len(x)].clone().requires_grad_()

        def ascend(slope: Tensor) -> None:
            # Runs in the one backward pass that also makes the network's gradients.
            with torch.no_grad():
                moved = noise + self.eps / 255 * slope.sign()
                state["noise"][: len(x)] = moved.clamp(-self.eps / 255, self.eps / 255)

        noise.register_hook(ascend)
        return F.cross_entropy(classify((x + noise).clamp(0, 1)), y)
