"""C&W-L2, 5 x 100 steps, targeted, ResNet-18 at 64 px: vrbench, foolbox and torchattacks.

    python scripts/benchmarks/cw.py --data ../shared/data/clothing_men

All attack the same pictures of the same network in one process; success and mean L2 are compared
before rounding, over the successes of each. foolbox takes minutes: --peer-images takes fewer for
the peers, whose rate hardly depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from pgd import Target
from torch import Tensor
from victim import Logits, arguments, out, peer, victim

from vrbench.attacks.budget import L2
from vrbench.attacks.goal import TwoSpeed
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift


def main() -> None:
    """Run all and print one line each."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--peer-images", type=int, default=None)
    parser.add_argument("--no-peers", action="store_true")
    chosen = parser.parse_args()
    network, clean, items, target = victim(chosen)
    n = chosen.peer_images or len(clean)
    budget = L2(eps=float("inf"), store="float")

    def ours(goal: Any) -> Tensor:
        return CW(search_steps=5, steps=100)(clean, items, goal, budget, Streams(0))

    exact = Target(swift(network), target)
    quick = Target(swift(network, dtype=torch.bfloat16), target)

    runs: list[tuple[str, int, Callable[[], Tensor]]] = [
        ("vrbench float32", len(clean), lambda: ours(exact)),
        ("vrbench bfloat16", len(clean), lambda: ours(TwoSpeed(quick, exact))),
    ]
    if not chosen.no_peers:
        runs += _peers(network, clean[:n], target)
    for name, count, run in runs:
        began = time.perf_counter()
        x = run()
        seconds = time.perf_counter() - began
        with torch.no_grad():
            logits = torch.cat([network(b).logits for b in x.split(64)])
        won = logits.argmax(1) == target
        length = (x - clean[:count]).flatten(1).norm(dim=1)
        most = length[won].mean().item() if won.any() else float("nan")
        out(
            f"{name:20} {count / seconds:7.2f} pictures/s  success {won.float().mean():6.1%}  "
            f"mean L2 {most:.3f}  median {length[won].median():.3f}  ({count} in {seconds:.0f} s)"
        )


def _peers(network: Any, clean: Tensor, target: int) -> list[tuple[str, int, Callable[[], Tensor]]]:
    foolbox: Any = peer("foolbox")
    torchattacks: Any = peer("torchattacks")
    labels = torch.full((len(clean),), target, device=clean.device)
    model = foolbox.PyTorchModel(Logits(network).eval(), bounds=(0, 1), device=clean.device)
    criterion = foolbox.criteria.TargetedMisclassification(labels)
    fool = foolbox.attacks.L2CarliniWagnerAttack(binary_search_steps=5, steps=100)
    theirs = torchattacks.CW(Logits(network), steps=100)
    theirs.set_mode_targeted_by_label(quiet=True)
    return [
        ("foolbox", len(clean), lambda: fool(model, clean, criterion, epsilons=None)[0]),
        ("torchattacks", len(clean), lambda: theirs(clean, labels)),
    ]


if __name__ == "__main__":
    main()
