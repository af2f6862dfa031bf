"""Pictures designed for users, and what judges that the generator never saw say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.session import Session
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.generators.design import Design, Proposals
from vrbench.generators.networks import resized
from vrbench.metrics.perceptual import SSIM
from vrbench.recommenders.base import Recommender, RecommenderFactory, class_of

OTHER = 1_000_003  # added to the seed of the second ranker
OWN = "own ranker"
PAIRS = 8  # of pictures, per user, whose SSIM is taken
Row = dict[str, Any]


class Made(NamedTuple):
    """What a GAN proposes to ``n`` users.

    Attributes:
        samples, designed: ``S`` pictures each, before and after the climb.
        copies, tailored: the asked item as the GAN draws it, before and after.
    """

    samples: Proposals
    designed: Proposals
    copies: Proposals
    tailored: Proposals

    def kinds(self, best: Tensor) -> dict[str, Tensor]:
        """Return ``(n, S, 3, H, W)`` pictures by the name of their kind."""
        each = torch.arange(len(best))
        return {
            "GAN samples": self.samples.pictures,
            "all designed": self.designed.pictures,
            "best designed": self.designed.pictures[each, best][:, None],
            "copy of the asked item": self.copies.pictures,
            "tailored from it": self.tailored.pictures,
        }


class Taste:
    """What a recommender thinks of pictures, whoever they are of.

    In standard deviations of the user's scores over the real items of one category, counted from
    their mean: 0 is a random item of the category, under every recommender.

    Args:
        model: must score an item by its picture alone.
        images: the catalogue's pixels.
        users: ``(n,)`` whose taste.
        categories: ``(n,)`` in which category.
        labels: ``(num_items,)`` category of every item.
    """

    def __init__(
        self, model: Recommender, images: Visuals, users: Tensor, categories: Tensor, labels: Tensor
    ) -> None:
        self._model, device = model, model.device
        with torch.no_grad():
            every = torch.arange(len(images), device=device)
            scores = model.score(users.to(device), model.encode(every, images.to(device))).cpu()
        of_category = labels == categories[:, None]
        own = scores.masked_fill(~of_category, torch.nan)
        self._mean = own.nanmean(1)
        spread = (own - self._mean[:, None]).square().nanmean(1).sqrt()
        self._std = spread.clamp(min=1e-6)
        self._place = {user: n for n, user in enumerate(users.tolist())}
        self.real = (own - self._mean[:, None]) / self._std[:, None]  # (n, I), NaN elsewhere

    def __call__(self, x: Tensor, users: Tensor) -> Tensor:
        """Return the ``(B,)`` preferences of one user, given ``B`` times, for pictures ``x``."""
        shown = Table(Signal.PIXELS, x, None, device=x.device)
        encoded = self._model.encode(torch.arange(len(x), device=x.device), shown)
        at = self._place[int(users[0])]
        score = self._model.score(users[:1].to(self._model.device), encoded)[0]
        return (score - float(self._mean[at])) / float(self._std[at])

    def of(self, pictures: Tensor, users: Tensor) -> Tensor:
        """Return the ``(n, S)`` preferences of ``n`` users for ``S`` pictures each."""
        with torch.no_grad():
            device = self._model.device
            found = [
                self(x.to(device), user.expand(len(x)))
                for x, user in zip(pictures, users, strict=True)
            ]
        return torch.stack(found).cpu()


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
    for factory in (recommender, judge):
        if class_of(factory).signal is not Signal.PIXELS:
            raise IncompatibleError(
                f"{class_of(factory).name} does not score a picture alone: take a DVBPR"
            )
    session = Session(store, machine, seed, extractor_seed)
    device, catalogue = machine.device, dataset.catalogue
    world = session.shop(dataset, extractor, recommender, needs_network=True)
    images, served = world.images, world.network
    models = {
        OWN: session.fit(world).served,
        "other seed": session.fit(world, seed + OTHER).served,
        "other kind": session.fit(session.shop(dataset, extractor, judge)).served,
    }
    design = session.prepare(design, world)
    who = _users(dataset, users)
    asked = torch.stack([_items(dataset.test, user)[0] for user in who])
    categories = catalogue.categories[asked]
    tastes = {
        name: Taste(model, images, who, categories, catalogue.categories)
        for name, model in models.items()
    }
    made = _propose(
        store, design, models[OWN], tastes[OWN], catalogue, images, who, asked, seed, device
    )
    retrieved = tastes[OWN].real.nan_to_num(-torch.inf).argmax(1)
    best = made.designed.best(design.realism)
    learnt, held_out = stages.split_off(len(images), extractor_seed)
    near = _Nearest(images, learnt, served, design.generator.size)
    unseen = _held_out(held_out, catalogue.categories, categories)
    real = {"real items held out": unseen, "best real item": retrieved[:, None]}
    rows = [
        _row(kind, {name: t.real.gather(1, items) for name, t in tastes.items()}, images[items])
        for kind, items in real.items()
    ]
    rows[0] |= near(images[unseen])  # the other may be a picture that the GAN learnt from
    for kind, x in made.kinds(best).items():
        rows.append(_row(kind, {name: t.of(x, who) for name, t in tastes.items()}, x) | near(x))
    bought = tuple(_items(dataset.train, user) for user in who)
    return Designed(who, categories, asked, bought, retrieved, made, best, rows, images)


def _items(feedback: Interactions, user: Tensor) -> Tensor:
    """Return the items of one user, ascending."""
    return feedback.items[feedback.indptr[user] : feedback.indptr[user + 1]]


def _users(dataset: Dataset, count: int) -> Tensor:
    """Return ``count`` users who have a test item, drawn at random, the same under every seed."""
    able = torch.nonzero(dataset.test.counts > 0).squeeze(1)
    if not 1 <= count <= len(able):
        raise ConfigError(f"users: expected 1..{len(able)}, got {count}")
    return able[torch.randperm(len(able), generator=stream(0, "design", "users"))[:count]]


def _propose(
    store: Store,
    design: Design,
    model: Recommender,
    taste: Taste,
    catalogue: Catalogue,
    images: Visuals,
    users: Tensor,
    asked: Tensor,
    seed: int,
    device: str,
) -> Made:
    """Return what the GAN proposes, made once."""

    def make() -> dict[str, Tensor]:
        who, categories = users.to(device), design.generator.categories_of(asked.to(device))
        size = (images.shape[1], images.shape[2])
        drawn = Design(design.generator, starts=design.starts, steps=0, spread=design.spread)
        given = (who, categories, taste, size)
        copies, tailored = design.tailor(
            who, categories, images[asked].to(device), taste, Streams(seed, "tailor")
        )
        made = Made(
            samples=drawn.propose(*given, Streams(seed, "design")),
            designed=design.propose(*given, Streams(seed, "design")),
            copies=copies,
            tailored=tailored,
        )
        return {f"{n}.{m}": t for n, p in made._asdict().items() for m, t in p._asdict().items()}

    inputs = {"design": design, "recommender": model, "images": images, "seed": seed}
    inputs |= {"users": users.tolist(), "asked": asked.tolist(), "on": catalogue}
    tensors = store.fetch("designs", inputs, make).tensors
    assert tensors is not None
    return Made(
        *(Proposals(*(tensors[f"{n}.{m}"] for m in Proposals._fields)) for n in Made._fields)
    )


class _Nearest:
    """Distances to the nearest picture that the GAN learnt from, mirrored or not.

    Args:
        images: the catalogue's pixels.
        learnt: the items that it learnt from.
        extractor: of distances between features.
        size: height and width at which pictures are compared.
    """

    def __init__(self, images: Visuals, learnt: Tensor, extractor: Extractor, size: int) -> None:
        self._extractor, self._size = extractor, size
        x = images[learnt]
        x = torch.cat([x, x.flip(3)])
        self._pixels, self._vectors = self._seen(x)

    def __call__(self, pictures: Tensor) -> Row:
        """Return means over ``(n, S, 3, H, W)``: root mean square, and between unit features."""
        pixels, vectors = self._seen(pictures.flatten(0, 1))
        apart = torch.cdist(pixels, self._pixels).amin(1) / pixels.shape[1] ** 0.5 * 255
        return {
            "nearest (grey levels)": float(apart.mean()),
            "nearest (features)": float(torch.cdist(vectors, self._vectors).amin(1).mean()),
        }

    @torch.no_grad()
    def _seen(self, x: Tensor) -> tuple[Tensor, Tensor]:
        device = self._extractor.device
        blocks = x.split(stages.CHUNK)
        vectors = [self._extractor.see(b.to(device), Signal.VECTOR).cpu() for b in blocks]
        pixels = resized(x, self._size, self._size).flatten(1).cpu()
        return pixels, torch.nn.functional.normalize(torch.cat(vectors), dim=1)


def opposite_ssim(pictures: Tensor) -> float:
    """Return the mean of ``1 - SSIM`` over random pairs within the rows of ``(n, S, 3, H, W)``.

    How much pictures of one kind differ (Kang et al., ICDM 2017). The pairs are the
    same for every set of this size.
    """
    n, count = pictures.shape[:2]
    rng = stream(0, "pairs")
    one = torch.randint(count, (n, PAIRS), generator=rng)
    other = (one + torch.randint(1, count, (n, PAIRS), generator=rng)) % count
    row = torch.arange(n)[:, None]
    shown = pictures.cpu()
    found = SSIM().compare(shown[row, one].flatten(0, 1), shown[row, other].flatten(0, 1))
    return float(1 - found.mean())


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
