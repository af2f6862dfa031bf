"""Any network of torchvision or timm, by name."""

from vrbench.extractors.pretrained.encoders import Encoder
from vrbench.extractors.pretrained.library import (
    AUXILIARY,
    MEAN,
    STD,
    Library,
    LibrarySettings,
    imagenet_classes,
)
from vrbench.extractors.pretrained.timm_networks import Timm
from vrbench.extractors.pretrained.torchvision_networks import Torchvision

__all__ = [
    "AUXILIARY",
    "MEAN",
    "STD",
    "Encoder",
    "Library",
    "LibrarySettings",
    "Timm",
    "Torchvision",
    "imagenet_classes",
]
