"""The stages of a run. Each is a function of what it is given, and cached by exactly that."""

from vrbench.bench.stages.attacks import Adversary, craft, perturb_features
from vrbench.bench.stages.extractors import split_off, teach
from vrbench.bench.stages.features import extract_features, label
from vrbench.bench.stages.gans import train_gan
from vrbench.bench.stages.images import decode_images
from vrbench.bench.stages.models import train, trained
from vrbench.bench.stages.rankings import injection, ranking, retrieve_candidates

__all__ = [
    "Adversary",
    "craft",
    "decode_images",
    "extract_features",
    "injection",
    "label",
    "perturb_features",
    "ranking",
    "retrieve_candidates",
    "split_off",
    "teach",
    "train",
    "train_gan",
    "trained",
]
