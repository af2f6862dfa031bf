"""Shops of one taste, in which items differ in nothing but how many have them."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.shop import Shop
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.core.dice import Dice
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.data.sources.interactions_only import unpictured
from vrbench.extractors.toy import Colour
from vrbench.metrics.audience import ItemHR
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.shift import PredictionShift, RankShift
from vrbench.recommenders.collaborative.neighbours import ItemKNN
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.by_popularity import ByPopularity
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat

EACH = 12  # items of a user, of which two are held out
FAKES = Threat(timing="poisoning", surface=Profiles())


def of_pairs(pairs, num_users, num_items, name, ratings=None):
    users, items = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    return Interactions.of(users, items, num_users, num_items, ["pairs", name], ratings)


def shop(train, num_users, num_items, test=((0, 0),), ratings=None):
    """Return a dataset of given purchases."""
    none = of_pairs([], num_users, num_items, "valid")
    held = of_pairs(list(test), num_users, num_items, "test")
    told = ["train", train, ratings]
    ratings = None if ratings is None else torch.tensor(ratings)
    bought = of_pairs(train, num_users, num_items, told, ratings)
    return Dataset(unpictured(num_items), bought, none, held)


def bazaar(num_users=200, num_items=80, seed=0, apart=1):
    """Return a dataset in which the ``n``-th item is had by about ``1 / (n + 2)`` of the users.

    Items of even and odd numbers are two categories; even users like even ones ``apart`` times as
    much, odd users odd ones.
    """
    dice = Dice(seed, "bazaar")
    late = dice.uniform(num_users, num_items) * (np.arange(num_items) + 2)
    late *= np.where((np.arange(num_users)[:, None] + np.arange(num_items)) % 2, apart, 1)
    items = torch.from_numpy(np.argsort(late, axis=1, kind="stable")[:, :EACH].reshape(-1))
    users = torch.arange(num_users).repeat_interleave(EACH)
    held = torch.from_numpy(np.argsort(dice.uniform(num_users, EACH), axis=1).reshape(-1)) < 2
    none = torch.zeros_like(held)

    def part(chosen, name):
        spec = ["bazaar", num_users, num_items, seed, apart, name]
        return Interactions.of(users[chosen], items[chosen], num_users, num_items, spec)

    kinds = torch.arange(num_items) % 2
    catalogue = replace(unpictured(num_items), categories=kinds, names=("even", "odd"))
    return Dataset(catalogue, part(~held, "train"), part(none, "valid"), part(held, "test"))


def known(data):
    """Return a dataset as an adversary knows it."""
    stars = None if data.train.ratings is None else data.train.ratings.double().numpy()
    indptr, items = data.train.indptr.numpy(), data.train.items.numpy()
    return Shop(indptr, items, data.train.num_items, stars)


def attacked(store, **changes):
    """Return the result of a run in which a bazaar is attacked by fake users."""
    parts = {
        "dataset": bazaar(),
        "extractor": Colour(),
        "recommender": partial(ItemKNN, k=50, shrink=0.0),
        "budget": FakeUsers(eps=0.1),
        "objective": partial(Promote),
        "scenario": ByPopularity(max_items=3),
        "threat": FAKES,
        "metrics": [ItemHR(k=10), PredictionShift(), RankShift(), NDCG(k=10)],
        "machine": Machine(),
    }
    return run(**parts | changes, store=store)


def row(result, metric):
    return next(row for row in result.rows if row.metric == metric)
