"""What can be done to a recommender that somebody else runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import inputs_of
from vrbench.recommenders.base import class_of
from vrbench.recommenders.external.asked import NO_GRADIENT
from vrbench.threats.surfaces.pixels import Pixels

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


def check_outside(x: Experiment) -> None:
    """Raise if a recommender from outside cannot be attacked so, before anything is asked.

    Raises:
        IncompatibleError: says what goes with it.
    """
    shop = class_of(x.recommender)
    if not shop.outside:
        return
    if x.attacked and shop.signal is None:
        raise IncompatibleError(
            f"{shop.name} is a file, which answers no question about a changed picture: "
            "threat=none measures it, and recommender=external asks a function or an address"
        )
    if x.poisons or x.wants_control:
        raise IncompatibleError(
            f"{shop.name} is not trained here: threat=evasion, without control=true, goes with it"
        )
    if x.attacked and not isinstance(x.threat.acts_on, Pixels):
        raise IncompatibleError(f"{shop.name} is shown pictures and nothing else: threat=evasion")
    descends = "gradients" in getattr(x.attack, "knows", "")
    if x.attacked and descends and "recommender" in inputs_of(x.objective):
        raise IncompatibleError(NO_GRADIENT)
