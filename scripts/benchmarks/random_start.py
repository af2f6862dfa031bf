"""The random start of an attack: streams of Philox beside one generator of PyTorch an item.

    python scripts/benchmarks/random_start.py [--device cuda]

Prints milliseconds for a batch of pictures of 224 px, medians of turns within one process, and on
a CPU the share of a forward and backward pass of ResNet-50 that a picture's start costs.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from vrbench.core.seeds import Streams, stream

Draw = Callable[[Tensor, tuple[int, ...]], Tensor]


def earlier(kind: str) -> Draw:
    """Return how an item drew before: a generator of its own, on the CPU."""
    draw = torch.rand if kind == "uniform" else torch.randn

    def drawn(items: Tensor, shape: tuple[int, ...]) -> Tensor:
        made = [stream(0, "attack", item) for item in items.tolist()]
        return torch.stack([draw(shape, generator=g) for g in made]).to(items.device)

    return drawn


def present(kind: str) -> Draw:
    """Return how it draws now."""
    return lambda items, shape: getattr(Streams(0, "attack"), kind)(items, *shape)


def milliseconds(work: Callable[[], object], device: str) -> float:
    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--turns", type=int, default=9)
    chosen = parser.parse_args()
    items, shape = torch.arange(chosen.batch, device=chosen.device), (3, 224, 224)
    for kind in ("uniform", "normal"):
        ways = {"a generator an item": earlier(kind), "Philox": present(kind)}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(chosen.turns + 1):
            for name, draw in ways.items():
                taken[name].append(milliseconds(lambda d=draw: d(items, shape), chosen.device))
        for name, found in taken.items():
            print(f"{kind:8} {name:20} {statistics.median(found[1:]):8.2f} ms")


if __name__ == "__main__":
    main()
