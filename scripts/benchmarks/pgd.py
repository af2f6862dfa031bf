"""PGD-10, targeted, ResNet-18 at 64 px: pictures per second of vrbench and of torchattacks.

    python scripts/benchmarks/pgd.py --data ../shared/data/clothing_men

Both attack the same pictures of the same network in one process, with the same eps, step and
number of steps, in turns; the best of three turns counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from victim import Logits, arguments, out, peer, victim

from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift

STEPS, TURNS = 10, 3


class Target:
    """Be classified as one class; any network that yields logits."""

    def __init__(self, network: Any, target: int) -> None:
        self.network, self.target = network, target

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        logits = self.network(x).logits.float()
        own = logits[:, self.target]
        rest = logits.index_fill(1, torch.tensor([self.target], device=x.device), -torch.inf)
        return Verdict(logits.logsumexp(1) - own, rest.amax(1) - own)


def main() -> None:
    """Run both and print one line each."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--eps", type=float, default=1.0, help="grey levels")
    chosen = parser.parse_args()
    torchattacks: Any = peer("torchattacks")
    network, clean, items, target = victim(chosen)
    eps = chosen.eps
    theirs = torchattacks.PGD(
        Logits(network), eps=eps / 255, alpha=eps / 4 / 255, steps=STEPS, random_start=True
    )
    theirs.set_mode_targeted_by_label(quiet=True)
    labels = torch.full((len(clean),), target, device=clean.device)
    budget = Linf(eps=eps, store="float")
    attack = PGD(steps=STEPS, step=0.25)

    def ours(model: Any) -> Callable[[], Tensor]:
        return lambda: attack(clean, items, Target(model, target), budget, Streams(0))

    runs: dict[str, Callable[[], Tensor]] = {
        "torchattacks": lambda: theirs(clean, labels),
        "vrbench float32, as it is": ours(network),
        "vrbench float32, swift": ours(swift(network)),
        "vrbench bfloat16, swift": ours(swift(network, dtype=torch.bfloat16)),
    }
    best = dict.fromkeys(runs, float("inf"))
    won: dict[str, float] = {}
    for _ in range(TURNS):
        for name, run in runs.items():
            began = time.perf_counter()
            x = run()
            best[name] = min(best[name], time.perf_counter() - began)
            with torch.no_grad():
                won[name] = (network(x).logits.argmax(1) == target).float().mean().item()
    for name, seconds in best.items():
        ratio = best["torchattacks"] / seconds
        out(f"{name:28} {len(clean) / seconds:7.1f} pictures/s  {ratio:5.2f} x  {won[name]:6.1%}")


if __name__ == "__main__":
    main()
