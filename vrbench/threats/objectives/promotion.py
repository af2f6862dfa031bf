"""White-box promotion (push) and demotion (nuke) by the recommender's own scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vrbench.attacks.goal import Verdict
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender, class_of
from vrbench.threats.objectives.base import Objective, check_promotable, copies, distinct_rounds

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment

BLOCK = 512  # users scored at once, of all items
USERS = 4096  # users scored at once, of the attacked items


class Promote(Objective):
    """White-box promotion: a high score for every user (INSA, Liu and Larson, WWW 2021).

    The loss is minus the mean score over users: exact, in one pass of the pictures, for all models
    that know their ``crowd``; the authors' loop over blocks of users estimates it (and, for VBPR,
    a sum of exponentials instead, which overflows). The margin is the mean over users of the score
    that enters their top ``k`` on clean images, minus the item's mean score.

    Args:
        train: tells who the users are.
        extractor: leads from pixels to what the recommender is shown.
        recommender: the model that is to be moved, trained.
        visuals: what it was trained on.
        images: where an example is found: the picture of the item with the highest mean score.
        k: length of the lists that count as success.

    Example:
        >>> import torch
        >>> from vrbench.objectives import Promote
        >>> from vrbench.testing.world import knowing, toy_world
        >>> items, images = torch.arange(2), toy_world().catalogue.images
        >>> knowing(Promote, k=5).judge(images[items], items).loss.shape
        torch.Size([2])
    """

    paper = "Liu and Larson, WWW 2021"
    wants = "to be shown more"
    temperature: float = 0.3  # of the hinge, in standard deviations of a user's clean scores

    def __init__(
        self,
        train: Interactions,
        extractor: Extractor,
        recommender: Recommender,
        visuals: Visuals,
        images: Visuals | None = None,
        *,
        k: int = 20,
    ) -> None:
        check_promotable(recommender)
        assert recommender.signal is not None
        self.signal: Signal = recommender.signal
        self.extractor, self.recommender, self.visuals = extractor, recommender, visuals
        self.num_users, self.num_items = train.num_users, train.num_items
        self.k, self.images = k, images
        self._crowd = recommender.crowd(self.num_users)
        self._asked: tuple[Tensor, list[Tensor]] | None = None  # nobody writes into items asked for

    @classmethod
    def check(cls, x: Experiment) -> None:
        check_promotable(class_of(x.recommender))

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        bar, _ = self._entry
        score = self._answered(x, items, self._mean_score)
        return Verdict(-score, bar - score)

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return ``(B,)`` hinges to the ``k``-th score of users' clean lists, the mean over users.

        Smooth (``softplus``), in scores: a user who lists the item hardly counts any more, and the
        others count alike. The mean score, which ``judge`` speaks of, is raised by users who list
        the item already as much as by others.
        """
        smooth = self._bars[1]
        gap_BU = self._answered(x, items, self._gaps)
        return smooth * softplus(-gap_BU / smooth).mean(1)

    def _gaps(self, items: Tensor, shown: Tensor) -> Tensor:
        """Return ``(n, num_users)``: how far inside the lists ``items`` as ``shown`` score."""
        encoded = self.recommender.encode(items, self.visuals.overlay(items, shown))
        users = torch.arange(self.num_users, device=items.device)
        score = [self.recommender.score(block, encoded) for block in users.split(USERS)]
        return torch.cat(score).T - self._bars[0]

    @cached_property
    @torch.no_grad()
    def _bars(self) -> tuple[Tensor, float]:
        """What enters each user's list, ``(num_users,)``; and how smooth a loss is, in scores."""
        bars, spread = [], 0.0
        for users, score in self._clean_scores():
            spread += float(score.std(1).sum())
            bars.append(self._ranked(users, score).topk(min(self.k, self.num_items)).values[:, -1])
        return torch.cat(bars), self.temperature * spread / self.num_users

    def _ranked(self, users: range, score: Tensor) -> Tensor:
        """Return the scores that a list is made of; of all items here, as in ``_entry``."""
        return score

    def _answered(
        self, x: Tensor, items: Tensor, answer: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Return what ``answer`` says of distinct items as shown, for all of ``x``, in order."""
        shown = self.extractor.see(x, self.signal).float()
        rounds = self._rounds(items)
        found = [answer(items[rows], shown[rows]) for rows in rounds]
        return torch.cat(found)[torch.cat(rounds).argsort()]

    def _rounds(self, items: Tensor) -> list[Tensor]:
        """As ``distinct_rounds``; a search asks at every step, and a look waits for the device."""
        if self._asked is None or self._asked[0] is not items:
            self._asked = items, distinct_rounds(items)
        return self._asked[1]

    def _mean_score(self, items: Tensor, shown: Tensor) -> Tensor:
        """Return the ``(B,)`` mean scores over all users of distinct ``items`` as ``shown``."""
        return self._crowd(self.recommender.encode(items, self.visuals.overlay(items, shown)))

    @cached_property
    @torch.no_grad()
    def _entry(self) -> tuple[Tensor, int]:
        """What enters a list: the mean over users of the ``k``-th score; and the example."""
        k = min(self.k, self.num_items)
        entry, total = [], torch.zeros(self.num_items, device=self.recommender.device)
        for _, score in self._clean_scores():
            entry.append(score.topk(k).values[:, -1])
            total += score.sum(0)
        return torch.cat(entry).mean(), self._best(total)

    def _clean_scores(self) -> Iterator[tuple[range, Tensor]]:
        """Yield users, some after the others, and their scores of all items, ``(n, num_items)``."""
        device = self.recommender.device
        encoded = self.recommender.encode(torch.arange(self.num_items, device=device), self.visuals)
        for first in range(0, self.num_users, BLOCK):
            users = range(first, min(first + BLOCK, self.num_users))
            block = torch.arange(users.start, users.stop, device=device)
            yield users, self.recommender.score(block, encoded)

    def _best(self, total: Tensor) -> int:
        """Return the item whose picture reaches the aim best, by total scores."""
        return int(total.argmax())

    def redrawn(self, salt: int) -> Objective:
        _ = self._entry  # once for all draws: it is read off the table
        return super().redrawn(salt)

    def example(self, items: Tensor) -> Tensor:
        if self.images is None:
            return super().example(items)
        return copies(self.images, self._entry[1], items)


class Demote(Promote):
    """White-box demotion (nuke): a low score for every user, ``Promote`` the other way round.

    A competitor's wish, as the nuke of fake profiles is. The loss is the mean score over users; the
    margin is negative once the item's mean score lies below what enters the users' top ``k``.

    Args:
        train, extractor, recommender, visuals, k: as of ``Promote``.
        images: where an example is found: the picture of the item with the lowest mean score.

    Example:
        >>> import torch
        >>> from vrbench.objectives import Demote, Promote
        >>> from vrbench.testing.world import knowing, toy_world
        >>> items, images = torch.arange(2), toy_world().catalogue.images
        >>> low, high = (knowing(of).judge(images[items], items) for of in (Demote, Promote))
        >>> torch.equal(low.loss, -high.loss), torch.equal(low.margin, -high.margin)
        (True, True)
    """

    paper = ""
    wants = "to be shown less"

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        high = super().judge(x, items)
        return Verdict(-high.loss, -high.margin)

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return ``(B,)`` hinges to leave each user's clean list, the mean over users."""
        smooth = self._bars[1]
        gap_BU = self._answered(x, items, self._gaps)
        return smooth * softplus(gap_BU / smooth).mean(1)

    def _best(self, total: Tensor) -> int:
        return int(total.argmin())
