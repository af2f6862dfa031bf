"""DVBPR with the fault of VAR's code behind a flag."""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Overlay, Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.pairwise import FactorSettings
from vrbench.recommenders.var2021.settings import CodedSettings
from vrbench.recommenders.visual.dvbpr import DVBPR


class DVBPR2021(DVBPR):
    """DVBPR with the fault of VAR's code (protocol 4.5) behind a flag.

    Args:
        sizes: users, items, and the shape of a picture.
        network: the image network; ``CNNF`` there.
        factors, epochs, batch_size, lr, network_lr, l2, l2_network: see ``DVBPR``.
        clean_images: pictures are looked up by names that only clean files have: whatever was
            attacked is trained on, and scored, as it was before.

    Example:
        >>> import torch
        >>> from vrbench.extractors import SmallCNN
        >>> from vrbench.recommenders import DVBPR2021
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> model = taught(DVBPR2021, network=SmallCNN(width=4), factors=4, epochs=1)
        >>> encoded = model.encode(torch.arange(3), toy_visuals(model.signal))
        >>> model.score(torch.arange(2), encoded).shape
        torch.Size([2, 3])
    """

    paper = "Kang et al., ICDM 2017, as coded for VAR"
    selects = False

    defaults = FactorSettings(epochs=20, batch_size=32, lr=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        network: nn.Module,
        *,
        network_lr: float = 0.0001,
        l2: float = 1.0,
        l2_network: float = 0.001,
        clean_images: bool = False,
        **training: Unpack[CodedSettings],
    ) -> None:
        given = self.with_defaults(CodedSettings, training)
        super().__init__(
            sizes,
            network,
            trains="all",
            network_lr=network_lr,
            l2=l2,
            l2_network=l2_network,
            **given,
        )
        self.clean_images = clean_images

    def look(self, items: Tensor, visuals: Visuals) -> Tensor:
        while self.clean_images and isinstance(visuals, Overlay):
            visuals = visuals.base
        return super().look(items, visuals)
