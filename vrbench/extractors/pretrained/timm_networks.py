"""Networks of timm, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vrbench.core.errors import ConfigError, DataError, MissingDataError, nearest
from vrbench.core.weights import FETCH, FINGERPRINTS, fingerprint, read_plain, weights_folder
from vrbench.extractors.pretrained.library import Library, LibrarySettings


class Timm(Library):
    """A network of timm; ``weights`` "published", or a path.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Timm
        >>> network = Timm(arch="resnet10t", size=32)
        >>> network.build(("red", "green", "blue"))
        >>> network.eval()(torch.zeros(1, 3, 32, 32)).logits.shape
        torch.Size([1, 3])
    """

    paper = ""

    defaults = LibrarySettings(arch="resnet50.a1_in1k")

    def make(self) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
        import timm

        network: Any = create(self.arch, self.size)
        if not isinstance(network.get_classifier(), nn.Linear):
            raise ConfigError(f"{self.arch} does not end in a linear layer: it has no vector")
        config = timm.data.resolve_data_config({}, model=network)
        return network, config["mean"], config["std"]

    def published(self) -> tuple[Path, dict[str, Any]]:
        return published_file(self.arch, str(self.weights), self.network)

    def head_module(self) -> nn.Module:
        network: Any = self.network
        return network.get_classifier()

    def replace_head(self, head: nn.Linear) -> None:
        old = self.head_module()
        path = next(name for name, module in self.network.named_modules() if module is old)
        parent, _, name = path.rpartition(".")
        setattr(self.network.get_submodule(parent), name, head)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        network: Any = self.network
        grid = network.forward_features(x)
        vector = network.forward_head(grid, pre_logits=True)
        logits = self.head_module()(vector)
        if grid.ndim == 3:
            grid = grid[:, getattr(network, "num_prefix_tokens", 0) :]
        elif getattr(network, "output_fmt", "NCHW") == "NHWC":
            grid = grid.flatten(1, 2)
        return vector, grid, logits


def create(arch: str, size: int | None, *, classify: bool = True) -> nn.Module:
    """Return an untrained network of timm.

    Args:
        arch: its name.
        size: height and width of its pictures, for those that must know; None: the published ones.
        classify: whether the published last layer is a part of it.

    Raises:
        ConfigError: if timm has none of that name.
    """
    import timm

    plain = arch.partition(".")[0]
    if not timm.is_model(plain):
        known = timm.list_models()
        raise ConfigError(f"timm has no network {plain!r}{nearest(plain, known)}")
    fixed: dict[str, Any] = {} if classify else {"num_classes": 0}
    try:
        if size is None:
            return timm.create_model(arch, pretrained=False, **fixed)
        try:
            return timm.create_model(arch, pretrained=False, img_size=size, **fixed)
        except TypeError:  # convolutional networks take any size and no such argument
            return timm.create_model(arch, pretrained=False, **fixed)
    except RuntimeError as error:
        raise ConfigError(f"timm: {error}") from error


def published_file(arch: str, weights: str, network: Any) -> tuple[Path, dict[str, Any]]:
    """Return the local file of the weights that timm publishes, and what is known of them.

    Raises:
        ConfigError: if ``weights`` is not "published", or none are.
        MissingDataError: if they are not there; the line says how to fetch them.
        DataError: if the file does not hold them.
    """
    from huggingface_hub import try_to_load_from_cache

    if weights != "published":
        raise ConfigError(
            f"Timm.weights: expected 'published' or the path of a file, got {weights!r:.60}"
        )
    plain = arch.partition(".")[0]
    own = weights_folder() / f"{plain}.safetensors"
    if plain in FINGERPRINTS and own.is_file():
        return own, {"sha256": _checked(own, plain), "licence": "Apache-2.0"}
    hub = _config(network, "hf_hub_id")
    if not hub:
        raise ConfigError(f"timm publishes no weights for {arch}")
    found = try_to_load_from_cache(hub, "model.safetensors")
    if not isinstance(found, str):
        way = f"`hf download {hub} model.safetensors`"
        if plain in FINGERPRINTS:
            raise MissingDataError(f"no weights {own}: fetch them with {FETCH}, or {way}")
        raise MissingDataError(f"no weights of {hub}: fetch them with {way}")
    licence = _config(network, "license")
    return Path(found), {"url": f"https://huggingface.co/{hub}", "licence": licence or "?"}


def _config(network: Any, key: str) -> Any:
    """Return what timm notes of a network's published weights."""
    config = network.pretrained_cfg
    return config.get(key) if isinstance(config, dict) else getattr(config, key)


def _checked(path: Path, arch: str) -> str:
    """Return the fingerprint of a file of published weights, by which they are known.

    Raises:
        DataError: if it holds others.
    """
    found = fingerprint(read_plain(path))
    if found != FINGERPRINTS[arch]:
        raise DataError(f"{path} does not hold the published weights: delete it, then {FETCH}")
    return found
