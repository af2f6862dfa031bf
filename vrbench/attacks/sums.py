"""Arithmetic on rows that rounds alike whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def total(x: Tensor, dim: int = 1) -> Tensor:
    """Return the sum of ``x`` over ``dim``, one half added to the other until one is left.

    Libraries choose the order of a sum by the shape of the whole batch, the number of threads and
    the width of the processor's registers. Here only the length of ``dim`` decides it, and single
    additions are exactly rounded everywhere: no row depends on its company, not in the last bit.
    """
    if not x.shape[dim]:
        return x.sum(dim)
    while (n := x.shape[dim]) > 1:
        half = x.narrow(dim, 0, n // 2) + x.narrow(dim, n // 2, n // 2)
        x = torch.cat([half, x.narrow(dim, n - 1, 1)], dim) if n % 2 else half
    return x.select(dim, 0)


def row_sums(x: Tensor) -> Tensor:
    """Return the ``(B,)`` sums of all that each row holds."""
    return total(x.flatten(1))


def lengths(x: Tensor) -> Tensor:
    """Return the ``(B,)`` Euclidean lengths of the rows."""
    return row_sums(x.square()).sqrt()


def units(x: Tensor) -> Tensor:
    """Return the rows divided by their lengths; a row of zeros stays."""
    return x / beside(lengths(x).clamp(min=1e-12), x)


def beside(numbers: Tensor, x: Tensor) -> Tensor:
    """Return ``(B,)`` numbers shaped so that each meets its own row of ``x``."""
    return numbers.reshape(-1, *[1] * (x.ndim - 1))


def each(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return what ``function`` makes of the rows of ``x``, one by one.

    For functions that are not exactly rounded, such as tanh: what they make of a number depends on
    its place among those that are computed at once. A GPU computes all of them alike.
    """
    if x.is_cuda:
        return function(x)
    return torch.stack([function(row) for row in x]) if len(x) else function(x)


def power(base: float, exponents: Tensor) -> Tensor:
    """Return ``base`` to whole ``exponents``: looked up and not computed, but on a GPU."""
    if exponents.is_cuda:
        return torch.pow(base, exponents)
    most = int(exponents.max()) if exponents.numel() else 0
    known = torch.tensor([base**n for n in range(most + 1)], dtype=torch.float32)
    return known.to(exponents.device)[exponents.long()]
