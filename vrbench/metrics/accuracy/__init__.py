"""How good a ranking is: the measures that Elliot has beside those of ``ranking``."""

from vrbench.metrics.accuracy.auc import GAUC, LAUC, ElliotAUC, ElliotGAUC, ElliotLAUC
from vrbench.metrics.accuracy.graded import GradedNDCG, NDCGRendle
from vrbench.metrics.accuracy.places import gains, hits, ordinal, others_ahead
from vrbench.metrics.accuracy.top_k import (
    F1,
    MAP,
    MAR,
    ElliotMAP,
    ElliotMAR,
    ExtendedF,
    Precision,
)

__all__ = [
    "F1",
    "GAUC",
    "LAUC",
    "MAP",
    "MAR",
    "ElliotAUC",
    "ElliotGAUC",
    "ElliotLAUC",
    "ElliotMAP",
    "ElliotMAR",
    "ExtendedF",
    "GradedNDCG",
    "NDCGRendle",
    "Precision",
    "gains",
    "hits",
    "ordinal",
    "others_ahead",
]
