"""Train, validation and test splits."""

from vrbench.data.splits.assignment import (
    apart,
    hold_out,
    inject,
    last_two_out,
    leave_one_out,
    log,
    ratio,
    without,
)

__all__ = [
    "apart",
    "hold_out",
    "inject",
    "last_two_out",
    "leave_one_out",
    "log",
    "ratio",
    "without",
]
