"""How far a picture, a feature vector or an embedding may be changed."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.attacks", "Budget", "Embeddings")
