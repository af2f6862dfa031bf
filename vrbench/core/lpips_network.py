"""The network of LPIPS, with the published trunk; what metric and budget share."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.core.weights import FETCH, FINGERPRINTS, fingerprint, read_plain, weights_folder

TRUNKS = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
URL = "https://download.pytorch.org/models/"
SUFFIXES = (".pth", ".pt", ".safetensors")
LEAST = 64  # smaller pictures are enlarged to this, or the trunks run out of pixels
BLOCK = 32  # pictures at once


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
    network = drawn(net=net)
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


def drawn(*, net: str, lpips: bool = True) -> torch.nn.Module:
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
def distances(network: torch.nn.Module, clean: Tensor, attacked: Tensor) -> Tensor:
    """Return, ``(B,)``, the LPIPS of pairs of pictures in [0, 1], ``(B, 3, H, W)``."""
    network.to(clean.device)

    def large(x: Tensor) -> Tensor:
        side = min(x.shape[-2:])
        if side < LEAST:
            x = F.interpolate(x, scale_factor=LEAST / side, mode="bilinear", align_corners=False)
        return x

    blocks = zip(clean.split(BLOCK), attacked.split(BLOCK), strict=True)
    found = [network(large(a), large(b), normalize=True).flatten() for a, b in blocks]
    return torch.cat(found)
