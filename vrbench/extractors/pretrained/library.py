"""A network of somebody's library: its weights, its head, what it is shown."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError, DataError, one_of
from vrbench.extractors.base import Extractor, Features, Prepared
from vrbench.extractors.checkpoints import load_checkpoint

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}  # heads of training

Head = Literal["own", "catalogue"]


class LibrarySettings(TypedDict, total=False):
    """Which network of a library, and what is taken of it; see ``Library``."""

    arch: str
    weights: str | None
    size: int | None
    head: Head


class Library(Extractor):
    """A network out of a library, with its own preprocessing inside.

    Args:
        arch: its name there.
        weights: None draws them anew when a training regime teaches it; otherwise the library's
            name for published ImageNet weights, or the path of a checkpoint.
        size: pictures are resized to this height and width (bicubic, antialiased, differentiable);
            None leaves them, as TAaMR and VAR did.
        head: "own" keeps the classes the weights were trained on, which then are the labels of
            ``scenario.labels=own``; "catalogue" puts a new last layer, to be taught by a regime.

    Raises:
        ConfigError: if the architecture is unknown.
        MissingDataError: if weights are not there; nothing is downloaded.
        DataError: if the file is not what its name says.

    Example:
        >>> from vrbench.extractors import Library, Timm, Torchvision
        >>> issubclass(Torchvision, Library), issubclass(Timm, Library)
        (True, True)
    """

    defaults = LibrarySettings(weights=None, size=None, head="catalogue")

    def __init__(self, **library: Unpack[LibrarySettings]) -> None:
        super().__init__()
        given = self.with_defaults(LibrarySettings, library)
        weights, head = given["weights"], one_of(f"{self.name}.head", given["head"], Head)
        if head == "own" and weights is None:
            raise ConfigError(
                f"{self.name}: {given['arch']} without weights has no classes of its own: "
                "head=catalogue"
            )
        self.arch, self.size = given["arch"], given["size"]
        self.weights, self.head = weights, head
        self.network, mean, std = self.make()
        self._origin = self.fill() if weights is not None else {}
        if head == "own":
            self.classes = imagenet_classes(self.head_module())
        if self._origin:  # the key holds what the weights are, not where they lay
            self.spec = self.spec | {"weights": self._origin["sha256"]}
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    mean: Tensor
    std: Tensor

    @property
    def learns(self) -> bool:  # type: ignore[override]
        """Whether a regime must teach it first."""
        return self.head == "catalogue"

    @property
    def origin(self) -> dict[str, Any]:
        return self._origin

    @abstractmethod
    def make(self) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
        """Return the untrained network, and mean and standard deviation of its input."""

    @abstractmethod
    def published(self) -> tuple[Path, dict[str, Any]]:
        """Return the local file of the published weights named, and what is known of them."""

    @abstractmethod
    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return vector, last feature map ``(B, C, h, w)`` or tokens ``(B, L, C)``, logits."""

    def fill(self) -> dict[str, Any]:
        """Load the weights asked for and return their origin."""
        assert self.weights is not None
        if names_file(self.weights):
            path, known = Path(self.weights), {"licence": "unknown"}
        else:
            path, known = self.published()
        return load_checkpoint(path, self.network, left_out=AUXILIARY.get(self.arch, ())) | known

    def build(self, names: tuple[str, ...]) -> None:
        if self.head == "catalogue":
            old = self.head_module()
            assert isinstance(old, nn.Linear)
            self.replace_head(nn.Linear(old.in_features, len(names)).to(self.device))
            self.classes = names

    @abstractmethod
    def replace_head(self, head: nn.Linear) -> None:
        """Put another last layer in place."""

    def prepared(self, pixels: Tensor) -> Tensor:
        """Return the pictures as the first layer takes them."""
        if self.size is not None and pixels.shape[-2:] != (self.size, self.size):
            pixels = F.interpolate(
                pixels, (self.size, self.size), mode="bicubic", antialias=True, align_corners=False
            ).clamp(0, 1)
        return (pixels - self.mean) / self.std

    def halves(self) -> tuple[nn.Module, nn.Module]:
        blocks = dict(self.network.named_children())
        if not isinstance(blocks.get("layer4"), nn.Sequential):
            return super().halves()
        names = list(blocks)
        at = names.index("layer4")
        last = blocks["layer4"]
        assert isinstance(last, nn.Sequential)
        before = [blocks[name] for name in names[:at]]
        first = nn.Sequential(Prepared(self.prepared), *before, *last[:-1])
        return first, nn.Sequential(last[-1], blocks[names[at + 1]], nn.Flatten())

    def forward(self, pixels: Tensor) -> Features:
        vector, maps, logits = self.look(self.prepared(pixels))
        if maps.ndim == 4:
            maps = maps.flatten(2).transpose(1, 2)
        return Features(vector.flatten(1), maps, logits)


def names_file(weights: str) -> bool:
    """Whether it is the path of a checkpoint, not the library's name for weights."""
    return Path(weights).suffix in (".pt", ".pth", ".tar", ".safetensors", ".bin")


def imagenet_classes(head: nn.Module) -> tuple[str, ...]:
    """Return the 1,000 ImageNet names, numbered where two classes share one.

    Raises:
        DataError: if the network has another number of classes.
    """
    from torchvision.models import ResNet50_Weights

    names: list[str] = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]
    if not isinstance(head, nn.Linear) or head.out_features != len(names):
        raise DataError("a network with classes of its own must have ImageNet's 1,000")
    return tuple(f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names))
