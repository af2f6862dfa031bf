"""Features that a data set brings, in place of a network that makes them."""

from __future__ import annotations

from torch import Tensor

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.catalogue import Catalogue
from vrbench.extractors.base import Extractor, Features

BLIND = "extractor=ready hands on features that are there, and sees no picture"


class Ready(Extractor):
    """No network: recommenders are shown the features that the data set brings.

    Whatever has to look at a picture cannot do so through it: attacks on pictures, maps, labels
    that a network gives.

    Example:
        >>> from dataclasses import replace
        >>> import torch
        >>> from vrbench.core.visuals import Signal, Table
        >>> from vrbench.extractors import Ready
        >>> from vrbench.testing.world import toy_world
        >>> rows = Table(Signal.VECTOR, torch.eye(36), "mine")
        >>> shop = replace(toy_world().catalogue, features=rows)
        >>> Ready().features_of(shop, Signal.VECTOR).shape
        (36,)
    """

    paper = ""

    def features_of(self, catalogue: Catalogue, signal: Signal) -> Visuals:
        """Return the vectors that come with ``catalogue``.

        Raises:
            IncompatibleError: if none do, or something else than vectors is asked for.
        """
        if catalogue.features is None:
            raise IncompatibleError(
                "extractor=ready hands on the features that a data set brings, and this one brings "
                "none: dataset=features attaches yours"
            )
        if signal is not Signal.VECTOR:
            raise IncompatibleError(f"{BLIND}: take a recommender that is shown vectors")
        return catalogue.features.to(self.device)

    def forward(self, pixels: Tensor) -> Features:
        raise IncompatibleError(BLIND)
