"""Learned perceptual image patch similarity."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.core.weights import FETCH, FINGERPRINTS, fingerprint, read_plain, weights_folder
from vrbench.metrics.base import ImageMetric

log = logging.getLogger(__name__)
TRUNKS = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
URL = "https://download.pytorch.org/models/"
SUFFIXES = (".pth", ".pt", ".safetensors")
LEAST = 64  # smaller pictures are enlarged to this, or the trunks run out of pixels


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
        return _distance(with_trunk(self.net, self._file), clean, attacked)


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
        return _distance(_quiet(net="alex", lpips=False), clean, attacked)


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
    """Return the file of the published trunk of ``net``: the first one that is genuine.

    Raises:
        MissingDataError: if there is none at all.
        DataError: if none is genuine; tells what is wrong with the first.
    """
    official = Path(torch.hub.get_dir()) / "checkpoints" / TRUNKS[net]
    own = [path for path in weights_folder().glob("*") if path.suffix in SUFFIXES]
    same = [path for path in sorted(own) if _architecture(path) == _architecture(official)]
    wrong: DataError | None = None
    for path in filter(Path.is_file, [official, *same]):
        try:
            verify(path)
        except DataError as error:
            wrong = wrong or error
        else:
            return path
    if wrong is not None:
        raise wrong
    by_hand = f"`curl --create-dirs -o {official} {URL}{official.name}`"
    ways = by_hand if net == "squeeze" else f"{by_hand} or {FETCH}"
    raise MissingDataError(f"no weights {official}: fetch them with {ways}")


def verify(path: Path) -> str:
    """Return the sha256 by which a trunk is known: of its convolutions, or else of its file.

    Raises:
        DataError: if it is not the published one.
    """
    if _architecture(path) in FINGERPRINTS:
        found = fingerprint(convolutions(path))
        expected = FINGERPRINTS[_architecture(path)]
    else:
        found, expected = sha256(path), path.stem.rpartition("-")[2]
    if not found.startswith(expected):
        raise DataError(f"{path} is not the published file (sha256 {found[:8]}...): delete it")
    return found


def convolutions(path: Path) -> dict[str, Tensor]:
    """Return the ``features.*`` of a file, without that prefix.

    Raises:
        DataError: if it cannot be read, or holds none.
    """
    state = read_plain(path)
    kept = [name for name in state if name.startswith("features.")]
    if not kept:
        raise DataError(f"{path} is not the published file (it has no features.*): delete it")
    return {name.removeprefix("features."): state[name] for name in kept}


def with_trunk(net: str, path: Path) -> torch.nn.Module:
    """Return the package's LPIPS with its trunk out of a file.

    Raises:
        DataError: if the file is one of another network.
    """
    network = _quiet(net=net)
    inside: torch.nn.Module = network.get_submodule("net")
    own = inside.state_dict()  # named slice1.0.weight, where torchvision has features.0.weight
    trunk = convolutions(path)
    try:
        inside.load_state_dict({name: trunk[name.partition(".")[2]] for name in own})
    except (KeyError, RuntimeError) as error:
        told = str(error).splitlines()[0]
        raise DataError(f"{path} does not fit the network {net}: {told}") from error
    return network


def _architecture(path: Path) -> str:
    """Return which network a file is of, as its name begins with it."""
    return path.name.partition("-")[0].partition(".")[0]


def _quiet(*, net: str, lpips: bool = True) -> torch.nn.Module:
    """Return the package's network, its trunk drawn at random: always the same draw.

    Without its prints and torchvision's deprecation warnings, and whatever the global state of
    chance is, which it leaves.
    """
    import lpips as package

    with (
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        network = package.LPIPS(net=net, lpips=lpips, pnet_rand=True, verbose=False)
    return network.eval().requires_grad_(False)


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
