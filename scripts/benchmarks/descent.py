"""PGD-10, targeted: pictures per second of vrbench, torchattacks and a bare loop.

    python scripts/benchmarks/descent.py --device cuda [--quick]

ResNet-50 at 224 px in batches of 128 on a GPU. The bare loop is our folded copy of the network and
ten signed steps, no random start, no check, no rounding at the end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from turns import arguments, ceiling, has_bfloat16, in_turns, peer, rated, row, worked
from victim import Logits

from images import TARGET, Target, batch, gradient_flops
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift

EPS, STEPS = 8, 10
BF16 = torch.bfloat16


def bare(copy: Any, clean: Tensor) -> Tensor:
    """Return the pictures after ten signed steps, and nothing else."""
    reach, x = EPS / 255, clean
    goal = torch.full((len(clean),), TARGET, device=clean.device)
    for _ in range(STEPS):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(copy(x).logits, goal), x)
        x = (x - reach / 4 * slope.sign()).clamp(clean - reach, clean + reach).clamp(0, 1)
    return x.detach()


def attacked(copy: Any, clean: Tensor, items: Tensor) -> Tensor:
    """Return what PGD of vrbench makes of them."""
    return PGD(steps=STEPS)(clean, items, Target(copy), Linf(eps=EPS), Streams(0))


def autocast(call: Any, device: str) -> Any:
    """Return what a call returns under bfloat16 autocast."""
    with torch.autocast(device, BF16):
        return call()


def main() -> None:
    chosen = arguments(__doc__ or "")
    device = chosen.device
    extractor, size, clean, items, lain = batch(device, chosen.quick)
    half = has_bfloat16(device)
    exact, quick = swift(extractor), swift(extractor, dtype=BF16 if half else torch.float32)
    name = "bfloat16" if half else "float32"
    ways: dict[str, Any] = {}
    library = peer("torchattacks")
    if library is not None:
        theirs = library.PGD(Logits(extractor), eps=EPS / 255, alpha=EPS / 1020, steps=STEPS)
        theirs.set_mode_targeted_by_label(quiet=True)
        call = partial(theirs, clean, torch.full_like(items, TARGET))
        ways["torchattacks float32"] = call
        if half:
            ways["torchattacks bfloat16 autocast"] = partial(autocast, call, device)
    ways["vrbench float32"] = partial(attacked, exact, clean, items)
    if half:
        ways["vrbench bfloat16"] = partial(attacked, quick, lain, items)
    ways[f"bare loop {name}"] = partial(bare, quick, lain)
    what = f"PGD-10, {size} px, batch {len(clean)}"
    base = "torchattacks bfloat16 autocast" if half else "torchattacks float32"
    base = base if library else f"bare loop {name}"
    work = gradient_flops(extractor, size, device) * STEPS * len(clean)
    kinds = (torch.float32, BF16) if half else (torch.float32,)
    most = {str(kind).partition(".")[2]: ceiling(device, kind) for kind in kinds}
    for kind, rate in most.items():
        row("product of matrices", kind, rate / 1e12, "TFLOP/s")

    def told(ways: dict[str, Any]) -> None:
        found = in_turns(ways, device, chosen.turns)
        rated(what, len(clean), "pictures/s", found, base)
        for who, taken in found.items():
            worked(what, who, work, taken, next(r for kind, r in most.items() if kind in who))

    told(ways)
    if device == "cuda":  # last: to compile takes as long as all the rest
        made = swift(extractor, dtype=BF16, compile_after=0)
        again = {f"{base}, again": ways[base]}
        again["vrbench bfloat16 compiled"] = partial(attacked, made, lain, items)
        again["bare loop bfloat16 compiled"] = partial(bare, made, lain)
        base = f"{base}, again"
        told(again)


if __name__ == "__main__":
    main()
