"""What an objective is, and whether a recommender can be promoted through pictures."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor

from vrbench.attacks.goal import Classes, Verdict
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import Component, digest, unbound
from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Recommender
from vrbench.threats.case import Case

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Objective(Component, ABC):
    """Something an adversary wants of the images of some items.

    The positional parameters of ``__init__`` are what the adversary knows. They are filled
    in by name from: ``case`` (the categories at stake), ``extractor`` (the adversary's),
    ``images`` (the catalogue's pictures), ``train`` (the feedback), ``recommender`` and
    ``visuals`` (the adversary's view of the model, and of what it was trained on).

    Attributes:
        wants: what is to become of the items, in words, of ``target``.

    Example:
        >>> import torch
        >>> from vrbench.attacks.goal import Verdict
        >>> from vrbench.objectives import Objective
        >>> class Dark(Objective):
        ...     def judge(self, x, items):
        ...         light = x.mean((1, 2, 3))
        ...         return Verdict(light, light - 0.5)
        ...
        >>> Dark().reached(torch.zeros(2, 3, 4, 4), torch.arange(2)).tolist()
        [True, True]
    """

    wants: ClassVar[str] = "to be taken for {target}"

    @classmethod
    def check(cls, x: Experiment) -> None:
        """Raise if this cannot be wanted of an experiment; asked before anything is trained.

        Raises:
            IncompatibleError: says what goes with it.
        """

    def told(self, case: Case | None, *, example: bool) -> dict[str, Any]:
        """Return what it takes of the case that the case's spec leaves out; part of keys.

        All of it, unless a class says better: who reads no label need not have them in a key.

        Args:
            case: as it was given; None if it takes none.
            example: whether the attack asks for an ``example``.
        """
        if case is None:
            return {}
        labels = [case.names, case.labels.tolist(), case.items.tolist()]
        return {"labels": digest(labels), "item_ids": digest(case.item_ids)}

    @abstractmethod
    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return loss and margin, ``(B,)`` each, of images ``x``, ``(B, 3, H, W)``, of ``items``.

        Small loss is success; the margin is negative once the aim is reached.
        """

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return the logits that the aim is made of, where it is about classes.

        Raises:
            IncompatibleError: where it is not.
        """
        raise IncompatibleError(f"{self.name} is not about classes")

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return, ``(B,)``, a second loss: how far items are from the lists they are nearest to.

        Raises:
            IncompatibleError: where the aim is not about users' lists.
        """
        raise IncompatibleError(f"{self.name} is not about users' lists")

    def example(self, items: Tensor) -> Tensor:
        """Return ``(B, 3, H, W)`` pictures that reach the aim, or come nearest to it.

        They show other items of the catalogue, on the device of ``items``.

        Raises:
            IncompatibleError: where the adversary knows of none.
        """
        raise IncompatibleError(f"{self.name} knows no picture that reaches its aim")

    def see(self, x: Tensor) -> Tensor:
        """Return the ``(B, D)`` features of pictures by the adversary's extractor.

        Raises:
            IncompatibleError: where the adversary has none.
        """
        extractor = getattr(self, "extractor", None)
        if extractor is None:
            raise IncompatibleError(f"{self.name} knows no extractor")
        found: Tensor = extractor.see(x, Signal.VECTOR).float()
        return found

    def redrawn(self, salt: int) -> Objective:
        """Return this aim under other draws of the extractor's; itself where none are made.

        Args:
            salt: 0 for the shop's own draws, any other number for draws of the adversary's.
        """
        extractor = getattr(self, "extractor", None)
        other = None if extractor is None else extractor.redrawn(salt)
        if other is extractor:
            return self
        made = copy.copy(self)
        vars(made)["extractor"] = other
        return made

    def aimed_at(self, items: Tensor) -> Tensor | None:
        """Return ``(num_users, n)`` bool: whom each of ``items`` is to reach; None: nobody."""
        return None

    def reached(self, x: Tensor, items: Tensor) -> Tensor:
        """Return ``(B,)`` bool: whether the aim is reached; its mean is the success rate."""
        return self.judge(x, items).margin < 0


class ObjectiveFactory(Protocol):
    """An objective's class, or a partial of one."""

    def __call__(self, **knows: object) -> Objective: ...


def objective_name(factory: ObjectiveFactory) -> str:
    """Return the name of what ``factory`` makes, for a message."""
    name: str = getattr(unbound(factory), "__name__", "the objective")
    return name


def wanted(factory: ObjectiveFactory) -> str:
    """Return what is to become of the items under the objective that ``factory`` makes."""
    words: str = getattr(unbound(factory), "wants", Objective.wants)
    return words


def check_promotable(recommender: type[Recommender] | Recommender) -> None:
    """Raise if no picture of an item can change that item's own score.

    Raises:
        IncompatibleError: for models that see no images, and for those that score an item
            through other pictures only.
    """
    name = recommender.name
    if recommender.signal is None:
        raise IncompatibleError(f"{name} does not look at images")
    if not recommender.own_picture:
        raise IncompatibleError(f"n/a: the score of an item under {name} does not see its picture")


def copies(images: Visuals, row: int, items: Tensor) -> Tensor:
    """Return the picture of item ``row`` once for each of ``items``."""
    picture = images[torch.tensor([row])].to(items.device)
    return picture.expand(len(items), *picture.shape[1:])


def distinct_rounds(items: Tensor) -> list[Tensor]:
    """Return positions of ``items`` in groups within which every item is distinct.

    An attack that queries asks for one item many times in one batch, each time with another
    picture; a table has one entry per item.
    """
    ascending, order = items.sort(stable=True)
    nth = torch.arange(len(items), device=items.device) - torch.searchsorted(ascending, ascending)
    return [order[nth == n] for n in range(int(nth.max()) + 1 if len(nth) else 0)]
