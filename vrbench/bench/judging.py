"""What the shop's network, and the goal, make of finished pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.visuals import BLOCK
from vrbench.metrics.view import Crafted, Watched
from vrbench.threats.case import Case
from vrbench.threats.objectives.base import Objective
from vrbench.threats.world import Change


@torch.no_grad()
def judged(change: Change, case: Case) -> Crafted | None:
    """Return the attacked pictures, judged as they were uploaded; None where there are none."""
    if change.pixels is None:
        return None
    assert isinstance(change.objective, Objective)
    assert change.queries is not None
    network, goal = change.world.network, change.objective
    device, clean = network.device, change.world.images[case.items]

    def through(pixels: Tensor) -> tuple[Tensor, Tensor]:
        seen = [network(block.to(device)) for block in pixels.split(BLOCK)]
        logits = torch.cat([s.logits for s in seen])
        return torch.cat([s.vector for s in seen]).cpu(), logits.argmax(1).cpu()

    def verdict(pixels: Tensor) -> tuple[Tensor, Tensor]:
        pairs = zip(pixels.split(BLOCK), case.items.split(BLOCK), strict=True)
        found = [goal.judge(x.to(device), i.to(device)) for x, i in pairs]
        return torch.cat([v.loss for v in found]).cpu(), torch.cat([v.margin for v in found]).cpu()

    loss, margin = verdict(change.pixels)
    vector_before, predicted_before = through(clean)
    vector_after, predicted = through(change.pixels)
    classes = network.classes
    return Crafted(
        clean=clean,
        attacked=change.pixels,
        reached=margin < 0,
        loss=loss,
        margin=margin,
        predicted=predicted,
        predicted_before=predicted_before,
        vector_before=vector_before,
        vector_after=vector_after,
        queries=change.queries,
        target=classes.index(case.target) if case.target in classes else None,
        margin_before=verdict(clean)[1],
        masking=change.masking,
    )


def watched(change: Change, case: Case) -> Watched | None:
    """Return what the shop's detector makes of pictures; None where it has none."""
    if change.watch is None or change.pixels is None:
        return None
    clean = change.world.images[case.items]
    return Watched(change.watch.honest, change.watch.of(clean), change.watch.of(change.pixels))
