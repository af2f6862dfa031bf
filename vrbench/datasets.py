"""Shops: pictures and what people bought or looked at. Functions that return a ``Dataset``."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.data", "Dataset")
