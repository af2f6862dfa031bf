"""White-box attacks and Square, ResNet-18 at 64 px: vrbench beside torchattacks and foolbox.

    python scripts/benchmarks/attacks.py --data ../shared/data/clothing_men

All attack the same pictures, of one category, of the same network in one process, in turns; the
best of ``--turns`` counts. Success and the mean change, over the successes of each, are measured
with the float32 network before rounding. Attacks in a ball have the same radius, steps and step
length everywhere; attacks on a boundary look for the smallest change and have the peers' defaults.
The ratio is to the quickest peer of the same row. ``--only deepfool`` runs what is named so.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from victim import Logits, arguments, out, peer, victim

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import L2, Budget, Linf
from vrbench.attacks.goal import Classes, TwoSpeed, Verdict
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.ddn import DDN
from vrbench.attacks.minimum_norm.deepfool import DeepFool
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift

STEPS = 10
FREE, FREE_LINF = (norm(eps=float("inf"), store="float") for norm in (L2, Linf))


class Aim:
    """Be classified as one class, or as another than one; any network that yields logits."""

    def __init__(self, network: Any, *, towards: int | None = None, away: int | None = None):
        self.network, self.towards, self.away = network, towards, away

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return the logits."""
        return Classes(self.network(x).logits.float(), self.towards, self.away)

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return cross-entropy, with the sign of the aim, and margin."""
        found = self.classes(x, items)
        entropy = found.logits.logsumexp(1) - found.logits[:, found.named]
        return Verdict(entropy if self.away is None else -entropy, found.ahead()[1])


class Round(NamedTuple):
    """One attack: ours, its budget, and the peers'."""

    name: str
    ours: Attack | None
    budget: Budget
    peers: dict[str, Callable[[], Tensor]]


