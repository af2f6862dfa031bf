"""How far pictures, features, tables may change, and how many fake users there may be."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.attacks", "Budget", "Embeddings", "FakeUsers")
