"""Learned perceptual image patch similarity."""

from __future__ import annotations

import logging
from typing import Literal

from torch import Tensor

from vrbench.core.errors import ConfigError, MissingDataError
from vrbench.core.lpips_network import TRUNKS, distances, drawn, trunk_file, with_trunk
from vrbench.metrics.base import ImageMetric

log = logging.getLogger(__name__)


class LPIPS(ImageMetric):
    """LPIPS v0.1 (Zhang et al., CVPR 2018) by the ``lpips`` package; 0 for equal pictures.

    Uses the published ImageNet trunk out of torch's hub folder or the folder of weights, where
    ``scripts/weights`` puts it; it is known by the values of its convolutions, so that a file
    without the classification head will do (SqueezeNet: by the digits in its file's name).
    Pictures below 64 px are enlarged to 64 (bilinear) first. Differences from training-size
    pictures (64 px patches) are not corrected.

    Args:
        net: the trunk: "alex" (the authors' recommendation for evaluation), "vgg", "squeeze".

    Raises:
        MissingDataError: if the trunk is not there; nothing is downloaded.
        DataError: if the file there is not the published one.

    Example:
        >>> from vrbench.metrics import LPIPS, ImageMetric
        >>> issubclass(LPIPS, ImageMetric), LPIPS.better
        (True, 'higher')
    """

    better = "higher"

    def __init__(self, *, net: Literal["alex", "vgg", "squeeze"] = "alex") -> None:
        if net not in TRUNKS:
            raise ConfigError(f"LPIPS.net: expected alex, vgg or squeeze, got {net!r}")
        self.net = net
        self._file = trunk_file(net)

    @property
    def column(self) -> str:
        return "LPIPS" if self.net == "alex" else f"LPIPS {self.net}"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return distances(with_trunk(self.net, self._file), clean, attacked)


class LPIPSUntrained(ImageMetric):
    """The ``lpips`` package's own baseline: random trunk, no learned weights, a fixed seed.

    Not LPIPS, and not comparable with it; for machines without the published weights.

    Example:
        >>> from vrbench.metrics import LPIPSUntrained
        >>> LPIPSUntrained().column, LPIPSUntrained.better
        ('LPIPS_untrained', 'higher')
    """

    name = "LPIPS_untrained"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return distances(drawn(net="alex", lpips=False), clean, attacked)


def lpips(*, net: Literal["auto", "alex", "vgg", "squeeze", "untrained"] = "auto") -> ImageMetric:
    """Return LPIPS; "auto" is "alex" where its weights are, else the untrained baseline.

    The baseline has a column of its own name, and the choice is logged.
    """
    if net == "untrained":
        return LPIPSUntrained()
    if net != "auto":
        return LPIPS(net=net)
    try:
        return LPIPS(net="alex")
    except MissingDataError as missing:
        log.info("LPIPS_untrained stands in for LPIPS: %s", missing)
        return LPIPSUntrained()
