"""Image networks, their training, and defences."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.extractors", "Extractor")
