"""What may change, and how far: pixels, users."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(
    __name__,
    "vrbench.attacks",
    "Budget",
    "Embeddings",
    "FakeUsers",
    "JointBudget",
    "MixedBudget",
    "Words",
)
