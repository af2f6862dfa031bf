"""How an adversary searches."""

from vrbench.core.lazy import components as _components

__getattr__, __dir__ = _components(
    __name__, "vrbench.attacks", "Attack", "ParameterAttack", "ProfileAttack", "Transplant"
)
