"""What can be promised of a shop's items, beside the worst that attacks do to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.feature_budget import Rows
from vrbench.bench.session import Session
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Recommender
from vrbench.threats.certificates.entering import Entering
from vrbench.threats.certificates.entry import Entry, entry, radius_of_items
from vrbench.threats.certificates.lipschitz import Norm, lipschitz
from vrbench.threats.certificates.smoothing import Smoothing
from vrbench.threats.world import World

NORMS: tuple[Norm, ...] = ("L2", "Linf")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What is to be promised: an item is in the first ``k`` of at most ``share`` of its users.

    Its users are those who do not have it.
    """

    k: int = 20
    share: float = 0.01

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 <= self.share < 1:
            raise ConfigError(
                f"expected k >= 1 and a share in [0, 1), got {self.k} and {self.share:g}"
            )


@dataclass(frozen=True)
class Certified:
    """What is promised of ``n`` items, one at a time: the others stay as they are.

    Radii are in the unit of ``Rows``: the largest absolute value of the shop's features.

    Attributes:
        items: ``(n,)``.
        reached: ``(n,)`` the share of its users in whose first ``k`` an item is, unchanged.
        exact: ``(n,)`` per norm: up to which change the promise holds; None where the model is not
            linear.
        smoothed: ``(n,)`` likewise (L2), of the smoothed shop; None where nothing was smoothed.
    """

    items: Tensor
    reached: Tensor
    exact: dict[Norm, Tensor] | None
    smoothed: Tensor | None


@dataclass(frozen=True)
class Shop:
    """A fitted shop, and the items that a promise is about."""

    model: Recommender
    visuals: Visuals
    entry: Entry
    unit: float

    @classmethod
    def of(cls, session: Session, world: World, items: Tensor, k: int) -> Shop:
        """Return ``world``, fitted, with where ``items`` stand.

        Raises:
            IncompatibleError: if its recommender is not shown feature vectors.
        """
        fitted = session.fit(world)
        model, visuals = fitted.served, fitted.visuals
        if len(visuals.shape) != 1 or not model.own_picture:
            raise IncompatibleError(
                f"{model.name} is not shown a feature vector of the item: nothing can be certified"
            )
        every = torch.arange(len(visuals), device=visuals.device)
        unit = max(float(visuals[block].abs().max()) for block in every.split(4096)) or 1.0
        return cls(model, visuals, entry(model, visuals, world.data.seen, items, k), unit)


def certified(shop: Shop, promise: Promise, smoothing: Smoothing | None, seed: int) -> Certified:
    """Return what can be promised.

    Args:
        shop: fitted.
        promise: what.
        smoothing: with ``sigma`` in units of the largest absolute feature; None: not.
        seed: of the noise.
    """
    inside = (shop.entry.scores >= shop.entry.bars) & shop.entry.asked
    exact = None
    try:
        by_norm = {norm: lipschitz(shop.model, shop.entry, norm) for norm in NORMS}
        exact = {norm: _of_items(shop, radii, promise) for norm, radii in by_norm.items()}
    except IncompatibleError:
        if smoothing is None:
            raise
    smoothed = None
    if smoothing is not None:
        radii = _in_features(smoothing, shop).radii(shop.model, shop.visuals, shop.entry, seed)
        smoothed = _of_items(shop, radii, promise)
    reached = inside.sum(0) / shop.entry.asked.sum(0).clamp(min=1)
    return Certified(shop.entry.items, reached, exact, smoothed)


def kept(
    shop: Shop,
    promise: Promise,
    radius: float,
    attacks: Sequence[Attack],
    smoothing: Smoothing | None,
    seed: int,
) -> tuple[Tensor, Tensor | None]:
    """Return ``(n,)`` bool: for which items no attack breaks the promise; and in the smoothed shop.

    Each attack changes the features of one item at a time, by at most ``radius``, for the aim that
    the promise speaks of; what gets furthest with an item counts. The smoothed shop is shown the
    same change.
    """
    found = _worst(shop, promise, radius, attacks, seed)
    goal = _goal(shop, promise)
    stands = ~_broken(shop, promise, goal.reached(found, shop.entry.items).cpu())
    if smoothing is None:
        return stands, None
    noisy = _in_features(smoothing, shop)
    shown = shop.visuals.overlay(shop.entry.items, found * shop.unit)
    often = noisy.entered(shop.model, shown, shop.entry, seed + 1) * 2 > noisy.draws
    return stands, ~_broken(shop, promise, often)


@torch.no_grad()
def _worst(
    shop: Shop, promise: Promise, radius: float, attacks: Sequence[Attack], seed: int
) -> Tensor:
    """Return ``(n, D)``: the scaled features by which each item gets furthest."""
    items, goal = shop.entry.items, _goal(shop, promise)
    clean = (shop.visuals[items] / shop.unit).cpu()
    best, margin = clean, goal.judge(clean, items).margin
    for n, attack in enumerate(attacks):
        rng = Streams(seed, "certify", n)
        with torch.enable_grad():
            found = attack(clean, items, goal, Rows(eps=radius), rng)
        own = goal.judge(found, items).margin
        best = torch.where((own < margin)[:, None], found, best)
        margin = torch.minimum(own, margin)
    return best


def _goal(shop: Shop, promise: Promise) -> Entering:
    return Entering(shop.model, shop.visuals, shop.entry, promise.share, shop.unit)


def up_to(found: Sequence[float]) -> float:
    """Return the radius up to which a curve is worth drawing; 1 where nothing says."""
    told = [radius for radius in found if 0 < radius < float("inf")]
    return 1.25 * max(told) if told else 1.0


def _broken(shop: Shop, promise: Promise, reached: Tensor) -> Tensor:
    """Return ``(n,)`` bool: which items are in more lists than was promised."""
    count = (reached & shop.entry.asked).sum(0)
    return count > (promise.share * shop.entry.asked.sum(0)).long()


def _of_items(shop: Shop, radii: Tensor, promise: Promise) -> Tensor:
    return radius_of_items(radii, shop.entry.asked, promise.share) / shop.unit


def _in_features(smoothing: Smoothing, shop: Shop) -> Smoothing:
    """Return the smoothing with its ``sigma`` in the units of the features."""
    return Smoothing(
        sigma=smoothing.sigma * shop.unit, draws=smoothing.draws, alpha=smoothing.alpha
    )
