"""Any network of torchvision or timm, by name."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError, DataError, MissingDataError, nearest
from vrbench.core.files import sha256
from vrbench.core.weights import FETCH, FINGERPRINTS, fingerprint, read_plain, weights_folder
from vrbench.extractors.base import Extractor, Features, Prepared
from vrbench.extractors.checkpoints import load_checkpoint

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}  # heads of training


class LibrarySettings(TypedDict, total=False):
    """Which network of a library, and what is taken of it; see ``Library``."""

    arch: str
    weights: str | None
    size: int | None
    head: Literal["own", "catalogue"]


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
        weights, head = given["weights"], given["head"]
        if head not in ("own", "catalogue"):
            raise ConfigError(f"{self.name}.head: expected own or catalogue, got {head!r}")
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
        if Path(self.weights).suffix in (".pt", ".pth", ".tar", ".safetensors", ".bin"):
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
        last = [n for n, m in network.named_modules() if isinstance(m, nn.Linear)]
        if not last:
            raise ConfigError(f"{self.arch} does not end in a linear layer: it has no vector")
        self._last = last[-1]
        pools = [n for n, _ in network.named_modules() if n.rpartition(".")[2] == "avgpool"]
        self._pool = pools[-1] if pools else None
        if self.weights is None:
            self._shown = []
            return network, MEAN, STD
        mean, std = self._taught_on()
        if self.arch in AUXILIARY:
            network.transform_input = True
        other = (mean, std) != (MEAN, STD)
        self._shown = ["transformed"] if self.arch in AUXILIARY else [mean, std] if other else []
        return network, mean, std

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
                f"{self.arch} has no weights {self.weights!r}{nearest(self.weights, choices)}; "
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

        plain = self.arch.partition(".")[0]
        if not timm.is_model(plain):
            known = timm.list_models()
            raise ConfigError(f"timm has no network {plain!r}{nearest(plain, known)}")
        fixed: dict[str, Any] = {} if self.size is None else {"img_size": self.size}
        try:
            network: Any = timm.create_model(self.arch, pretrained=False, **fixed)
        except TypeError:  # convolutional networks take any size and no such argument
            network = timm.create_model(self.arch, pretrained=False)
        except RuntimeError as error:
            raise ConfigError(f"timm: {error}") from error
        if not isinstance(network.get_classifier(), nn.Linear):
            raise ConfigError(f"{self.arch} does not end in a linear layer: it has no vector")
        config = timm.data.resolve_data_config({}, model=network)
        return network, config["mean"], config["std"]

    def published(self) -> tuple[Path, dict[str, Any]]:
        from huggingface_hub import try_to_load_from_cache

        if self.weights != "published":
            raise ConfigError(
                f"Timm.weights: expected 'published' or the path of a file, got {self.weights!r}"
            )
        plain = self.arch.partition(".")[0]
        own = weights_folder() / f"{plain}.safetensors"
        if plain in FINGERPRINTS and own.is_file():
            return own, {"sha256": _checked(own, plain), "licence": "Apache-2.0"}
        config: Any = self.network.pretrained_cfg
        hub = config.get("hf_hub_id") if isinstance(config, dict) else config.hf_hub_id
        if not hub:
            raise ConfigError(f"timm publishes no weights for {self.arch}")
        found = try_to_load_from_cache(hub, "model.safetensors")
        if not isinstance(found, str):
            way = f"`hf download {hub} model.safetensors`"
            if plain in FINGERPRINTS:
                raise MissingDataError(f"no weights {own}: fetch them with {FETCH}, or {way}")
            raise MissingDataError(f"no weights of {hub}: fetch them with {way}")
        licence = config.get("license") if isinstance(config, dict) else config.license
        return Path(found), {"url": f"https://huggingface.co/{hub}", "licence": licence or "?"}

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


def _checked(path: Path, arch: str) -> str:
    """Return the fingerprint of a file of published weights, by which they are known.

    Raises:
        DataError: if it holds others.
    """
    found = fingerprint(read_plain(path))
    if found != FINGERPRINTS[arch]:
        raise DataError(f"{path} does not hold the published weights: delete it, then {FETCH}")
    return found


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
