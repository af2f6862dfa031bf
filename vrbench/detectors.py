"""Who looks for fake users before a training, and for attacked pictures."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(
    __name__, "vrbench.threats.detectors", "Detector", "PictureDetector"
)
