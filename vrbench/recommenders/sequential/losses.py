"""Losses of what came next against drawn items, as GRU4Rec's and SASRec's papers have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

NextLoss = Literal["bce", "ce", "bpr", "top1", "bpr_max", "top1_max"]


def bce(real: Tensor, drawn: Tensor) -> Tensor:
    """Return binary cross entropies, summed over the drawn (Kang and McAuley, ICDM 2018, eq. 7)."""
    return F.softplus(-real) + F.softplus(drawn).sum(1)


def cross_entropy(real: Tensor, drawn: Tensor) -> Tensor:
    """Return the cross entropy of a softmax over the real one and the drawn."""
    return torch.cat([real[:, None], drawn], 1).logsumexp(1) - real


def bpr(real: Tensor, drawn: Tensor) -> Tensor:
    """Return BPR's loss in the mean over the drawn (Hidasi et al., ICLR 2016, sec. 3.1.3)."""
    return F.softplus(drawn - real[:, None]).mean(1)


def top1(real: Tensor, drawn: Tensor) -> Tensor:
    """Return TOP1, the relative rank and a penalty on drawn scores (ibid.)."""
    return (torch.sigmoid(drawn - real[:, None]) + drawn.square().sigmoid()).mean(1)


def bpr_max(real: Tensor, drawn: Tensor) -> Tensor:
    """Return BPR-max (Hidasi and Karatzoglou, CIKM 2018, sec. 3.3), its penalty of weight one."""
    share = drawn.softmax(1)
    above = torch.log_softmax(drawn, 1) + F.logsigmoid(real[:, None] - drawn)
    return (share * drawn.square()).sum(1) - above.logsumexp(1)


def top1_max(real: Tensor, drawn: Tensor) -> Tensor:
    """Return TOP1-max: TOP1 weighed by a softmax over the drawn (ibid., sec. 3.2)."""
    each = torch.sigmoid(drawn - real[:, None]) + drawn.square().sigmoid()
    return (drawn.softmax(1) * each).sum(1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bce,
    "ce": cross_entropy,
    "bpr": bpr,
    "top1": top1,
    "bpr_max": bpr_max,
    "top1_max": top1_max,
}
