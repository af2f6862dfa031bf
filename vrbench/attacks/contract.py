"""What a search must hand back: a finite tensor of the kind that it was given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vrbench.core.errors import ContractError, DivergedError


def require_like(name: str, expected: Tensor, found: Any) -> None:
    """Raise unless ``found`` is a finite tensor of the kind of ``expected``.

    Args:
        name: of who found it, for the error.
        expected: whose shape, type and device it must have.
        found: what came back.

    Raises:
        ContractError: if it is something else.
        DivergedError: if it holds a number that is not finite.
    """
    if kind_of(found) != kind_of(expected):
        raise ContractError(f"{name} must return {kind_of(expected)}, got {kind_of(found)}")
    if not found.isfinite().all():
        raise DivergedError(f"{name} returned numbers that are not finite; nothing of it was kept")


def kind_of(value: Any) -> str:
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return type(value).__name__ if not isinstance(value, Tensor) else str(value.layout)
    size = " x ".join(map(str, value.shape))
    return f"{size} {str(value.dtype).removeprefix('torch.')} on {value.device}"
