"""Threat models: surface, timing, knowledge."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.threats", "Threat")
