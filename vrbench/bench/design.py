"""Pictures designed for users, and what judges that the generator never saw say of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.picture_distance import Nearest, Row, opposite_ssim
from vrbench.bench.proposals import Made, propose
from vrbench.bench.session import Session
from vrbench.bench.store import Store
from vrbench.bench.taste import Taste
from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.generators.design import Design
from vrbench.recommenders.base import Recommender, RecommenderFactory, class_of
from vrbench.threats.world import World

OTHER = 1_000_003  # added to the seed of the second ranker
OWN = "own ranker"


@dataclass(frozen=True)
class Designed:
    """What was designed for ``n`` users, beside what they are compared with.

    Attributes:
        users, categories, asked: ``(n,)`` for whom, what, and the held-out item of that category.
        bought: the training items of each.
        retrieved: ``(n,)`` the real item of the category that each likes best.
        made: what the GAN proposes.
        best: ``(n,)`` which of the designed pictures is worth most, doubt counted.
        rows: the table, one row per kind of picture.
        images: the catalogue's pixels.
    """

    users: Tensor
    categories: Tensor
    asked: Tensor
    bought: tuple[Tensor, ...]
    retrieved: Tensor
    made: Made
    best: Tensor
    rows: list[Row]
    images: Visuals


def design(
    *,
    dataset: Dataset,
    extractor: Extractor,
    recommender: RecommenderFactory,
    judge: RecommenderFactory,
    design: Design,
    store: Store,
    machine: Machine,
    seed: int = 0,
    extractor_seed: int = 0,
    users: int = 24,
) -> Designed:
    """Design pictures for some users by the taste of a recommender, and have them judged.

    A user is asked about the category of their test item. Judges are the ranker whose preference
    was maximised; the same, trained with another seed; and ``judge``. Neither of the last two is
    seen by the GAN or the climb, so what only fools the first one shows.

    Args:
        dataset: pictures and feedback.
        extractor: of distances between features, and of ``judge`` if it looks through it.
        recommender: whose preference is maximised.
        judge: a ranker of another kind.
        design: how, and with which GAN.
        store: keeps every stage.
        machine: device.
        seed: of the rankers' training and of the latent vectors.
        extractor_seed: of what is taught on pictures alone, the extractor and the GAN.
        users: for how many; the same users under every seed.

    Raises:
        IncompatibleError: if a ranker does not score an item by its picture alone.
    """
    _check_rankers(recommender, judge)
    session = Session(store, machine, seed, extractor_seed)
    world = session.shop(dataset, extractor, recommender, needs_network=True)
    images, catalogue = world.images, dataset.catalogue
    models = _rankers(session, world, session.shop(dataset, extractor, judge))
    design = session.prepare(design, world)
    who = _users(dataset, users)
    asked = torch.stack([_items(dataset.test, user)[0] for user in who])
    categories = catalogue.categories[asked]
    tastes = {
        name: Taste(model, images, who, categories, catalogue.categories)
        for name, model in models.items()
    }
    made = propose(
        store, design, models[OWN], tastes[OWN], catalogue, images, who, asked, seed, machine.device
    )
    retrieved = tastes[OWN].real.nan_to_num(-torch.inf).argmax(1)
    best = made.designed.best(design.realism)
    learnt, held_out = stages.split_off(len(images), extractor_seed)
    near = Nearest(images, learnt, world.network, design.generator.size)
    unseen = _held_out(held_out, catalogue.categories, categories)
    rows = _of_real(unseen, retrieved, tastes, images)
    rows[0] |= near(images[unseen])  # the other may be a picture that the GAN learnt from
    for kind, x in made.kinds(best).items():
        rows.append(_row(kind, {name: t.of(x, who) for name, t in tastes.items()}, x) | near(x))
    bought = tuple(_items(dataset.train, user) for user in who)
    return Designed(who, categories, asked, bought, retrieved, made, best, rows, images)


def _check_rankers(*factories: RecommenderFactory) -> None:
    for factory in factories:
        if class_of(factory).signal is not Signal.PIXELS:
            raise IncompatibleError(
                f"{class_of(factory).name} does not score a picture alone: take a DVBPR"
            )


def _rankers(session: Session, world: World, other: World) -> dict[str, Recommender]:
    """Return the ranker that is designed for, trained, and the two that judge beside it."""
    return {
        OWN: session.fit(world).served,
        "other seed": session.fit(world, session.seed + OTHER).served,
        "other kind": session.fit(other).served,
    }


def _of_real(
    held_out: Tensor, best: Tensor, tastes: dict[str, Taste], images: Visuals
) -> list[Row]:
    """Return the rows of the real items held out, ``(n, m)``, and of each user's best, ``(n,)``."""
    real = {"real items held out": held_out, "best real item": best[:, None]}
    return [
        _row(kind, {name: t.real.gather(1, items) for name, t in tastes.items()}, images[items])
        for kind, items in real.items()
    ]


def _items(feedback: Interactions, user: Tensor) -> Tensor:
    """Return the items of one user, ascending."""
    return feedback.items[feedback.indptr[user] : feedback.indptr[user + 1]]


def _users(dataset: Dataset, count: int) -> Tensor:
    """Return ``count`` users who have a test item, drawn at random, the same under every seed."""
    able = torch.nonzero(dataset.test.counts > 0).squeeze(1)
    if not 1 <= count <= len(able):
        raise ConfigError(f"users: expected 1..{len(able)}, got {count}")
    return able[torch.randperm(len(able), generator=stream(0, "design", "users"))[:count]]


def _row(kind: str, liked: dict[str, Tensor], pictures: Tensor) -> Row:
    """Return mean preferences and the diversity of ``(n, S, 3, H, W)`` pictures."""
    row: Row = {"pictures": kind} | {name: float(value.mean()) for name, value in liked.items()}
    row["opposite SSIM"] = opposite_ssim(pictures) if pictures.shape[1] > 1 else None
    return row | {"nearest (grey levels)": None, "nearest (features)": None}


def _held_out(held_out: Tensor, labels: Tensor, categories: Tensor) -> Tensor:
    """Return ``(n, S)`` items of each of ``categories`` that the GAN did not learn from."""
    own = [held_out[labels[held_out] == category] for category in categories.tolist()]
    count = min(map(len, own))
    if count < 2:
        raise DataError("a category has less than two pictures held out from the GAN")
    return torch.stack([items[:count] for items in own])
