"""GANs of product pictures, and designs made with them."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(__name__, "vrbench.generators", "LSGAN", "Design")
