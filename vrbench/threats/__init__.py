"""Where and when somebody attacks, what he knows."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.threats", "Threat")