def main() -> None:
    """Run all and print one line each."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--eps", type=float, default=1.0, help="of Linf, grey levels")
    parser.add_argument("--eps-l2", type=float, default=40.0, help="of L2, grey levels")
    parser.add_argument("--queries", type=int, default=500, help="of Square")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the names of what is run")
    chosen = parser.parse_args()
    network, clean, items, target = victim(chosen, one_source=True)
    if not len(clean):
        raise SystemExit("the network gets no picture of its largest category right: more --epochs")
    with torch.no_grad():
        source = int(network(clean[:1]).logits.argmax())
    exact, quick = swift(network), swift(network, dtype=torch.bfloat16)
    for aim in ({"away": source}, {"towards": target}):
        goals = {
            "vrbench float32": Aim(exact, **aim),
            "vrbench bfloat16": TwoSpeed(Aim(quick, **aim), Aim(exact, **aim)),
        }
        out("untargeted" if "away" in aim else "targeted")
        for entry in _rounds(network, clean, source, target, "towards" in aim, chosen):
            if chosen.only.lower() not in entry.name.lower():
                continue
            if entry.ours is None:
                out(f"  {entry.name:12} left out: vrbench.attacks.black_box.square is not there")
                continue
            runs = dict(entry.peers)
            for name, goal in goals.items():
                runs[name] = partial(entry.ours, clean, items, goal, entry.budget, Streams(0))
            _compare(entry, runs, Aim(network, **aim), clean, items, chosen.turns)


def _compare(
    entry: Round,
    runs: dict[str, Callable[[], Tensor]],
    aim: Aim,
    clean: Tensor,
    items: Tensor,
    turns: int,
) -> None:
    best, found = dict.fromkeys(runs, float("inf")), dict.fromkeys(runs, clean)
    for _ in range(turns):
        for name, run in runs.items():
            _wait(clean)
            began = time.perf_counter()
            found[name] = run()
            _wait(clean)
            best[name] = min(best[name], time.perf_counter() - began)
    theirs = min((best[name] for name in entry.peers), default=float("nan"))
    for name, seconds in best.items():
        x = found[name].detach()
        with torch.no_grad():
            won = aim.judge(x, items).margin < 0
        far = entry.budget.spent(x, clean)[won].mean().item() if won.any() else float("nan")
        out(
            f"  {entry.name:12} {name:16} {len(clean) / seconds:8.2f} pictures/s "
            f"{theirs / seconds:7.2f} x  success {won.float().mean():6.1%}  "
            f"mean {type(entry.budget).__name__} {far:8.3f} grey levels"
        )


def _rounds(
    network: Any, clean: Tensor, source: int, target: int, targeted: bool, chosen: Any
) -> list[Round]:
    """Return what is compared for one aim; peers that do not know the aim are left out."""
    torchattacks: Any = peer("torchattacks")
    foolbox: Any = peer("foolbox")
    logits = Logits(network).eval()
    label = torch.full((len(clean),), target if targeted else source, device=clean.device)
    model = foolbox.PyTorchModel(logits, bounds=(0, 1), device=clean.device)
    kind = foolbox.criteria.TargetedMisclassification if targeted else None
    criterion = (kind or foolbox.criteria.Misclassification)(label)
    eps, eps_l2 = chosen.eps / 255, chosen.eps_l2 / 255

    def of_torchattacks(attack: Any) -> Callable[[], Tensor]:
        if targeted:
            attack.set_mode_targeted_by_label(quiet=True)
        return lambda: attack(clean, label)

    def of_foolbox(attack: Any, eps: float | None = None) -> Callable[[], Tensor]:
        return lambda: attack(model, clean, criterion, epsilons=eps)[1]

    ta, fb = torchattacks, foolbox.attacks
    linf, l2 = Linf(eps=chosen.eps, store="float"), L2(eps=chosen.eps_l2, store="float")
    quarter = {"steps": STEPS, "rel_stepsize": 0.25, "random_start": True}
    tenth = {"steps": STEPS, "rel_stepsize": 1 / STEPS}
    fgsm = {"torchattacks": of_torchattacks(ta.FGSM(logits, eps=eps))}
    deepfool, deepfool_linf = {}, {}
    if not targeted:  # neither peer knows targets here
        fgsm["foolbox"] = of_foolbox(fb.LinfFastGradientAttack(), eps)
        deepfool["torchattacks"] = of_torchattacks(ta.DeepFool(logits, steps=50))
        deepfool["foolbox"] = of_foolbox(fb.L2DeepFoolAttack())
        deepfool_linf["foolbox"] = of_foolbox(fb.LinfDeepFoolAttack())
    pgd = {
        "torchattacks": of_torchattacks(ta.PGD(logits, eps=eps, alpha=eps / 4, steps=STEPS)),
        "foolbox": of_foolbox(fb.LinfProjectedGradientDescentAttack(**quarter), eps),
    }
    pgd_l2 = {
        "torchattacks": of_torchattacks(
            ta.PGDL2(logits, eps=eps_l2, alpha=eps_l2 / 4, steps=STEPS)
        ),
        "foolbox": of_foolbox(fb.L2ProjectedGradientDescentAttack(**quarter), eps_l2),
    }
    mifgsm = {
        "torchattacks": of_torchattacks(ta.MIFGSM(logits, eps=eps, alpha=eps / STEPS, steps=STEPS)),
        "foolbox": of_foolbox(fb.LinfMomentumIterativeFastGradientMethod(**tenth), eps),
    }
    square = {"torchattacks": of_torchattacks(ta.Square(logits, eps=eps, n_queries=chosen.queries))}
    fmn, fmn_linf = (
        {"foolbox": of_foolbox(fb.L2FMNAttack())},
        {"foolbox": of_foolbox(fb.LInfFMNAttack())},
    )
    ddn = {"foolbox": of_foolbox(fb.DDNAttack())}
    return [
        Round("FGSM", PGD(steps=1, step=1.0, random_start=False), linf, fgsm),
        Round("PGD Linf", PGD(steps=STEPS), linf, pgd),
        Round("PGD L2", PGD(steps=STEPS), l2, pgd_l2),
        Round("MI-FGSM", MIFGSM(steps=STEPS), linf, mifgsm),
        Round("DeepFool", DeepFool(), FREE, deepfool),
        Round("DeepFool Linf", DeepFool(), FREE_LINF, deepfool_linf),
        Round("FMN L2", FMN(), FREE, fmn),
        Round("FMN Linf", FMN(), FREE_LINF, fmn_linf),
        Round("DDN", DDN(), FREE, ddn),
        Round("Square", _square(chosen.queries), linf, square),
    ]


def _square(queries: int) -> Attack | None:
    try:
        made: Attack = importlib.import_module("vrbench.attacks.black_box.square").Square(
            queries=queries
        )
    except ModuleNotFoundError:
        return None
    return made


def _wait(on: Tensor) -> None:
    """Let an accelerator finish, so that time is taken of what was done."""
    if on.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
