"""Which rows a mask leaves, asked of the device once."""

from __future__ import annotations

from torch import Tensor


def places(mask: Tensor) -> Tensor:
    """Return, ascending, the places at which a ``(B,)`` mask holds.

    Their number is on the device, which is waited for here; to select by the mask itself waits for
    it at every table.
    """
    return mask.nonzero().squeeze(1)
