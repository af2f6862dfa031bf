"""Which ratings are held out, for the test and again for validation: Elliot's splits."""

from vrbench.data.splits.strategies.base import Split, Strategy
from vrbench.data.splits.strategies.fixed_timestamp import FixedTimestamp
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import (
    RandomHoldOut,
    RandomLeaveOut,
    TemporalHoldOut,
    TemporalLeaveOut,
)

__all__ = [
    "FixedTimestamp",
    "KFold",
    "RandomHoldOut",
    "RandomLeaveOut",
    "Split",
    "Strategy",
    "TemporalHoldOut",
    "TemporalLeaveOut",
]
