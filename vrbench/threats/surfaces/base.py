"""What an attack surface is, and what it may ask of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from vrbench.attacks.goal import Goal
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import Component
from vrbench.core.visuals import Visuals
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.detectors.pictures import PictureDetector, Watch
from vrbench.threats.objectives.base import Objective
from vrbench.threats.word_promotion import Readers
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment

Part = TypeVar("Part", bound=Component)


class Stages(Protocol):
    """The stages of a run that an adversary goes through; ``bench.session.Session`` has them.

    Each is kept in the store under all that it is given, the seeds of the run among them.
    """

    @property
    def precision(self) -> str:
        """What the adversary's network computes in: "float32" or "bfloat16"."""
        ...

    @property
    def seed(self) -> int:
        """Of the recommender's training and of the attack."""
        ...

    @property
    def compile_after(self) -> int | None:
        """Batches of one shape before the adversary's network is compiled for it; None: never."""
        ...

    def prepare(self, part: Part, world: World) -> Part:
        """Return a fitted copy of what is learnt from the catalogue; else the part itself."""
        ...

    def extract(self, world: World, network: Extractor) -> Visuals:
        """Return what the recommender of ``world`` would be shown through ``network``."""
        ...

    def fit(self, world: World) -> World:
        """Return ``world`` with its recommender trained."""
        ...

    def craft(
        self, x: Experiment, world: World, case: Case, goal: Goal, aim: Objective, knows: Knows
    ) -> Made:
        """Return ``pixels`` and ``queries`` of the case's items; see ``stages.craft``."""
        ...

    def perturb_features(
        self,
        x: Experiment,
        world: World,
        aim: Objective,
        knows: Knows,
        only: Tensor | None = None,
    ) -> Made:
        """Return ``rows``: the features of ``only`` these items, or of every item, changed."""
        ...

    def edit_words(self, x: Experiment, world: World, readers: Readers, sign: int) -> Made:
        """Return ``counts``: how often the case's items have each word, changed."""
        ...

    def transplant(self, x: Experiment, world: World, case: Case) -> Made:
        """Return ``rows``: what the case's items are given of target items' looks."""
        ...

    def register(self, attack: ProfileAttack, budget: FakeUsers, world: World, case: Case) -> Made:
        """Return ``indptr``, ``items`` and perhaps ``stars`` of fake users."""
        ...

    def detect(self, detector: Detector, world: World) -> Made:
        """Return ``suspicion`` of all users of ``world``, and who is ``left_out``."""
        ...

    def watch(
        self, detector: PictureDetector, network: Extractor, world: World, case: Case
    ) -> Watch | None:
        """Return a detector of pictures behind ``network``, taught; None in a dry run."""
        ...

    def perturb_parameters(self, x: Experiment, world: World) -> Recommender:
        """Return the recommender of ``world`` with its embeddings changed."""
        ...


class Made(Protocol):
    """What a stage returns; ``bench.store.Artifact`` is one."""

    @property
    def tensors(self) -> dict[str, Tensor] | None:
        """What was made; None where a dry run lacks it."""
        ...

    @property
    def notes(self) -> dict[str, Any]:
        """What is known of it beside that."""
        ...

    @property
    def spec(self) -> Any:
        """Its address."""
        ...


Knows = dict[str, Any]  # what an objective is made from, by parameter


class Surface(Component, ABC):
    """Where an adversary acts: on pictures, on features, on parameters, by fake users, or nowhere.

    Attributes:
        attacks, budgets: what goes with it; instances of these.
        others: surfaces whose attacks and budgets are told apart from these, by their own sentence.
        goes_with: a sentence that says so.
        needs_network: whether the shop's extractor must be fitted, even if its recommender does not
            look through it.
        needs_pictures: whether there must be pictures, and a network that looks at them.
        told: what is attacked, in words, of ``items``, ``source``, ``target`` and what the
            objective ``wants``.
        of_items: whether particular items are attacked: then a source and a target category must be
            there, and metrics of what became of these items mean something.
        reads_objective: whether the adversary's aim is the experiment's objective; else no heading
            names one.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Surface
        >>> from vrbench.threats.world import Change
        >>> class Shelf(Surface):
        ...     goes_with = "where an item lies"
        ...     def attack(self, stages, x, world, case):
        ...         return Change(world)
        ...
        >>> Threat(surface=Shelf()).acts_on.name
        'Shelf'
    """

    attacks: ClassVar[tuple[type, ...]] = (object,)
    budgets: ClassVar[tuple[type, ...]] = (object,)
    others: ClassVar[tuple[type[Surface], ...]] = ()
    goes_with: ClassVar[str] = ""
    told: str = "{items} pictures of {source}, {wants}"
    needs_network: ClassVar[bool] = False
    needs_pictures: ClassVar[bool] = False
    of_items: ClassVar[bool] = False
    reads_objective: ClassVar[bool] = True

    def __init__(self) -> None:
        self.spec = self.name  # all that keys say of a surface without settings

    def check(self, x: Experiment) -> None:
        """Raise unless the parts of an experiment go together here.

        Raises:
            IncompatibleError: says what goes with what.
        """
        for other in self.others:
            other.refuse(x)
        if not (isinstance(x.attack, self.attacks) and isinstance(x.budget, self.budgets)):
            raise IncompatibleError(self.goes_with)

    @classmethod
    def refuse(cls, x: Experiment) -> None:
        """Raise if a part of ``x`` belongs to this surface, on behalf of another one.

        Raises:
            IncompatibleError: says what goes with what.
        """
        if isinstance(x.attack, cls.attacks) or isinstance(x.budget, cls.budgets):
            raise IncompatibleError(cls.goes_with)

    @abstractmethod
    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        """Return what the adversary makes of ``world``, in which the recommender is trained."""
