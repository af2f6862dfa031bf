"""Recommenders: visual, collaborative, GANs."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.recommenders", "Recommender")
