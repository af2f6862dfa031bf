"""The graph in which an item's neighbours are those with the most similar features.

Shape suffixes: I items, B some of them, D features, N neighbours, K factors.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Edges = Literal["binary", "cosine"]
Graph = Literal["frozen", "rebuilt"]
MOST = 2**24  # cosines held at once; bounds the memory


class Neighbours(NamedTuple):
    """The nearest items of ``B`` items, nearest first; an item counts among its own.

    Attributes:
        items: ``(B, N)`` int64.
        cosines: ``(B, N)`` float32 in [-1, 1].
    """

    items: Tensor
    cosines: Tensor


def nearest(rows: Tensor, unit: Tensor, count: int) -> Neighbours:
    """Return the ``count`` rows of ``unit`` with the largest cosines to each of ``rows``.

    Differentiable in both, through the cosines; which items they are is no function to descend.

    Args:
        rows: ``(B, D)`` of length one.
        unit: ``(I, D)`` of length one.
        count: at most; where there are fewer items, all of them.
    """
    parts = []
    for some in rows.split(max(1, MOST // len(unit))):
        best = (some @ unit.T).topk(min(count, len(unit)), dim=1)
        parts.append(Neighbours(best.indices, best.values))
    items, cosines = (torch.cat(part) for part in zip(*parts, strict=True))
    return Neighbours(items, cosines)


def weights(found: Neighbours, edges: Edges) -> Tensor:
    """Return the ``(B, N)`` weights of the edges to neighbours; they sum to 1 for each item.

    "binary": all alike, ``1 / N``. "cosine": in proportion to the cosines, negative ones as 0.
    """
    if edges == "binary":
        return torch.full_like(found.cosines, 1 / found.cosines.shape[1])
    return F.normalize(found.cosines.clamp(min=0), p=1, dim=1)


def mixed(
    rows: Tensor, unit: Tensor, table: Tensor, count: int, edges: Edges, soft: bool = True
) -> Tensor:
    """Return ``(B, K)``: the mean of the rows of ``table`` over each item's nearest ones.

    With edges "binary" a neighbour counts or does not, so the true gradient is zero wherever there
    is one. The backward pass is then that of a smooth graph (BPDA, Athalye et al., ICML 2018): the
    weight of *every* item is ``sigmoid((cos - bar) / spread) / N``, where ``bar`` lies between the
    last neighbour and the next item, and ``spread`` is the standard deviation of the item's
    cosines, both constants. It says which items to look like, neighbours or not yet.

    Args:
        rows: ``(B, D)`` of length one.
        unit: ``(I, D)`` of length one.
        table: ``(I, K)``.
        count: neighbours of an item.
        edges: how they weigh; see ``weights``.
        soft: False: no gradient flows to ``rows`` through binary edges.
    """
    found = nearest(rows, unit, count)
    mean = torch.einsum("bn,bnk->bk", weights(found, edges), table[found.items])
    if edges == "cosine" or not (soft and torch.is_grad_enabled() and rows.requires_grad):
        return mean
    smooth = smoothed(rows, unit, table, count)
    return mean + (smooth - smooth.detach())


def smoothed(rows: Tensor, unit: Tensor, table: Tensor, count: int) -> Tensor:
    """Return ``(B, K)``: the rows of ``table`` weighed by the smooth graph; see ``mixed``."""
    cosine_BI = rows @ unit.T
    with torch.no_grad():
        ordered = cosine_BI.topk(min(count + 1, len(unit)), dim=1).values
        bar_B1 = ordered[:, -2:].mean(1, keepdim=True)
        spread_B1 = cosine_BI.std(1, keepdim=True, correction=0).clamp(min=1e-6)
    share_BI = torch.sigmoid((cosine_BI - bar_B1) / spread_B1) / min(count, len(unit))
    return share_BI @ table


def linked(unit: Tensor, count: int) -> Neighbours:
    """Return the nearest items of all, with ``w_ij / sqrt(d_i d_j)`` in the place of cosines.

    ``w_ij`` is the cosine, a negative one as 0, and ``d_i`` the sum of an item's. Differentiable.
    """
    found = nearest(unit, unit, count)
    weight_IN = found.cosines.clamp(min=0)
    degree_I = weight_IN.sum(1)
    scale_IN = (degree_I[:, None] * degree_I[found.items]).clamp(min=1e-12).sqrt()
    return Neighbours(found.items, weight_IN / scale_IN)


def moved(links: Neighbours, table: Tensor) -> Tensor:
    """Return ``(I, K)``: the sum of the rows of ``table`` over each item's links."""
    return torch.einsum("in,ink->ik", links.cosines, table[links.items])
