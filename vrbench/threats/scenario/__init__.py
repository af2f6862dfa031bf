"""Which items are attacked, and what they should be taken for."""

from vrbench.threats.case import Case
from vrbench.threats.scenario.base import NoCaseError, Scenario, log
from vrbench.threats.scenario.by_lift import ByLift, EachPair, lift
from vrbench.threats.scenario.cold_start import ColdStart
from vrbench.threats.threat import Threat

__all__ = [
    "ByLift",
    "Case",
    "ColdStart",
    "EachPair",
    "NoCaseError",
    "Scenario",
    "Threat",
    "lift",
    "log",
]
