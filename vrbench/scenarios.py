"""Whose pictures, and what they are to pass for."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.threats", "Scenario")
