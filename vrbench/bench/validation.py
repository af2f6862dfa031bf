"""Model selection: a metric on the validation split alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

import torch

from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.session import Session
from vrbench.bench.store import Store
from vrbench.bench.views import view_of
from vrbench.core.errors import ConfigError
from vrbench.core.spec import describe
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.metrics.base import Metric, RankMetric, SystemMetric
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.view import Counted, Views
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.room import make_recommender
from vrbench.recommenders.training.epochs import VALID_K, EpochRecommender
from vrbench.threats.world import World

Watch = Callable[[int, float], None]  # told a step and the score there; may raise to stop

SEED_STEPS = 1_000_000  # steps from here on count seeds, below it epochs of the first seed
FOLD_STEPS = 2_000_000  # steps from here on count folds; those below are of the first
NONE = torch.empty(0, dtype=torch.int64)


class Validation:
    """Scores recommenders by a metric on the validation split, train masked, averaged over seeds.

    The test split is thrown away before anything else is done: no score can depend on it.

    Args:
        dataset: what is trained and validated on.
        extractor: what the shop's features are made with, if the recommender asks for any.
        store: keeps models; a later run with the same settings finds them there.
        machine: device.
        seeds: of the trainings.
        extractor_seed: of the extractor's training.
        metric: what is measured; None: nDCG@20, as trainings do that stop early.

    Raises:
        ConfigError: if there is no validation feedback, or the metric is about an attack.
    """

    def __init__(
        self,
        dataset: Dataset,
        extractor: Extractor,
        store: Store,
        machine: Machine,
        *,
        seeds: Sequence[int],
        extractor_seed: int = 0,
        metric: Metric | None = None,
    ) -> None:
        if not len(dataset.valid):
            raise ConfigError("nothing to tune on: the dataset has no validation split")
        sizes = dataset.train.num_users, dataset.train.num_items
        self.data = replace(dataset, test=Interactions.of(NONE, NONE, *sizes, ["no test"]))
        self.session = Session(store, machine, extractor_seed=extractor_seed)
        self.seeds = tuple(seeds)
        self._extractor = extractor
        self.metric = metric or NDCG(k=VALID_K)
        self._as_trained = describe(self.metric) == describe(NDCG(k=VALID_K))
        of_lists = isinstance(self.metric, RankMetric | SystemMetric)
        if self.metric.of_category or self.metric.two_stage or not of_lists:
            raise ConfigError(f"{self.metric.column} is about an attack: tune an attack by it")

    def score(
        self, recommender: RecommenderFactory, watch: Watch, extractor: Extractor | None = None
    ) -> float:
        """Return the mean over seeds of the metric of what ``recommender`` makes.

        ``watch`` hears the mean so far after every seed and, where the metric is what trainings
        look at, the score after every evaluated epoch of the first; whether a model was in the
        store or not, it hears the same.

        Args:
            recommender: what is trained.
            watch: who listens; may raise to stop.
            extractor: in place of the one for all.
        """
        world = self.session.shop(self.data, extractor or self._extractor, recommender)
        found: list[float] = []
        for n, seed in enumerate(self.seeds):
            model = self._train(world, seed, watch if n == 0 and self._as_trained else None)
            found.append(self.measured(model, world.visuals))
            watch(SEED_STEPS + n, fmean(found))
        return fmean(found)

    def _train(self, world: World, seed: int, watch: Watch | None) -> Recommender:
        heard: set[int] = set()

        def hear(epoch: int, score: float) -> None:
            if watch is not None and epoch not in heard:
                heard.add(epoch)
                watch(epoch, score)

        def watched(sizes: Sizes) -> Recommender:
            model = make_recommender(world.factory, sizes)
            if isinstance(model, EpochRecommender):
                model.watch = hear
            return model

        session = self.session
        model, notes = stages.trained(
            session.store, self.data, watched, world.visuals, seed, session.device
        )
        if isinstance(model, EpochRecommender):  # it may have been trained before
            for epoch, entry in enumerate(notes["epochs"], 1):
                if "valid_ndcg" in entry:
                    hear(epoch, entry["valid_ndcg"])
        return model

    def measured(self, model: Recommender, visuals: Visuals) -> float:
        """Return the mean of the metric over the users it is defined for.

        Raises:
            ConfigError: if it says nothing of a shop that nobody attacks.
        """
        places = max(1, self.metric.places)
        ranked = rank(model, visuals, self.data.train, self.data.valid, NONE, places)
        labels = self.data.catalogue.categories
        counted = Counted(labels=labels, source=0, target=0)
        view = view_of(ranked, NONE, counted, in_stars=model.predicts_ratings)
        views = Views(view, of_items=False, counts_categories=False)
        if self.metric.applies(views):
            found = self.metric.values(views, replace(self.data, test=self.data.valid))
            if "before" in found:
                return float(found["before"].double().nanmean())
        raise ConfigError(f"{self.metric.column} is about an attack: tune an attack by it")


class OverFolds:
    """Scores recommenders by the mean over folds of what each fold's validation says.

    Args:
        folds: one validation each, of the same metric.
    """

    def __init__(self, folds: Sequence[Validation]) -> None:
        self.folds = tuple(folds)

    def score(
        self, recommender: RecommenderFactory, watch: Watch, extractor: Extractor | None = None
    ) -> float:
        """Return the mean score; ``watch`` hears the first fold, and the mean after each.

        Args:
            recommender: what is trained.
            watch: who listens; may raise to stop.
            extractor: in place of the one for all.
        """
        found: list[float] = []
        for n, fold in enumerate(self.folds):
            found.append(fold.score(recommender, watch if n == 0 else _nobody, extractor))
            watch(FOLD_STEPS + n, fmean(found))
        return fmean(found)


def _nobody(step: int, score: float) -> None:
    """Listen to nothing."""
