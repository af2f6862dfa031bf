"""Networks of torchvision, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError, DataError, MissingDataError, nearest
from vrbench.core.files import sha256
from vrbench.extractors.pretrained.library import AUXILIARY, MEAN, STD, Library, LibrarySettings


class Torchvision(Library):
    """A classification network of torchvision; ``weights`` such as ``IMAGENET1K_V1``.

    What a network with weights is shown is what its published weights were taught on: the mean and
    standard deviation of their own, and in GoogLeNet and Inception, which came from elsewhere, the
    change of scale that torchvision makes only when it loads them itself. Heads that serve their
    training alone are left out.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Torchvision
        >>> network = Torchvision(arch="resnet18", size=32)
        >>> network.build(("red", "green", "blue"))
        >>> network.eval()(torch.zeros(1, 3, 32, 32)).logits.shape
        torch.Size([1, 3])
    """

    paper = ""

    defaults = LibrarySettings(arch="resnet50")

    def __init__(self, **library: Unpack[LibrarySettings]) -> None:
        super().__init__(**library)
        if self._shown:  # other than before it was seen to: no key of another network moves
            self.spec = self.spec | {"shown": self._shown}

    _shown: list[Any]

    def make(self) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
        from torchvision import models

        known = models.list_models(module=models)
        if self.arch not in known:
            raise ConfigError(
                f"torchvision has no classifier {self.arch!r}{nearest(self.arch, known)}"
            )
        settings = {"aux_logits": False} if self.arch in AUXILIARY else {}
        network = models.get_model(self.arch, weights=None, **settings)
        self._note_layers(network)
        mean, std = (MEAN, STD) if self.weights is None else self._taught_on()
        self._shown = [] if (mean, std) == (MEAN, STD) else [mean, std]
        if self.weights is not None and self.arch in AUXILIARY:
            network.transform_input, self._shown = True, ["transformed"]
        return network, mean, std

    def _note_layers(self, network: nn.Module) -> None:
        """Remember where the network's last layer and its pooling stand."""
        last = [n for n, m in network.named_modules() if isinstance(m, nn.Linear)]
        if not last:
            raise ConfigError(f"{self.arch} does not end in a linear layer: it has no vector")
        pools = [n for n, _ in network.named_modules() if n.rpartition(".")[2] == "avgpool"]
        self._last, self._pool = last[-1], pools[-1] if pools else None

    def _taught_on(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of the weights asked for, by name or by file."""
        from torchvision import models

        weights: Any = models.get_model_weights(self.arch)
        asked = Path(str(self.weights)).name
        named = [w for w in weights if asked in (w.name, w.url.rpartition("/")[2])]
        for known in [*named, *([weights.DEFAULT] if len(weights) else [])]:
            shown = known.transforms()
            return tuple(shown.mean), tuple(shown.std)
        return MEAN, STD

    def published(self) -> tuple[Path, dict[str, Any]]:
        from torchvision import models

        choices = {w.name: w for w in models.get_model_weights(self.arch)}
        if self.weights not in choices:
            raise ConfigError(
                f"{self.arch} has no weights {self.weights!r:.60}{nearest(self.weights, choices)}; "
                f"there is {', '.join(choices)}, or the path of a .pth, .pt or .safetensors file"
            )
        url = choices[self.weights].url
        path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        if not path.is_file():
            raise MissingDataError(
                f"no weights {path}: fetch them with `curl --create-dirs -o {path} {url}`"
            )
        if not sha256(path).startswith(path.stem.rpartition("-")[2]):
            raise DataError(
                f"{path} is not the published file (its sha256 does not begin with the digits "
                "in its name): delete it and fetch it again"
            )
        return path, {"url": url, "licence": "BSD-3-Clause (torchvision); data: ImageNet terms"}

    def head_module(self) -> nn.Module:
        return self.network.get_submodule(self._last)

    def replace_head(self, head: nn.Linear) -> None:
        parent, _, name = self._last.rpartition(".")
        setattr(self.network.get_submodule(parent), name, head)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Hooks live for one call only: a copy of this module must not report to the original.
        seen: dict[str, Tensor] = {}
        watched = [(self.head_module(), "vector", True)]
        if self._pool is not None:
            watched.append((self.network.get_submodule(self._pool), "maps", True))
        elif "encoder" in dict(self.network.named_children()):
            watched.append((self.network.get_submodule("encoder"), "tokens", False))
        else:
            watched.append((self.network.get_submodule("features"), "maps", False))
        handles = [_watch(module, name, before, seen) for module, name, before in watched]
        try:
            logits = self.network(x)
        finally:
            for handle in handles:
                handle.remove()
        maps = seen["tokens"][:, 1:] if "tokens" in seen else seen["maps"]
        return seen["vector"], maps, logits


def _watch(
    module: nn.Module, name: str, before: bool, seen: dict[str, Tensor]
) -> torch.utils.hooks.RemovableHandle:
    """Note what goes into a module (``before``) or comes out of it under ``name``."""
    if before:

        def note_input(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            seen[name] = args[0]

        return module.register_forward_pre_hook(note_input)

    def note_output(_: nn.Module, __: Any, out: Tensor) -> None:
        seen[name] = out

    return module.register_forward_hook(note_output)
