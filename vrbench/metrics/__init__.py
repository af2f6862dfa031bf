"""What is measured before and after an attack."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.metrics", "Metric")
