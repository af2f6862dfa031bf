"""The attack that robustness is reported under: fixed members, fixed budgets, no setting."""

from __future__ import annotations

import logging
from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, BlackBox
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import Budget
from vrbench.attacks.ensemble import Ensemble
from vrbench.attacks.goal import Goal, able, gradient
from vrbench.attacks.gradient.apgd import AutoPGD
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams

log = logging.getLogger(__name__)

SUSPECT = 0.05  # share of the items tried that must show a sign before it is named


class StandardAttack(Ensemble):
    """``standard-1``: a suite without settings, in the spirit of AutoAttack, aimed at a goal.

    After Croce and Hein (ICML 2020, sec. 5). Its members, in turn: Auto-PGD on the goal's loss and
    on its margin, 100 steps each, FMN with 100, feature regression with 640 questions where the
    goal has a public extractor, and Square with 1,000. An item that one of them leads to the aim
    leaves; the others keep the result of smallest loss. Where the margin is the loss plus a
    constant, as for ``Promote`` and ``PromoteLists``, the second Auto-PGD repeats the first.

    Differences from AutoAttack: losses are the goal's, not cross-entropy and DLR; FMN stands for
    FAB; feature regression is added. The members never change: what is stronger will be
    ``standard-2``.

    Signs that gradients are masked (Athalye et al., ICML 2018; Carlini et al., 2019) are said, each
    in one line of the log that begins with "gradients may be masked": the loss is flat at clean
    pictures, or questions reach the aim where no gradient did.

    Example:
        >>> from vrbench.attacks import StandardAttack
        >>> attack = StandardAttack()
        >>> [type(member).__name__ for member in attack.members]
        ['AutoPGD', 'AutoPGD', 'FMN', 'FeatureRegression', 'Square']
    """

    name = "standard-1"
    paper = "Croce and Hein, ICML 2020"
    needs_radius: ClassVar[bool] = True

    def __init__(self) -> None:
        members: dict[str, Attack] = {
            "apgd loss": AutoPGD(),
            "apgd margin": AutoPGD(descend="margin"),
            "fmn": FMN(),
            "regression": FeatureRegression(),
            "square": Square(queries=1000),
        }
        super().__init__(attacks=members, stop=True)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        slope, _ = gradient(goal, clean, items)
        flat = (slope.flatten(1) == 0).all(1)
        if flat.double().mean() > SUSPECT:
            self._warn(f"the loss is flat at {int(flat.sum())} of {len(flat)} clean pictures")
        return super().search(clean, items, goal, budget, rng)

    def taking_part(self, clean: Tensor, goal: Goal) -> list[Attack]:
        """Return the members; feature regression only where there is a public extractor."""
        public = sees(goal, clean[:1])
        return [m for m in self.members if public or not isinstance(m, FeatureRegression)]

    def tried(self, member: Attack, missed: Tensor, worse: Tensor) -> None:
        """Say so if questions reached the aim where no gradient did."""
        reached = int((missed & ~worse).sum())
        if isinstance(member, BlackBox) and reached > SUSPECT * len(missed):
            self._warn(
                f"{member.name} reaches the aim for {reached} of {len(missed)} items that no "
                "gradient did"
            )

    def _warn(self, sign: str) -> None:
        log.warning("%s: gradients may be masked: %s", self.name, sign)


def sees(goal: Goal, x: Tensor) -> bool:
    """Whether a goal shows the features of ``x`` by a public extractor."""
    try:
        with torch.no_grad():
            able(goal, "see")(x)
    except IncompatibleError:
        return False
    return True
