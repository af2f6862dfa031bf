"""Attacks: adversarial examples, fake profiles."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(
    __name__,
    ("vrbench.attacks", "vrbench.threats"),  # what an attack may not import, a threat may
    "Attack",
    "JointAttack",
    "MixedAttack",
    "ParameterAttack",
    "ProfileAttack",
    "Transplant",
    "WordAttack",
)
