"""The random start of an attack: a counter's numbers, beside one generator of PyTorch an item.

    python scripts/benchmarks/random_start.py --device cuda

Milliseconds for a batch of pictures of 224 px, beside one gradient step of the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from turns import arguments, has_bfloat16, in_turns, row

from images import Target, batch
from vrbench.attacks.goal import gradient
from vrbench.core.seeds import Streams, stream
from vrbench.extractors.inference_copy import swift


def earlier(draw: Callable[..., Tensor], items: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return what was drawn by a generator of each item, on the CPU."""
    made = [stream(0, "attack", item) for item in items.tolist()]
    return torch.stack([draw(shape, generator=g) for g in made]).to(items.device)


def present(kind: str, items: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return what is drawn now, where it is needed."""
    found: Tensor = getattr(Streams(0, "attack"), kind)(items, *shape)
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    device = chosen.device
    extractor, size, clean, items, lain = batch(device, chosen.quick)
    shape = tuple(clean.shape[1:])
    kind = torch.bfloat16 if has_bfloat16(device) else torch.float32
    step = f"one gradient step, {str(kind).partition('.')[2]}"
    goal = Target(swift(extractor, dtype=kind))
    ways: dict[str, Any] = {
        "uniform, Philox": partial(present, "uniform", items, shape),
        "uniform, a generator an item": partial(earlier, torch.rand, items, shape),
        "normal, Philox": partial(present, "normal", items, shape),
        "normal, a generator an item": partial(earlier, torch.randn, items, shape),
        step: partial(gradient, goal, lain, items),
    }
    found = in_turns(ways, device, chosen.turns)
    for name, taken in found.items():
        ratio = taken / found[step] if step in found else float("nan")
        what = f"random start, {size} px, batch {len(items)}"
        row(what, name, 1000 * taken, "ms", ratio=ratio, base="a gradient step")


if __name__ == "__main__":
    main()
