"""Image networks, how they are taught, and defences in front of them."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.extractors", "Extractor")
