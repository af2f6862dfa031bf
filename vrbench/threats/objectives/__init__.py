"""What an adversary may want, as losses; and, by their parameters, what each must know."""

from vrbench.threats.objectives.base import Objective, ObjectiveFactory, check_promotable
from vrbench.threats.objectives.exposure import PromoteLists
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.misclassification import (
    OfClass,
    TargetClass,
    Untargeted,
    class_index,
)
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.objectives.promotion import Demote, Promote

__all__ = [
    "Demote",
    "MatchFeatures",
    "Misrank",
    "Objective",
    "ObjectiveFactory",
    "OfClass",
    "Promote",
    "PromoteLists",
    "TargetClass",
    "Untargeted",
    "check_promotable",
    "class_index",
]
