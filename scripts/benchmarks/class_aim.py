"""Attacks on a class within a budget: how many pictures of one class they get away from it.

    python scripts/benchmarks/class_aim.py --network small --epochs 5

Auto-PGD on cross-entropy and on the difference of logits ratio, APGD-T and FAB-T of vrbench, of
torchattacks and of pyautoattack, where these are installed: the same network, pictures, radii and
numbers of steps. A picture is robust if it is still taken for its class, within the budget, before
rounding. Peers draw other random starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from victim import Logits, arguments, out, peer, victim

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import Classes, Verdict
from vrbench.attacks.gradient.apgd import AutoPGD, TargetedAutoPGD
from vrbench.attacks.minimum_norm.fab import FAB
from vrbench.core.seeds import Streams

Run = Callable[[Tensor, float], Tensor]


class Away:
    """Be taken for another class."""

    def __init__(self, network: Any, named: int) -> None:
        self.network, self.named = network, named

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return the logits."""
        return Classes(self.network(x).logits, None, self.named)

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the log-probability of the class, and its lead."""
        found = self.classes(x, items)
        return Verdict(found.logits.log_softmax(1)[:, self.named], found.ahead()[1])


def main() -> None:
    """Print a line for each attack: how many are robust at each radius."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--eps", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", default="", help="those whose name begins so")
    chosen = parser.parse_args()
    network, clean, items, _ = victim(chosen, one_source=True)
    named = int(network(clean[:1]).logits.argmax())
    goal, logits = Away(network, named), Logits(network).eval()
    labels = torch.full((len(clean),), named, device=clean.device)

    def ours(attack: Attack) -> Run:
        return lambda x, eps: attack(x, items, goal, Linf(eps=eps, store="float"), Streams(0))

    runs: dict[str, Run] = {
        "vrbench APGD-CE": ours(AutoPGD(steps=chosen.steps)),
        "vrbench APGD-DLR": ours(AutoPGD(steps=chosen.steps, descend="dlr")),
        "vrbench APGD-T": ours(TargetedAutoPGD(steps=chosen.steps)),
        "vrbench FAB-T": ours(FAB(steps=chosen.steps)),
    }
    count = network(clean[:1]).logits.shape[1]
    for name in ("torchattacks", "pyautoattack"):
        try:
            peer(name)
        except SystemExit as missing:
            out(str(missing))
            continue
        make = _torchattacks if name == "torchattacks" else _pyautoattack
        runs |= {f"{name} {k}": v for k, v in make(logits, labels, chosen.steps, count).items()}
    for name, run in runs.items():
        if not name.startswith(chosen.only):
            continue
        began, robust = time.perf_counter(), []
        for eps in chosen.eps:
            x = run(clean, eps).detach()
            with torch.no_grad():
                inside = (x - clean).abs().flatten(1).amax(1) <= eps / 255 + 1e-6
                robust.append(int((~inside | (logits(x).argmax(1) == named)).sum()))
        seconds = time.perf_counter() - began
        out(f"{name:24} robust of {len(clean)}: {robust} at {chosen.eps} levels, {seconds:.0f} s")


def _torchattacks(model: Logits, labels: Tensor, steps: int, count: int) -> dict[str, Run]:
    library: Any = peer("torchattacks")

    def of(name: str, **more: Any) -> Run:
        kind = getattr(library, name)
        return lambda x, eps: kind(model, eps=eps / 255, steps=steps, **more)(x, labels)

    return {
        "APGD-CE": of("APGD"),
        "APGD-DLR": of("APGD", loss="dlr"),
        "APGD-T": of("APGDT", n_classes=count),
        "FAB-T": of("FAB", multi_targeted=True, n_classes=count),
    }


def _pyautoattack(model: Logits, labels: Tensor, steps: int, count: int) -> dict[str, Run]:
    """Return the members of the authors' package, each by itself."""
    library: Any = peer("pyautoattack")

    def of(member: str) -> Run:
        def run(x: Tensor, eps: float) -> Tensor:
            suite = library.AutoAttack(
                model, norm="Linf", eps=eps / 255, version="custom", device=str(x.device)
            )
            suite.attacks_to_run, suite.verbose = [member], False
            suite.apgd.n_iter = suite.apgd_targeted.n_iter = suite.fab.n_iter = steps
            suite.apgd.n_restarts = suite.apgd_targeted.n_restarts = suite.fab.n_restarts = 1
            most = min(9, count - 1)
            suite.apgd_targeted.n_target_classes = suite.fab.n_target_classes = most
            found: Tensor = suite.run_standard_evaluation(x, labels, batch_size=len(x))[0]
            return found

        return run

    names = {"APGD-CE": "apgd-ce", "APGD-DLR": "apgd-dlr", "APGD-T": "apgd-t", "FAB-T": "fab-t"}
    return {name: of(member) for name, member in names.items()}


if __name__ == "__main__":
    main()
