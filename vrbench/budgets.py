"""How far pictures, features, tables may change."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.attacks", "Budget", "Embeddings")
