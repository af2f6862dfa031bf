"""Parameter surface: perturbations of a trained recommender's embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.core.errors import IncompatibleError
from vrbench.threats.case import Case
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Parameters(Surface):
    """Perturbations of a trained recommender's embeddings, white box (He et al., SIGIR 2018).

    They raise the model's own ranking loss (APR, MSAP): no objective is read, and nobody need have
    pictures.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Parameters
        >>> Threat(surface=Parameters()).acts_on.name
        'parameters'
    """

    name = "parameters"
    reads_objective = False
    attacks, budgets, others = (ParameterAttack,), (Embeddings,), (Profiles,)
    goes_with = (
        "threat=parameters goes with an attack and a budget of embeddings, such as "
        "attack=embedding_fgsm budget=embedding_05, and only so"
    )

    def check(self, x: Experiment) -> None:
        super().check(x)
        if (x.threat.timing, x.threat.surrogate, x.threat.mixed) != ("evasion", None, None):
            raise IncompatibleError(
                "parameters are changed after training, and known: threat.surface=parameters "
                "goes with timing evasion, without surrogate or mixed features"
            )

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        return Change(replace(world, model=stages.perturb_parameters(x, world)))
