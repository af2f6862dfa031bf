"""Everything that one cell of a grid chooses."""

from __future__ import annotations

from dataclasses import dataclass

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.attacks.joint import JointAttack, JointBudget
from vrbench.attacks.mixed import MixedAttack, MixedBudget
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.transplant import Transplant
from vrbench.attacks.words import WordAttack, Words
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import RecommenderFactory
from vrbench.threats.objectives.base import ObjectiveFactory
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.threat import Threat

AnyAttack = (
    Attack | JointAttack | MixedAttack | ParameterAttack | ProfileAttack | Transplant | WordAttack
)
AnyBudget = Budget | Embeddings | FakeUsers | JointBudget | MixedBudget | Words


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One shop, one adversary, one threat model.

    Attributes:
        dataset: pictures and feedback.
        extractor: what the shop's features are made with; taught first if it learns.
        recommender: makes the shop's recommender.
        attack: how the adversary searches, for pictures, features, parameters or profiles.
        budget: how far they may change.
        objective: what the adversary wants.
        scenario: whose pictures are attacked, and what they should be taken for.
        threat: where and when the adversary acts, and which extractor he holds.
        control: whether the recommender is also trained on clean images under another seed, as a
            noise floor; None does so for poisoning only.

    Example:
        >>> from vrbench import Experiment
        >>> from vrbench.testing.world import parts
        >>> whole = parts()
        >>> del whole["metrics"], whole["machine"]
        >>> Experiment(**whole).threat.timing
        'evasion'
    """

    dataset: Dataset
    extractor: Extractor
    recommender: RecommenderFactory
    attack: AnyAttack
    budget: AnyBudget
    objective: ObjectiveFactory
    scenario: Scenario
    threat: Threat
    control: bool | None = None

    @property
    def attacked(self) -> bool:
        """Whether anybody attacks at all."""
        return self.threat.timing != "none"

    @property
    def poisons(self) -> bool:
        """Whether the recommender is trained on what the adversary left."""
        return self.threat.timing == "poisoning"

    @property
    def wants_control(self) -> bool:
        """Whether a clean retrain is to stand beside the attacked shop."""
        return self.poisons if self.control is None else self.control
