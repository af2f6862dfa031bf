"""What of the feedback is left out before it is split."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.data", "Filter")
