"""Learned perceptual image patch similarity."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.metrics.base import ImageMetric

log = logging.getLogger(__name__)
TRUNKS = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
URL = "https://download.pytorch.org/models/"
LEAST = 64  # smaller pictures are enlarged to this, or the trunks run out of pixels


class LPIPS(ImageMetric):
    """LPIPS v0.1 (Zhang et al., CVPR 2018) by the ``lpips`` package; 0 for equal pictures.

    Uses the published ImageNet trunk, which must lie in torch's hub folder; it is accepted only
    if its sha256 begins with the digits in its name. Pictures below 64 px are enlarged to 64
    (bilinear) first. Differences from training-size pictures (64 px patches) are not corrected.

    Args:
        net: the trunk: "alex" (the authors' recommendation for evaluation), "vgg", "squeeze".

    Raises:
        MissingDataError: if the trunk is not there; nothing is downloaded.
        DataError: if the file is not the published one.
    """

    better = "higher"

    def __init__(self, *, net: Literal["alex", "vgg", "squeeze"] = "alex") -> None:
        if net not in TRUNKS:
            raise ConfigError(f"LPIPS.net: expected alex, vgg or squeeze, got {net!r}")
        self.net = net
        verify(trunk_file(net))

    @property
    def column(self) -> str:
        return "LPIPS" if self.net == "alex" else f"LPIPS {self.net}"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return _distance(_quiet(net=self.net), clean, attacked)


class LPIPSUntrained(ImageMetric):
    """The ``lpips`` package's own baseline: random trunk, no learned weights, a fixed seed.

    Not LPIPS, and not comparable with it; for machines without the published weights.
    """

    name = "LPIPS_untrained"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            network = _quiet(net="alex", pnet_rand=True, lpips=False)
        return _distance(network, clean, attacked)


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


def trunk_file(net: str) -> Path:
    """Return where the published trunk of ``net`` is expected."""
    return Path(torch.hub.get_dir()) / "checkpoints" / TRUNKS[net]


def verify(path: Path) -> str:
    """Return the sha256 of a weights file whose official name ends in its first digits.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is another file.
    """
    if not path.is_file():
        raise MissingDataError(
            f"no weights {path}: fetch them with `curl --create-dirs -o {path} {URL}{path.name}`"
        )
    found = sha256(path)
    if not found.startswith(path.stem.rpartition("-")[2]):
        raise DataError(f"{path} is not the published file (sha256 {found[:8]}...): delete it")
    return found


def _quiet(**settings: Any) -> torch.nn.Module:
    """Return the package's network without its prints and torchvision's deprecation warnings."""
    import lpips as package

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return package.LPIPS(verbose=False, **settings).eval().requires_grad_(False)


@torch.no_grad()
def _distance(network: torch.nn.Module, clean: Tensor, attacked: Tensor) -> Tensor:
    network.to(clean.device)

    def large(x: Tensor) -> Tensor:
        side = min(x.shape[-2:])
        if side < LEAST:
            x = F.interpolate(x, scale_factor=LEAST / side, mode="bilinear", align_corners=False)
        return x

    blocks = zip(clean.split(32), attacked.split(32), strict=True)
    found = [network(large(a), large(b), normalize=True).flatten() for a, b in blocks]
    return torch.cat(found)
