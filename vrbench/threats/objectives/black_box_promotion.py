"""Black-box promotion to a user, a segment or the population, by scores or ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import ConfigError, IncompatibleError, one_of
from vrbench.core.seeds import stream
from vrbench.core.visuals import BLOCK, Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender, class_of
from vrbench.threats.objectives.base import Objective, check_promotable
from vrbench.threats.objectives.base import distinct_rounds as _rounds
from vrbench.threats.query_users import Asked, Scale, histories_of, owned_by, seed_items, strangers

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment

Audience = Literal["user", "segment", "population"]
Feedback = Literal["score", "rank"]
SIMILAR = 10  # neighbours of an item among which a helper is chosen


class Who(NamedTuple):
    """Which rows of ``Asked`` speak about each of ``n`` items, ascending."""

    asked: Asked
    items: Tensor  # (n,) ascending
    place: Tensor  # (n, P) the users asked
    helpers: Tensor | None = None  # (n, 2): who owns the same and a similar item; who only that


class PromoteTo(Objective):
    """Black-box promotion to a user, a segment, or the population (Cohen et al., WSDM 2021).

    The adversary knows the extractor, and what the lists of some users say of the item:

    - "user": of one real user, whose purchases are known: ``user``, or one drawn per item.
    - "segment": of the owners of one other item, a seed item: ``seed_item``, or one drawn per item
      among those of ``owners`` users or more. One fake user who owns it is registered and asked.
      (In the authors' unrestricted code the fake user owns another item than the segment's.)
    - "population": of everyone. ``fakes`` fake users, each with one random item, are registered;
      the loss is that of the fake user below whom a share of ``quantile`` stand: as in the paper
      the one at the 25th percentile of ranks, found anew for every picture asked about.

    A question is one picture, whoever looks at it. Feedback "score" is minus the user's score as
    the loss, in standard deviations of the user's clean scores; "rank" is minus the quantile of the
    rank (``scale``), in [1, N] among the N items the user does not own. With ``visible`` a rank is
    known only inside the top share (and the top ``k``). Where the user's is not, two registered
    users help: one who owns an item similar to the one promoted, one who owns that and all that the
    user owns. From both, ``((n + 1) s' - s~) / n`` stands for the n-item user's own; where
    the second is hidden, too, the first alone does. Answers of a better-informed kind are shifted
    above all others, so that one attack's step may see several kinds.

    The margin is negative once the item is in the top ``k`` of whom is asked; what happens in the
    whole audience is for metrics to say (``aimed_at``).

    Args:
        train, visuals: see ``Promote``.
        extractor: public, as there.
        recommender: answers.
        images: where an example is found: what the first user asked likes best.
        audience: "user", "segment" or "population".
        feedback: "score" or "rank"; ranks have no gradient.
        scale: "normal" or "uniform" quantiles of ranks.
        visible: share of a list, from the top, in which ranks are known; None: all.
        k: length of the lists that count as success.
        user: the user; None draws one per item.
        seed_item: the item whose owners are the segment; None draws one per item.
        owners: fewest owners of a seed item that is drawn.
        fakes: users registered for the population.
        quantile: share of them that must list the item.
        seed: of what is drawn.

    Example:
        >>> import torch
        >>> from vrbench.objectives import PromoteTo
        >>> from vrbench.testing.world import knowing
        >>> aim = knowing(PromoteTo, user=1, k=5)
        >>> aim.aimed_at(torch.tensor([0]))[:, 0].nonzero().flatten().tolist()
        [1]
    """

    version: ClassVar[int] = 2
    paper = "Cohen et al., WSDM 2021"
    wants = "to be shown more"

    def __init__(
        self,
        train: Interactions,
        extractor: Extractor,
        recommender: Recommender,
        visuals: Visuals,
        images: Visuals | None = None,
        *,
        audience: Audience = "user",
        feedback: Feedback = "score",
        scale: Scale = "normal",
        visible: float | None = None,
        k: int = 20,
        user: int | None = None,
        seed_item: int | None = None,
        owners: int = 10,
        fakes: int = 200,
        quantile: float = 0.25,
        seed: int = 0,
    ) -> None:
        check_promotable(recommender)
        self.target = one_of("PromoteTo.audience", audience, Audience)
        self.feedback = one_of("PromoteTo.feedback", feedback, Feedback)
        self.scale = one_of("PromoteTo.scale", scale, Scale)
        if min(k, owners, fakes) < 1 or not 0 < quantile <= 1:
            raise ConfigError("PromoteTo: expected k, owners, fakes >= 1 and 0 < quantile <= 1")
        _check_visible(visible, feedback, audience)
        _check_number("user", user, train.num_users)
        _check_number("seed_item", seed_item, train.num_items)
        assert recommender.signal is not None
        self.train, self.extractor, self.recommender = train, extractor, recommender
        self.visuals, self.images, self.signal = visuals, images, recommender.signal
        self.visible, self.k, self.user, self.seed_item = visible, k, user, seed_item
        self.owners, self.fakes, self.quantile, self.seed = owners, fakes, quantile, seed
        self._others = torch.nonzero(train.popularity).squeeze(1)
        self._who: Who | None = None
        self._features: Tensor | None = None

    @classmethod
    def check(cls, x: Experiment) -> None:
        check_promotable(class_of(x.recommender))

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        if self.feedback == "rank" and x.requires_grad:
            raise IncompatibleError(
                "ranks have no gradient: take objective.feedback=score, or an attack that asks"
            )
        if not len(items):
            none = x.flatten(1).sum(1)
            return Verdict(none, none)
        who = self._asked(items)
        shown = self.extractor.see(x, self.signal).float()
        rounds = _rounds(items)
        found = [self._scores(who.asked, items[rows], shown[rows]) for rows in rounds]
        score_RB = torch.cat(found, 1)[:, torch.cat(rounds).argsort()]
        at = torch.searchsorted(who.items, items.contiguous())
        place_BP, column = who.place[at], torch.arange(len(items), device=items.device)[:, None]
        if self.feedback == "score":
            mean, std = who.asked.mean[place_BP], who.asked.std[place_BP]
            worth = (score_RB[place_BP, column] - mean) / std
            bar = (who.asked.entry(items, self.k)[place_BP, column] - mean) / std
        else:
            rank_RB = who.asked.rank(score_RB, items)
            worth = who.asked.quantile(rank_RB[place_BP, column], place_BP, self.scale)
            half = torch.full_like(place_BP, self.k + 0.5, dtype=torch.float64)
            bar = who.asked.quantile(half, place_BP, self.scale)
            if self.visible is not None:
                assert who.helpers is not None
                rows_B3 = torch.cat([place_BP, who.helpers[at]], 1)
                rank_B3 = rank_RB[rows_B3, column]
                guessed = who.asked.guessed(rank_B3, rows_B3, self.scale, self.visible, self.k)
                worth = guessed[:, None]
        nth = math.ceil(worth.shape[1] * self.quantile - 1e-9) if self.target == "population" else 1
        loss = (-worth).kthvalue(nth, dim=1).values
        return Verdict(loss, (bar - worth).kthvalue(nth, dim=1).values)

    def _scores(self, asked: Asked, items: Tensor, shown: Tensor) -> Tensor:
        """Return the ``(R, n)`` scores of distinct ``items`` as ``shown``."""
        encoded = self.recommender.encode(items, self.visuals.overlay(items, shown))
        return asked.score(encoded)

    def aimed_at(self, items: Tensor) -> Tensor:
        """Return ``(num_users, n)`` bool: to whom each of ``items`` is promoted; on the CPU."""
        items = items.cpu()
        chosen = torch.zeros(self.train.num_users, len(items), dtype=torch.bool)
        if self.target == "population":
            return ~chosen
        if self.target == "user":
            chosen[self._users(items), torch.arange(len(items))] = True
            return chosen
        seeds = self._seeds(items)
        everyone = torch.arange(self.train.num_users)[:, None].expand_as(chosen)
        return self.train.contains(everyone, seeds.expand_as(chosen))

    def example(self, items: Tensor) -> Tensor:
        if self.images is None:
            return super().example(items)
        who = self._asked(items)
        best = who.asked.clean[
            who.place[torch.searchsorted(who.items, items.contiguous()), 0]
        ].argmax(1)
        return self.images[best.cpu()].to(items.device)

    def _users(self, items: Tensor) -> Tensor:
        if self.user is None:
            return strangers(self.train, items, self.seed)
        users = torch.full_like(items, self.user)
        if self.train.contains(users, items).any():
            raise IncompatibleError(f"user {self.user} owns an item that is to be promoted to them")
        return users

    def _seeds(self, items: Tensor) -> Tensor:
        if self.seed_item is None:
            return seed_items(self.train, items, self.owners, self.seed)
        if (items == self.seed_item).any():
            raise IncompatibleError(f"item {self.seed_item} is promoted to its own owners")
        return torch.full_like(items, self.seed_item)

    def _asked(self, items: Tensor) -> Who:
        """Return who is asked about ``items``; kept while no other items come up."""
        wanted = items.unique()
        if self._who is None or not torch.isin(wanted, self._who.items).all():
            self._who = self._register(wanted.cpu())
        return self._who

    @torch.no_grad()
    def _register(self, items: Tensor) -> Who:
        """Return who is asked about ``items``, ascending, on the CPU."""
        none, device = torch.empty(0, dtype=torch.int64), self.recommender.device
        users, n = none, len(items)
        place = torch.arange(n)[:, None]
        if self.target == "user":
            users = self._users(items)
            profiles = owned_by(self.train, users)
        elif self.target == "segment":
            profiles = list(self._seeds(items)[:, None])
        else:
            rng = stream(self.seed, "fake users")
            drawn = torch.randint(len(self._others), (self.fakes,), generator=rng)
            profiles = list(self._others[drawn][:, None])
            place = torch.arange(self.fakes).expand(n, -1)
        helpers = None
        if self.visible is not None:
            similar = self._similar(items, profiles)
            both = [torch.cat([p, s]) for p, s in zip(profiles, similar[:, None], strict=True)]
            profiles = [*profiles, *both, *similar[:, None]]
            helpers = torch.stack([torch.arange(n, 2 * n), torch.arange(2 * n, 3 * n)], 1)
            helpers = helpers.to(device)
        asked = self._ask(users, profiles)
        return Who(asked, items.to(device), place.to(device), helpers)

    def _ask(self, users: Tensor, profiles: list[Tensor]) -> Asked:
        histories = histories_of(profiles, self.train.num_items)
        return Asked(self.recommender, self.visuals, users, histories, self._others)

    def _similar(self, items: Tensor, profiles: list[Tensor]) -> Tensor:
        """Return, per item, the neighbour whose only owner ranks the item best.

        Neighbours are nearest to the public extractor, not to the model; looking at lists of
        clean pictures is no question.
        """
        if self._features is None:
            self._features = self._public_features()
        nearness = self._features[items] @ self._features.T
        nearness[torch.arange(len(items)), items] = -torch.inf
        owned = histories_of(profiles, self.train.num_items)
        nearness[owned.users, owned.items] = -torch.inf
        near = nearness.topk(min(SIMILAR, self.train.num_items - 1), dim=1).indices
        asked = self._ask(torch.empty(0, dtype=torch.int64), list(near.flatten()[:, None]))
        row = torch.arange(near.numel())
        item = items.repeat_interleave(near.shape[1]).to(asked.clean.device)
        ranks = asked.rank(asked.clean[:, item], item)[row, row].reshape(near.shape).cpu()
        ranks = torch.where(nearness.gather(1, near).isinf(), torch.inf, ranks)
        return near.gather(1, ranks.argmin(1, keepdim=True)).squeeze(1)

    def _public_features(self) -> Tensor:
        """Return ``(I, D)`` unit feature vectors of the clean catalogue, on the CPU."""
        seen = []
        for block in torch.arange(len(self.visuals)).split(BLOCK):
            shown = self.visuals[block.to(self.visuals.device)]
            if self.signal is Signal.PIXELS:
                shown = self.see(shown)
            seen.append(torch.nn.functional.normalize(shown.flatten(1), dim=1).cpu())
        return torch.cat(seen)


def _check_visible(share: float | None, feedback: Feedback, audience: Audience) -> None:
    if share is None:
        return
    if feedback == "score" or audience == "population":
        raise ConfigError("PromoteTo.visible goes with feedback=rank and one user or segment")
    if not 0 < share <= 1:
        raise ConfigError(f"PromoteTo.visible: expected a share in (0, 1], got {share}")


def _check_number(name: str, given: int | None, count: int) -> None:
    if given is not None and not 0 <= given < count:
        raise ConfigError(f"PromoteTo.{name}: expected 0..{count - 1}, got {given}")
