"""Frozen image encoders of timm: CLIP, SigLIP, DINOv2, ConvNeXt, ViT and their kind."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.errors import ConfigError, one_of
from vrbench.extractors.base import Extractor, Features
from vrbench.extractors.checkpoints import load_checkpoint
from vrbench.extractors.pretrained.library import names_file
from vrbench.extractors.pretrained.timm_networks import create, published_file

Pool = Literal["head", "projected", "cls", "mean"]


class Encoder(Extractor):
    """A pretrained encoder of timm: which tokens of which block are an item's features.

    CLIP (Radford et al., ICML 2021), SigLIP (Zhai et al., ICCV 2023), DINOv2 (Oquab et al., TMLR
    2024), ConvNeXt (Liu et al., CVPR 2022), ViT (Dosovitskiy et al., ICLR 2021) and their kind.

    Pictures go in as the weights were taught: the shorter side becomes ``size / crop``, the middle
    square of ``size`` is kept, and mean and standard deviation are timm's for these weights. Where
    ``size`` is not the published one, position embeddings are resampled, as timm does.

    ``vector`` is what ``pool`` says, ``maps`` the tokens of patches, or the cells of a convolution,
    after ``layer``. Its last layer is a new one, for the catalogue's categories, taught by a
    regime with ``part="head"``; features are the same with and without it.

    Args:
        arch: a name of timm, with that of its weights: ``vit_small_patch14_dinov2.lvd142m``.
        weights: None draws them anew when a regime teaches it; "published" is timm's file in the
            cache of the Hugging Face hub; or the path of a file, in timm's layout or in that of
            the original release (OpenAI's, OpenCLIP's and Meta's are known).
        size: height and width of what the network sees; None: the published ones.
        crop: share of the height and width that is kept, in (0, 1]; None: the published one.
        pool: "head" is what the published last layer is given: CLIP's, DINOv2's and ViT's class
            token, SigLIP's attention pooling, ConvNeXt's normalised mean. "projected" goes through
            that layer too: CLIP's space of pictures and texts. "cls" is the class token after
            ``layer``, "mean" the mean of the patches there.
        layer: for "cls" and "mean", the block, or the stage of a convolutional network, counted
            from 0, or backwards from -1. The final normalisation of a transformer is applied after
            whichever block it is, as DINOv2's authors do.

    Raises:
        ConfigError: if timm has no such network, or it has no such token or layer.
        MissingDataError: if weights are not there; nothing is downloaded.
        DataError: if the file is not what its name says.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Encoder
        >>> network = Encoder(arch="test_vit", size=32, pool="mean", layer=-2)
        >>> network.build(("red", "green", "blue"))
        >>> seen = network.eval()(torch.zeros(2, 3, 32, 32))
        >>> seen.vector.shape, seen.maps.shape, seen.logits.shape
        (torch.Size([2, 64]), torch.Size([2, 4, 64]), torch.Size([2, 3]))
    """

    paper = (
        "Radford et al., ICML 2021; Zhai et al., ICCV 2023; Oquab et al., TMLR 2024; "
        "Liu et al., CVPR 2022; Dosovitskiy et al., ICLR 2021"
    )
    learns = True

    def __init__(
        self,
        *,
        arch: str = "vit_small_patch16_224.augreg_in21k",
        weights: str | None = None,
        size: int | None = None,
        crop: float | None = None,
        pool: Pool = "head",
        layer: int = -1,
    ) -> None:
        super().__init__()
        self.refuse_if(size is not None and size < 16, "size >= 16")
        self.refuse_if(crop is not None and not 0.1 <= crop <= 1, "crop in [0.1, 1]")
        self.pool, self.layer = one_of(f"{self.name}.pool", pool, Pool), layer
        self.arch, self.weights = arch, weights
        self.network = create(arch, size, classify=pool == "projected")
        config = _config(self.network)
        self.size, self.crop = size or config["input_size"][-1], crop or config["crop_pct"]
        self.interpolation: str = config["interpolation"]
        self.width = self._width()
        self._origin = self._fill() if weights is not None else {}
        if self._origin:  # the key holds what the weights are, not where they lay
            self.spec = self.spec | {"weights": self._origin["sha256"]}
        self.register_buffer("mean", torch.tensor(config["mean"])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(config["std"])[:, None, None], persistent=False)
        self.head = nn.Linear(self.width, 1)

    mean: Tensor
    std: Tensor

    @property
    def origin(self) -> dict[str, Any]:
        return self._origin

    def _width(self) -> int:
        """Return the length of the vector; refuse what the network does not have."""
        network: Any = self.network
        blocks = getattr(network, "feature_info", [])
        if not hasattr(network, "forward_intermediates"):
            raise ConfigError(f"timm shows no single layers of {self.arch}: use Timm for it")
        if not -len(blocks) <= self.layer < len(blocks):
            raise ConfigError(
                f"{self.arch} has {len(blocks)} layers: expected layer in [{-len(blocks)}, "
                f"{len(blocks) - 1}], got {self.layer}"
            )
        if self.pool in ("head", "projected"):
            if self.layer not in (-1, len(blocks) - 1):
                raise ConfigError(
                    f"{self.arch}: pool={self.pool} is of the last layer: layer=-1, or pool=mean"
                )
            head = network.get_classifier()
            if self.pool == "projected" and not isinstance(head, nn.Linear):
                raise ConfigError(f"{self.arch} has no projection: pool=head")
            return int(head.out_features if self.pool == "projected" else network.head_hidden_size)
        if self.pool == "cls" and getattr(network, "cls_token", None) is None:
            raise ConfigError(f"{self.arch} has no class token: pool=head or pool=mean")
        return int(blocks[self.layer]["num_chs"])

    def _fill(self) -> dict[str, Any]:
        """Load the weights asked for and return their origin."""
        weights = str(self.weights)
        if names_file(weights):
            path, known = Path(weights), {"licence": "unknown"}
        else:
            path, known = published_file(self.arch, weights, self.network)
        # timm knows the layouts of the original releases, and resamples position embeddings
        home = sys.modules[type(self.network).__module__]
        known_layouts = getattr(home, "checkpoint_filter_fn", lambda state, _: state)
        origin = load_checkpoint(
            path,
            self.network,
            left_out=("head.", "fc."),
            convert=lambda state: known_layouts(state, self.network),
        )
        return origin | known

    def build(self, names: tuple[str, ...]) -> None:
        self.classes = names
        self.head = nn.Linear(self.width, len(names)).to(self.device)

    def head_module(self) -> nn.Module:
        return self.head

    def prepared(self, pixels: Tensor) -> Tensor:
        """Return the pictures as the first layer takes them."""
        short, (high, wide) = math.floor(self.size / self.crop), pixels.shape[-2:]
        if min(high, wide) != short:
            least = min(high, wide)
            sides = int(short * high / least), int(short * wide / least)
            # on a CPU bfloat16 is not resized
            exact = pixels.float() if pixels.dtype.itemsize < 4 else pixels
            resized = F.interpolate(
                exact, sides, mode=self.interpolation, antialias=True, align_corners=False
            )
            pixels = resized.clamp(0, 1).to(pixels.dtype)
        top, left = (round((side - self.size) / 2) for side in pixels.shape[-2:])
        middle = pixels[..., top : top + self.size, left : left + self.size]
        return (middle - self.mean) / self.std

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector ``(B, D)`` and the tokens ``(B, L, C)`` of prepared pictures."""
        network: Any = self.network
        if self.pool in ("head", "projected"):
            whole = network.forward_features(x)
            vector = network.forward_head(whole, pre_logits=self.pool == "head")
            return vector.flatten(1), self._tokens(whole)
        form = "NLC" if hasattr(network, "cls_token") else "NCHW"
        asked = {"return_prefix_tokens": True} if form == "NLC" else {}
        (found,) = network.forward_intermediates(
            x,
            indices=[self.layer],
            norm=True,
            stop_early=True,
            intermediates_only=True,
            output_fmt=form,
            **asked,
        )
        patches, before = found if isinstance(found, tuple) else (found, None)
        tokens = patches.flatten(2).transpose(1, 2) if patches.ndim == 4 else patches
        if self.pool == "mean":
            return tokens.mean(1), tokens
        assert before is not None, "whoever has a class token has it in front"
        return before[:, 0], tokens

    def _tokens(self, whole: Tensor) -> Tensor:
        """Return what stands for patches in what the network's trunk returns."""
        if whole.ndim == 3:
            return whole[:, getattr(self.network, "num_prefix_tokens", 0) :]
        if getattr(self.network, "output_fmt", "NCHW") == "NHWC":
            return whole.flatten(1, 2)
        return whole.flatten(2).transpose(1, 2)

    def forward(self, pixels: Tensor) -> Features:
        vector, tokens = self.look(self.prepared(pixels))
        return Features(vector, tokens, self.head(vector))


def _config(network: nn.Module) -> dict[str, Any]:
    """Return what timm says of the pictures that the published weights were taught on."""
    import timm

    config: dict[str, Any] = timm.data.resolve_data_config({}, model=network)
    return config
