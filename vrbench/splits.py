"""What of the feedback is held out for validation and testing."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.data", "Split", "Strategy")
