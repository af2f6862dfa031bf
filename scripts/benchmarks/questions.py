"""Attacks that ask questions: pictures per second, and the share of products in device time.

    python scripts/benchmarks/questions.py --device cuda [--quick]

The bare pass asks the same number of questions of the same network in batches of 512; Square asks
as many at once as there are pictures.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from turns import arguments, ceiling, in_turns, rated, row, worked

from images import Target, network, pictures
from vrbench.attacks.black_box.gradient_estimation import SPSA
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import Linf
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift

PRODUCTS = ("conv", "gemm", "xmma", "cutlass", "mm", "linear", "wgrad", "dgrad", "fprop", "nvjet")


class Seen(Target):
    """The aim, and a public extractor."""

    def see(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features."""
        found: torch.Tensor = self.network(x).vector.float()
        return found


def passed_flops(extractor: torch.nn.Module, size: int, device: str) -> float:
    """Return the FLOPs of one picture through a network."""
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        extractor(torch.rand(2, 3, size, size, device=device))
    return counted.get_total_flops() / 2


def share_of_products(way: Any, device: str) -> float:
    """Return which share of device time goes into convolutions and products of matrices."""
    kind = ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU
    with profile(activities=[kind]) as told:
        way()
    name = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    where = getattr(DeviceType, device.upper())  # what starts a graph is counted elsewhere
    events = [event for event in told.key_averages() if event.device_type == where]
    taken = {event.key: getattr(event, name, 0.0) for event in events}
    products = sum(t for key, t in taken.items() if any(p in key.lower() for p in PRODUCTS))
    return products / max(sum(taken.values()), 1e-9)


def main() -> None:
    chosen = arguments(__doc__ or "")
    device = chosen.device
    extractor, size = network(device, chosen.quick)
    clean, items = pictures(128 if device == "cuda" else 2, size, device)
    queries = (100 if device == "cuda" else 20) if chosen.quick else 500
    goal, budget = Seen(swift(extractor)), Linf(eps=8)
    attacks = {
        "Square": Square(queries=queries, enough=None),
        "SPSA": SPSA(queries=queries, directions=10, enough=None),
        "feature regression": FeatureRegression(queries=queries, directions=19, enough=None),
    }

    def passes() -> None:
        with torch.no_grad():
            for _ in range(len(clean) * queries // len(batch)):
                goal.judge(batch, batch_items)

    most_at_once = min(512 if device == "cuda" else 64, len(clean) * queries)
    batch, batch_items = pictures(most_at_once, size, device)
    ways: dict[str, Any] = {
        name: partial(attack, clean, items, goal, budget, Streams(0))
        for name, attack in attacks.items()
    }
    ways["bare passes"] = passes
    found = in_turns(ways, device, 1 if chosen.quick else chosen.turns)
    what = f"{queries} questions, {size} px, float32"
    rated(what, len(clean), "pictures/s", found, "bare passes")
    most, one = ceiling(device, torch.float32), passed_flops(extractor, size, device)
    for name in ways:
        if name in found:
            worked(what, name, len(clean) * queries * one, found[name], most)
            share = 100 * share_of_products(ways[name], device)
            row("device time in products", name, share, "%")


if __name__ == "__main__":
    main()
