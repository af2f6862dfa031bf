"""The stage in which a shop looks for fake users."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.bench.store import Artifact, Store
from vrbench.data.interactions import Interactions
from vrbench.threats.detectors.base import Detector


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
