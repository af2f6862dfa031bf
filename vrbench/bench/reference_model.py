"""A reference recommender without pictures: its choices are equal under every extractor."""

from __future__ import annotations

from dataclasses import replace

from vrbench.bench.session import Session
from vrbench.core.errors import IncompatibleError
from vrbench.recommenders.base import RecommenderFactory, class_of
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.threats.world import World


def without_pictures(
    session: Session, world: World, recommender: RecommenderFactory | None, setting: str
) -> World:
    """Return ``world`` with a recommender that sees no images, BPRMF if None, seed 0."""
    factory = blind(recommender, setting)
    return session.fit(replace(world, factory=factory, visuals=world.images), seed=0)


def blind(recommender: RecommenderFactory | None, setting: str) -> RecommenderFactory:
    """Return what makes the recommender that a setting names; BPRMF if None.

    Raises:
        IncompatibleError: if that sees images; then every extractor would get another answer.
    """
    factory = recommender or BPRMF
    if class_of(factory).signal is not None:
        raise IncompatibleError(
            f"{setting} must not look at images, or every extractor would get another one"
        )
    return factory
