"""The halves of an attack on pictures and on something else beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.with_pictures import WithPictures, WithPicturesBudget

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


def halves(x: Experiment) -> tuple[Experiment, Experiment]:
    """Return the experiments with pictures alone and with what is beside them alone."""
    assert isinstance(x.attack, WithPictures)
    assert isinstance(x.budget, WithPicturesBudget)
    other = x.attack.beside
    return (
        replace(x, attack=x.attack.picture, budget=x.budget.picture),
        replace(x, attack=getattr(x.attack, other), budget=getattr(x.budget, other)),
    )
