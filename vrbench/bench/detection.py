"""The stages in which a shop looks for fake users, and learns to look at pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.bench.store import Artifact, Store
from vrbench.core.dice import Dice
from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.threats.detectors.base import Detector
from vrbench.threats.detectors.pictures import PictureDetector, Watch

HONEST = 1000  # pictures by which a detector is judged, at most


def detect(store: Store, train: Interactions, detector: Detector) -> Artifact:
    """Return ``suspicion``, ``(num_users,)`` float64, and ``left_out``, bool.

    Args:
        store: where they are kept.
        train: what all users have, the fake ones among them.
        detector: who looks.
    """

    def make() -> dict[str, Tensor]:
        suspicion = detector.suspicion(train)
        left_out = detector.suspects(suspicion)
        return {
            "suspicion": torch.from_numpy(suspicion),
            "left_out": torch.from_numpy(left_out),
        }

    return store.fetch("detections", {"detector": detector, "train": train}, make)


def watch(
    store: Store, detector: PictureDetector, network: Extractor, images: Visuals, items: Tensor
) -> Watch | None:
    """Return a detector that was taught, and what it makes of honest pictures; None in a dry run.

    Pictures of the catalogue that are not attacked are drawn into two halves: one to learn from,
    one that is honest and new to it.

    Args:
        store: where both are kept.
        detector: who looks.
        network: what it looks through.
        images: the catalogue's pixels.
        items: ``(n,)`` the attacked items.

    Raises:
        IncompatibleError: if fewer than four pictures are not attacked.
    """
    drawn = torch.from_numpy(Dice(0, "pictures to watch").order(len(images)))
    others = drawn[~torch.isin(drawn, items)]
    if len(others) < 4:
        raise IncompatibleError(
            f"{detector.name} needs honest pictures: at least four that nobody attacks, "
            f"and there are {len(others)}"
        )
    half = len(others) // 2
    taught, honest = others[:half], others[half : half + HONEST]

    def make() -> dict[str, Tensor]:
        learnt = detector.learn(network, images, taught)
        suspicion = Watch(detector, network, learnt, torch.empty(0)).of(images[honest])
        return {"honest suspicion": suspicion} | learnt

    of = {"detector": detector, "network": network, "images": images, "items": items.tolist()}
    made = store.fetch("watches", of, make)
    if made.tensors is None:
        return None
    learnt = dict(made.tensors)
    return Watch(detector, network, learnt, learnt.pop("honest suspicion"), made.spec)
