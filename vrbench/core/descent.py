"""What everything that learns by descent is told."""

from __future__ import annotations

from typing import TypedDict


class DescentSettings(TypedDict, total=False):
    """How a model descends."""

    epochs: int  # passes over what is learnt from
    batch_size: int  # rows, or pictures, of a step
    lr: float  # learning rate
