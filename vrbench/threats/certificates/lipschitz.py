"""The exact bound for recommenders whose scores are linear in an item's features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from vrbench.recommenders.base import Recommender
from vrbench.threats.certificates.entry import BLOCK, Entry

Norm = Literal["L2", "Linf"]
DUAL: dict[Norm, float] = {"L2": 2.0, "Linf": 1.0}  # of the norm that measures changes
ROUNDING = 1e-5  # of scores in float32: a bar is taken to be lower by this share of them


@torch.no_grad()
def lipschitz(
    model: Recommender, entry: Entry, norm: Norm = "L2", *, all_change: bool = False
) -> Tensor:
    """Return ``(U, n)`` float64: up to which change of its features an item cannot enter a list.

    A score that is linear in the features, ``w_u . f_i + rest``, grows by at most ``|w_u|* r``
    under a change of length ``r``, where ``|.|*`` is the dual norm, and by just that along one
    direction. So the item cannot enter below ``(bar - score) / |w_u|*``, and can above: the bound
    is tight for each user alone. It is zero where the item is in the list already, infinite where
    no change of features moves its score, or the user has it.

    Args:
        model: trained, and linear.
        entry: where the items and the bars stand.
        norm: of changes, in the units of the features as extracted.
        all_change: whether every *other* item's features change by as much, too, against the user's
            list: its last place may then fall as fast as the item rises, and half the way is left.

    Raises:
        IncompatibleError: if the model's scores are not linear in an item's features.
    """
    users = torch.arange(len(entry.scores), device=model.device)
    steep = [
        torch.linalg.vector_norm(model.slope(some).double(), ord=DUAL[norm], dim=1)
        for some in users.split(BLOCK)
    ]
    length = torch.cat(steep).cpu()[:, None] * (2 if all_change else 1)
    scores, bars = entry.scores.double(), entry.bars.double()
    room = bars - scores - ROUNDING * (bars.abs() + scores.abs()).nan_to_num(posinf=0.0)
    room = room.masked_fill(~entry.asked, torch.inf)
    return torch.where(room > 0, room / length, 0.0)
