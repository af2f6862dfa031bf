"""C&W beside foolbox: pictures per second, success and mean L2 of the successes.

    python scripts/benchmarks/boundary.py --device cuda [--quick]

Nine values of c and 1,000 steps each; with ``--quick`` 100, on a processor two and 8. foolbox
leaves when no picture of the batch gets better, ours leaves picture by picture.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from turns import arguments, has_bfloat16, in_turns, peer, rated, row
from victim import Logits

from images import TARGET, Target, batch
from vrbench.attacks.budget import L2
from vrbench.attacks.goal import TwoSpeed
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift


def main() -> None:
    chosen = arguments(__doc__ or "")
    device = chosen.device
    extractor, size, clean, items, lain = batch(device, chosen.quick, on_gpu=16)
    search, steps = (9, 1000) if not chosen.quick else (9, 100) if device == "cuda" else (2, 8)
    goal = Target(swift(extractor))
    both = TwoSpeed(Target(swift(extractor, dtype=torch.bfloat16)), goal)
    free, made = L2(eps=float("inf"), store="float"), {}
    attack = CW(search_steps=search, steps=steps)

    def keep(name: str, call: Any) -> None:
        made[name] = call()

    calls: dict[str, Any] = {
        "vrbench float32": lambda: attack(clean, items, goal, free, Streams(0)),
    }
    if has_bfloat16(device):
        calls["vrbench bfloat16"] = lambda: attack(lain, items, both, free, Streams(0))
    library = peer("foolbox")
    if library is not None:
        model = library.PyTorchModel(Logits(extractor).eval(), bounds=(0, 1), device=clean.device)
        wanted = library.criteria.TargetedMisclassification(torch.full_like(items, TARGET))
        theirs = library.attacks.L2CarliniWagnerAttack(binary_search_steps=search, steps=steps)
        calls["foolbox"] = lambda: theirs(model, clean, wanted, epsilons=None)[1]
    ways = {name: partial(keep, name, call) for name, call in calls.items()}
    found = in_turns(ways, device, 1 if chosen.quick else chosen.turns)
    what = f"C&W {search} x {steps:,}, {size} px"
    rated(what, len(clean), "pictures/s", found, "foolbox" if library else "vrbench float32")
    won, away = {}, {}
    for name in found:
        with torch.no_grad():
            won[name] = Target(extractor).judge(made[name].contiguous(), items).margin < 0
        away[name] = (made[name] - clean).flatten(1).norm(dim=1)
    by_all = torch.stack(list(won.values())).all(0)
    for name in found:
        row(f"{what}: success", name, 100 * won[name].float().mean().item(), "%")
        shared = f"{what}: mean L2 of the {int(by_all.sum())} that all reached"
        for those, told in ((won[name], f"{what}: mean L2"), (by_all, shared)):
            if those.any():
                row(told, name, away[name][those].mean().item(), "of [0, 1]")


if __name__ == "__main__":
    main()
