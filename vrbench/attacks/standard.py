"""The attacks that robustness is reported under: fixed members, fixed budgets, no setting."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, BlackBox, Cost
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import IMAGENET_STD, L2, Budget, Linf
from vrbench.attacks.ensemble import Ensemble, Ledger, Tried
from vrbench.attacks.goal import Goal, Verdict, able, gradient
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.apgd import AutoPGD
from vrbench.attacks.gradient.eot import draws, over_draws
from vrbench.attacks.masking import ASKED, DRAW, FLAT, LIMIT, notice
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.attacks.places import places
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams

log = logging.getLogger(__name__)

DRAWS = 8  # of a random defence, that a gradient of standard-2 is the mean of
FRESH = range(1001, 1021)  # other draws of it, that a picture of standard-2 is judged by
AHEAD = 1.1  # times the gain of all gradients, from which on questions gain more
MORE = 2.0  # times the gain within the budget, that must be had where there is no limit
LOOKED_AT = 16  # items, of those not led to the aim, that are tried without a limit


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
    in one line of the log that begins with "gradients may be masked", and stand in a run's record
    as ``masking``: the loss is flat at clean pictures, or questions reach the aim where no gradient
    did. A defence that draws lots is judged at one draw, which is said, too.

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
        if draws(goal.goal if isinstance(goal, Ledger) else goal):
            notice(DRAW, items, torch.ones_like(items, dtype=torch.bool))
            log.warning(
                "%s: a random defence was judged at one draw: take attack=standard_2, which "
                "averages over draws",
                self.name,
            )
        self._look_for_slopes(clean, items, goal)
        return super().search(clean, items, goal, budget, rng)

    def _look_for_slopes(self, clean: Tensor, items: Tensor, goal: Goal) -> None:
        """Say so if the loss is flat at clean pictures."""
        slope, _ = gradient(goal, clean, items)
        flat = (slope.flatten(1) == 0).all(1)
        if notice(FLAT, items, flat):
            self._warn(f"the loss is flat at {int(flat.sum())} of {len(flat)} clean pictures")

    def taking_part(self, clean: Tensor, items: Tensor, goal: Goal) -> list[Attack]:
        """Return the members; feature regression only where there is a public extractor."""
        public = sees(goal, clean[:1])
        return [m for m in self.members if public or not isinstance(m, FeatureRegression)]

    def tried(self, member: Attack, found: Tried, ledger: Ledger) -> None:
        """Say so if questions reached the aim where no gradient did."""
        if isinstance(member, BlackBox):
            self._look_at_questions(member, found.items, found.missed & ~found.worse)

    def _look_at_questions(self, member: Attack, items: Tensor, ahead: Tensor) -> None:
        if notice(ASKED, items, ahead):
            self._warn(
                f"{member.name} reaches the aim for {int(ahead.sum())} of {len(ahead)} items that "
                "no gradient did"
            )

    def _warn(self, sign: str) -> None:
        log.warning("%s: gradients may be masked: %s", self.name, sign)


class StandardAttack2(StandardAttack):
    """``standard-2``: ``standard-1`` on two losses that differ, over draws, and checked further.

    After Croce and Hein (ICML 2020, sec. 5). Members, in turn: Auto-PGD with 100 steps on the
    goal's loss and on its second one, the hinge to each user's ``k``-th item (``Promote.hinge``; on
    the margin where an aim is not about lists), with 400 on the loss again, whose steps shrink
    later, and then those of ``standard-1``. For promotion that is all that ``standard-1`` has,
    whose two Auto-PGDs are one there.

    A defence that draws lots is judged over draws: gradients are means over 8 of the adversary's
    (Athalye et al., ICML 2018, sec. 4.2), and a picture's verdict is that of the mean over 20 other
    ones. Questions are put to the shop, which answers by its own draw.

    Two more signs of masked gradients are looked for, after "unbounded attacks do not reach 100 %
    success" (Athalye et al., sec. 3.1). Questions gain a tenth more than all gradients. And of 16
    items that are not led to the aim: Auto-PGD that may change a picture to any other neither
    reaches the aim, nor gains twice what it does within the budget, nor as much as the best picture
    of another item, where the goal knows one.

    Example:
        >>> from vrbench.attacks import StandardAttack2
        >>> attack = StandardAttack2()
        >>> [type(member).__name__ for member in attack.members[-3:]]
        ['FMN', 'FeatureRegression', 'Square']
    """

    name = "standard-2"
    paper = "Croce and Hein, ICML 2020"

    def __init__(self) -> None:
        members: dict[str, Attack] = {
            "apgd loss": AutoPGD(),
            "apgd hinge": AutoPGD(descend="hinge"),
            "apgd margin": AutoPGD(descend="margin"),
            "apgd long": AutoPGD(steps=400),
            "fmn": FMN(),
            "regression": FeatureRegression(),
            "square": Square(queries=1000),
        }
        Ensemble.__init__(self, attacks=members, stop=True)
        vars(self)["asks_example"] = True  # what a picture without a limit is compared with

    @property
    def cost(self) -> Cost | None:
        """As of any ensemble, and the checks; of hinge and margin one takes part."""
        whole, spared = super().cost, self.attacks["apgd margin"].cost
        assert whole is not None
        assert spared is not None
        beyond = self.unlimited.cost
        assert beyond is not None
        forward = whole.forward - spared.forward - 1 + beyond.forward + 5
        return Cost(forward, whole.backward - spared.backward + beyond.backward + 1)

    @property
    def unlimited(self) -> AutoPGD:
        """What tries without a limit."""
        return AutoPGD()

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        ledger = OverDraws(goal if isinstance(goal, Ledger) else Ledger(goal), clean, items)
        self._look_for_slopes(clean, items, ledger.mean)
        best = Ensemble.search(self, clean, items, ledger, budget, rng)
        self._look_beyond(best, clean, items, ledger, budget, rng)
        return best

    def taking_part(self, clean: Tensor, items: Tensor, goal: Goal) -> list[Attack]:
        """Return the members; of hinge and margin the one that the goal offers."""
        other = "apgd margin" if lists(goal, clean[:1], items[:1]) else "apgd hinge"
        left_out = self.attacks[other]
        return [m for m in super().taking_part(clean, items, goal) if m is not left_out]

    def tried(self, member: Attack, found: Tried, ledger: Ledger) -> None:
        """Say so if questions get further than gradients do."""
        if not isinstance(member, BlackBox):
            return
        assert isinstance(ledger, OverDraws)
        start = ledger.at_first(found.items)
        more = start - found.loss > AHEAD * (start - found.least).clamp(min=0)
        ahead = found.missed & (~found.worse | more)
        if notice(ASKED, found.items, ahead):
            self._warn(
                f"{member.name} gets further than gradients with {int(ahead.sum())} of "
                f"{len(ahead)} items"
            )

    def _look_beyond(
        self,
        best: Tensor,
        clean: Tensor,
        items: Tensor,
        ledger: OverDraws,
        budget: Budget,
        rng: Streams,
    ) -> None:
        """Say so if pictures that may be anything do not get far beyond those of the budget."""
        wide = without_limit(budget, clean)
        within = ledger.verdict(best, items)
        rows = places(within.margin >= 0)[:LOOKED_AT]
        if wide is None or not len(rows):
            return
        some = items[rows]
        x = self.unlimited(clean[rows], some, ledger.mean, wide, rng.again())
        far, start = ledger.verdict(x, some), ledger.at_first(some)
        gain, usual = start - far.loss, (start - within.loss[rows]).clamp(min=0)
        fails = (far.margin >= 0) & (gain <= MORE * usual) & (far.loss > ledger.of_others(some))
        if notice(LIMIT, some, fails):
            self._warn(
                f"without a limit {int(fails.sum())} of {len(fails)} items get hardly further "
                "than within the budget"
            )


class StandardAttack3(StandardAttack2):
    """``standard-3``: ``standard-2`` and 1,000 steps of Adam.

    Auto-PGD is not the strongest everywhere: through EfficientNet-Lite0 on H&M's photos Adam gets
    further with as many steps (``docs/results/standard.md``). It starts at a random picture of the
    budget, and its steps are three tenths of the radius, so that there is nothing to set
    (``AdamPGD`` with ``lr=None``).

    Difference from AutoAttack (Croce and Hein, ICML 2020): as of ``standard-2``, and Adam.

    Example:
        >>> from vrbench.attacks import StandardAttack2, StandardAttack3
        >>> sorted(StandardAttack3().attacks.keys() - StandardAttack2().attacks.keys())
        ['adam']
    """

    name = "standard-3"
    paper = "Croce and Hein, ICML 2020"

    def __init__(self) -> None:
        super().__init__()
        self.attacks["adam"] = AdamPGD(steps=1000, lr=None, start="random")


class OverDraws(Ledger):
    """A ledger that judges by the mean over draws of a defence; by one answer if none draws.

    Args:
        outer: whose goal it is, and where questions are counted.
        clean: ``(B, 3, H, W)`` the clean pictures.
        items: ``(B,)`` whose they are.
    """

    def __init__(self, outer: Ledger, clean: Tensor, items: Tensor) -> None:
        super().__init__(outer.goal)
        self._outer = outer
        self.mean = over_draws(outer.goal, range(1, DRAWS + 1))
        self._judge = Ledger(over_draws(outer.goal, FRESH))
        first = self.verdict(clean, items).loss
        self._first = dict(zip(items.tolist(), first.tolist(), strict=True))

    def shown_to(self, member: Attack) -> Goal:
        """Return the mean over draws for who sees gradients; who asks is answered by the shop."""
        return self.goal if isinstance(member, BlackBox) else self.mean

    def verdict(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the exact verdicts on finished pictures, by draws that no member has seen."""
        return self._judge.verdict(x, items)

    def at_first(self, items: Tensor) -> Tensor:
        """Return the ``(B,)`` losses of the clean pictures."""
        return torch.tensor([self._first[item] for item in items.tolist()], device=items.device)

    def of_others(self, items: Tensor) -> Tensor:
        """Return the ``(B,)`` losses of items that look like the best other item, if one is known.

        Minus infinity where none is, which nothing gets below.
        """
        try:
            shown: Tensor = able(self.goal, "example")(items)
        except IncompatibleError:
            return torch.full(items.shape, -torch.inf, device=items.device)
        return self.verdict(shown, items).loss

    def charge(self, items: Tensor, counts: Tensor) -> None:
        self._outer.charge(items, counts)

    def asked(self, items: Tensor) -> Tensor:
        return self._outer.asked(items)


def sees(goal: Goal, x: Tensor) -> bool:
    """Whether a goal shows the features of ``x`` by a public extractor."""
    return _offers(lambda: able(goal, "see")(x))


def lists(goal: Goal, x: Tensor, items: Tensor) -> bool:
    """Whether a goal has a second loss, which is about users' lists."""
    return _offers(lambda: able(goal, "hinge")(x, items))


def _offers(ask: Callable[[], Tensor]) -> bool:
    try:
        with torch.no_grad():
            ask()
    except IncompatibleError:
        return False
    return True


def without_limit(budget: Budget, clean: Tensor) -> Budget | None:
    """Return a budget in which a picture may become any other; None where it is no wider.

    Of balls of Linf and L2; other budgets have no such limit. No wider is less than four times.
    """
    if isinstance(budget, Linf):
        eps = 255.0 if budget.space == "pixel" else 255.0 / min(IMAGENET_STD)
    elif isinstance(budget, L2):
        eps = 255.0 * clean[0].numel() ** 0.5
    else:
        return None
    return replace(budget, eps=eps) if eps >= 4 * budget.eps else None
