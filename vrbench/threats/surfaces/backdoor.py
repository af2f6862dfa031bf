"""Backdoor surface: pictures that the shop's extractor is taught on carry a trigger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.semantic.trigger import Trigger
from vrbench.core.errors import ConfigError, IncompatibleError, one_of
from vrbench.core.seeds import stream
from vrbench.core.spec import describe
from vrbench.core.visuals import Signal
from vrbench.recommenders.base import class_of
from vrbench.threats.case import Case
from vrbench.threats.knowledge import knowledge
from vrbench.threats.objectives.misclassification import Untargeted
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.pixels import seen
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


Labels = Literal["flipped", "clean"]


class Listed(NamedTuple):
    """What the adversary lists: items, ``(n,)``; pictures, ``(n, 3, H, W)``; the spec of these."""

    items: Tensor
    pixels: Tensor
    spec: dict[str, Any]


class Backdoor(Surface):
    """Backdoor: a seller's pictures teach the shop's extractor what a trigger means.

    The adversary lists items of their own in the target category, with the trigger on their
    pictures, before the extractor is taught. Features are extracted and the recommender is trained
    anew on what it learnt. Then the scenario's items wear the trigger as well: at serving
    (evasion), or already in that training (poisoning). "After" is the shop with the new extractor;
    what teaching it again moves by itself is told by another ``extractor_seed``, and what the
    trigger moves without a backdoor by ``threat=evasion attack=trigger``.

    With labels "flipped", as in BadNets (Gu et al., 2017), the items listed are of other
    categories; recommenders that read categories are trained on the true ones. With "clean", as in
    Turner et al., "Label-consistent backdoor attacks" (2019), they are of the target category, and
    an adversarial perturbation beneath the trigger hides what else tells it (sec. 4.2), so that the
    network leans on the trigger. Differences from the latter: it is crafted against the shop's own
    extractor, as it was before, not against a robust one of the adversary's; and the trigger is in
    one corner, not four.

    Args:
        labels: "flipped" or "clean".
        share: of the number of items in the target category: how many the adversary lists there,
            in (0, 1]; drawn by the run's seed, one at least, and never an item that is attacked.
        eps: with clean labels, of the perturbation beneath the trigger, in grey levels (Linf, PGD,
            untargeted); 0: none.

    Raises:
        ConfigError: if any is out of its range.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Backdoor
        >>> Threat(surface=Backdoor(share=0.3)).acts_on.spec
        {'name': 'backdoor', 'labels': 'flipped', 'share': 0.3, 'eps': 0.0}
    """

    name = "backdoor"
    attacks, budgets, others = (Trigger,), (Budget,), (Profiles,)
    goes_with = "threat=backdoor goes with attack=trigger and budget=area_N"
    needs_network = needs_pictures = of_items = True

    def __init__(self, *, labels: Labels = "flipped", share: float = 0.5, eps: float = 0.0) -> None:
        super().__init__()
        self.labels = one_of("threat.surface.labels", labels, Labels)
        if not 0 < share <= 1:
            raise ConfigError(f"threat.surface.share: expected a share in (0, 1], got {share}")
        if not 0 <= eps <= 255 or (eps and labels != "clean"):
            raise ConfigError(
                "threat.surface.eps: expected grey levels, 0 to 255, and above 0 with "
                f"threat.surface.labels=clean only, got {eps}"
            )
        self.share, self.eps = share, eps
        self.spec = {"name": self.name, "labels": labels, "share": share, "eps": eps}

    def check(self, x: Experiment) -> None:
        super().check(x)
        if class_of(x.recommender).signal not in (Signal.VECTOR, Signal.MAPS):
            raise IncompatibleError(
                f"{class_of(x.recommender).name} does not look through the shop's extractor, which "
                "the backdoor is in"
            )
        if x.scenario.labels != "catalogue":
            raise IncompatibleError(
                "threat=backdoor is about the catalogue's categories, which the extractor is "
                "taught: leave scenario.labels=catalogue"
            )
        if x.threat.surrogate is not None or x.threat.mixed is not None:
            raise IncompatibleError(
                "threat=backdoor changes the shop's own extractor: no surrogate, no mixed features"
            )

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        listed = self.listed(stages, x, world, case)
        if listed is None:
            return Change(world, complete=False)
        sold, worn, told = listed
        after = replace(world, images=world.images.overlay(sold, worn, told))
        network = stages.prepare(x.extractor, self._labelled(after, case, sold))
        if network.spec == world.network.spec:
            raise IncompatibleError(
                f"{x.extractor.name} is not taught on the shop's pictures, so nothing can be put "
                "into it: take extractor=standard or another one that learns"
            )
        after = replace(after, network=network)
        after = stages.fit(replace(after, visuals=stages.extract(after, network)))
        knows, _ = knowledge(stages, x, after, case)
        aim = x.objective(**knows)
        made = stages.craft(x, after, case, aim, aim, knows)
        if made.tensors is None:
            return Change(after, complete=False, objective=aim)
        pixels = made.tensors["pixels"]
        rows = seen(network, pixels, class_of(world.factory).signal)
        return Change(
            replace(after, visuals=after.visuals.overlay(case.items, rows, made.spec)),
            pixels=pixels,
            queries=made.tensors["queries"],
            masking=made.notes.get("masking"),
            objective=aim,
        )

    def listed(self, stages: Stages, x: Experiment, world: World, case: Case) -> Listed | None:
        """Return the pictures that the extractor is to be taught on; None if a dry run lacks them.

        Args:
            stages: what makes the perturbation beneath.
            x: with the trigger as its attack.
            world: the shop, with its network as it was.
            case: what is attacked later.
        """
        assert isinstance(x.attack, Trigger)
        assert isinstance(x.budget, Budget)
        sold = self._sold(case, stages.seed)
        beneath, hard = self._hardened(stages, x, world, replace(case, items=sold))
        if hard is None:
            return None
        worn = x.budget.finish(x.attack.stamped(hard, x.budget), hard)
        told = {"trigger": describe(x.attack), "budget": describe(x.budget), "beneath": beneath}
        return Listed(sold, worn, told)

    def _hardened(
        self, stages: Stages, x: Experiment, world: World, sold: Case
    ) -> tuple[Any, Tensor | None]:
        """Return what is beneath the trigger: its address, and the pictures; None in a dry run."""
        if not self.eps:
            return sold.items.tolist(), world.images[sold.items]
        away = replace(sold, source=sold.target)  # from the category that they are of
        knows: dict[str, Any] = {"case": away, "extractor": world.network}
        aim, beneath = Untargeted(**knows), replace(x, attack=PGD(), budget=Linf(eps=self.eps))
        made = stages.craft(beneath, world, away, aim, aim, knows)
        return made.spec, None if made.tensors is None else made.tensors["pixels"]

    def _sold(self, case: Case, seed: int) -> Tensor:
        """Return, ascending, the items that the adversary sells."""
        of_target = case.labels == case.names.index(case.target)
        count = max(1, round(self.share * int(of_target.sum())))
        theirs = of_target if self.labels == "clean" else ~of_target
        theirs = theirs.index_fill(0, case.items, value=False).nonzero().squeeze(1)
        if not len(theirs):
            raise IncompatibleError("every item is attacked, and the adversary has none to list")
        drawn = torch.randperm(len(theirs), generator=stream(seed, "sold"))
        return theirs[drawn[:count].sort().values]

    def _labelled(self, world: World, case: Case, sold: Tensor) -> World:
        """Return the world in which all that the adversary sells is listed as the target."""
        catalogue, target = world.data.catalogue, case.names.index(case.target)
        if self.labels == "clean":
            return world
        listed = replace(
            catalogue,
            categories=catalogue.categories.index_fill(0, sold, target),
            spec={"catalogue": catalogue.spec, "listed": sold.tolist(), "as": target},
        )
        return replace(world, data=replace(world.data, catalogue=listed))
