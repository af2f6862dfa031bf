"""Targeted and untargeted misclassification by the adversary's extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.goal import Classes, Verdict
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import digest
from vrbench.core.visuals import Visuals
from vrbench.extractors.base import Extractor
from vrbench.threats.case import Case
from vrbench.threats.objectives.base import Objective

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


def class_index(extractor: Extractor, name: str) -> int:
    """Return the index of class ``name`` among the extractor's own.

    Raises:
        IncompatibleError: if the extractor was not taught that class.
    """
    if name not in extractor.classes:
        raise IncompatibleError(f"{extractor.name} has no class {name!r}")
    return extractor.classes.index(name)


def other_classes(logits: Tensor, index: int) -> Tensor:
    """Return the logits, that of one class minus infinity; nothing is copied to the device."""
    own = torch.arange(logits.shape[1], device=logits.device) == index
    return logits.masked_fill(own, -torch.inf)


class OfClass(Objective):
    """An aim about the classes of the adversary's extractor.

    Attributes:
        aims_at: the end of the scenario whose category is looked up among these classes.

    Args:
        images: the catalogue's pictures, where an example is found; None: the adversary has none.
        others: ``(n,)`` items that may show what is wanted.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour
        >>> from vrbench.objectives import OfClass, TargetClass
        >>> from vrbench.testing.world import toy_case
        >>> aim = TargetClass(toy_case(), Colour())
        >>> isinstance(aim, OfClass), aim.classes(torch.ones(1, 3, 8, 8), torch.tensor([0])).towards
        (True, 2)
    """

    aims_at: ClassVar[Literal["source", "target"]] = "target"

    def __init__(self, images: Visuals | None, others: Tensor) -> None:
        self.images, self._others = images, others
        self._example: Tensor | None = None

    @classmethod
    def check(cls, x: Experiment) -> None:
        held = x.threat.surrogate or x.extractor
        if held.learns or not held.classes or x.scenario.labels != "catalogue":
            return  # it will have the categories, or says later that it has none
        named = getattr(x.scenario, cls.aims_at)
        if not set(held.classes) & ({named} if named else set(x.dataset.catalogue.names)):
            lacks, it = (f"class {named!r}", "it") if named else ("category", "one")
            raise IncompatibleError(
                f"{held.name} has no {lacks} of the catalogue's, and {cls.name} aims at {it}: take "
                "objective=promote_lists, scenario=own_labels, or an extractor that is taught the "
                "catalogue's categories"
            )

    def split(self, x: Tensor, items: Tensor, category: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(B,)`` each: logit of a class, largest other one, log-sum-exp."""
        logits = self.classes(x, items).logits
        rest = other_classes(logits, category).amax(1)
        return logits[:, category], rest, logits.logsumexp(1)

    def told(self, case: Case | None, *, example: bool) -> dict[str, Any]:
        return {"examples": digest(self._others.tolist())} if example else {}

    def example(self, items: Tensor) -> Tensor:
        if self._example is None:
            self._example = _surest(self, self.images, self._others, items.device)
        return self._example.expand(len(items), *self._example.shape)


class TargetClass(OfClass):
    """Targeted misclassification as the target category (TAaMR, Di Noia et al., DSN-W 2020).

    The loss is the cross-entropy to the target; the margin is the largest other logit minus the
    target's. It reads no recommender, so one attack serves all of them.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour
        >>> from vrbench.objectives import TargetClass
        >>> from vrbench.testing.world import toy_case, toy_world
        >>> red, blue = toy_world().catalogue.images[torch.tensor([0, 2])][:, None]
        >>> aim, item = TargetClass(toy_case(), Colour()), torch.tensor([0])
        >>> aim.reached(red, item).item(), aim.reached(blue, item).item()
        (False, True)
    """

    paper = "Di Noia et al., DSN-W 2020"

    def __init__(self, case: Case, extractor: Extractor, images: Visuals | None = None) -> None:
        self.extractor, self.target = extractor, class_index(extractor, case.target)
        others = case.labels == case.names.index(case.target)
        super().__init__(images, torch.nonzero(others).squeeze(1))

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        own, rest, every = self.split(x, items, self.target)
        return Verdict(every - own, rest - own)

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        return Classes(self.extractor(x).logits.float(), self.target, None)


class Untargeted(OfClass):
    """Untargeted misclassification: anything but the source category.

    The loss is minus the cross-entropy to the source; the margin is its logit minus the largest
    other one.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour
        >>> from vrbench.objectives import Untargeted
        >>> from vrbench.testing.world import toy_case, toy_world
        >>> red, blue = toy_world().catalogue.images[torch.tensor([0, 2])][:, None]
        >>> aim, item = Untargeted(toy_case(), Colour()), torch.tensor([0])
        >>> aim.reached(red, item).item(), aim.reached(blue, item).item()
        (False, True)
    """

    paper = ""
    wants = "to be taken for anything else"
    aims_at = "source"

    def __init__(self, case: Case, extractor: Extractor, images: Visuals | None = None) -> None:
        self.extractor, self.source = extractor, class_index(extractor, case.source)
        others = case.labels != case.names.index(case.source)
        super().__init__(images, torch.nonzero(others).squeeze(1))

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        own, rest, every = self.split(x, items, self.source)
        return Verdict(own - every, own - rest)

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        return Classes(self.extractor(x).logits.float(), None, self.source)


@torch.no_grad()
def _surest(
    goal: Objective, images: Visuals | None, others: Tensor, device: torch.device, most: int = 256
) -> Tensor:
    """Return the picture, of the first ``most`` of ``others``, that reaches the aim by most."""
    if images is None or not len(others):
        raise IncompatibleError(f"{goal.name} knows no picture that reaches its aim")
    others = others[:most]
    blocks = [(images[b].to(device), b.to(device)) for b in others.split(64)]
    margin = torch.cat([goal.judge(x, b).margin for x, b in blocks])
    return images[others[margin.argmin().cpu()][None]].to(device)[0]
