"""The toy world, whose right answers are known: a colour per item, a favourite colour per user."""

import atexit
import copy
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.shop import Shop
from vrbench.attacks.words import WordAttack, Words
from vrbench.bench.machine import Machine
from vrbench.bench.result import Result
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.dice import Dice
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.sources.colours import colours
from vrbench.extractors.base import Extractor, Lesson
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.base import Regime
from vrbench.generators.lsgan import LSGAN
from vrbench.metrics.category import CHR
from vrbench.metrics.ranking import NDCG
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes, class_of
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.training.epochs import EpochSettings
from vrbench.recommenders.training.pairwise import PairwiseSettings
from vrbench.recommenders.visual.feature_scaling import ScaledSettings
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.threat import Threat

# Settings with which a pairwise model learns this world in less than a second.
BRISK = PairwiseSettings(epochs=20, batch_size=64, lr=0.05, l2=0.01)
BRISK_USERS = EpochSettings(epochs=40, batch_size=10, lr=0.02)  # whose batches are of users
BRISK_LOOKS = ScaledSettings(**BRISK, visual_lr=0.05, l2_visual=0.0001)

NONE = torch.empty(0, dtype=torch.int64)


@cache
def toy_world() -> Dataset:
    """Return 36 items and 30 users; who likes red buys red items, and no other."""
    return colours()


def looks(world: Dataset, extractor: Extractor, signal: Signal | None) -> Visuals:
    """Return what a recommender with a ``signal`` is shown of a world's items."""
    images = world.catalogue.images
    if signal in (None, Signal.PIXELS):
        return images
    return Table(signal, extractor.see(images[torch.arange(len(images))], signal), None)


def toy_visuals(signal: Signal | None) -> Visuals:
    """Return what it is shown of the 36 items of the toy world, by a network that sees colours."""
    return looks(toy_world(), Colour().eval(), signal)


def taught(factory: RecommenderFactory, /, **settings: Any) -> Recommender:
    """Return a recommender that has learnt the toy world.

    Args:
        factory: makes it.
        settings: of its own, beside those of ``factory``.
    """
    world, visuals = toy_world(), toy_visuals(class_of(factory).signal)
    train, labels = world.train, world.catalogue.categories
    sizes = Sizes(train.num_users, train.num_items, visuals.shape, labels)
    make: Any = partial(factory, **settings)
    model: Recommender = make(sizes)
    model.fit(train, world.valid, visuals, stream(0))
    return model.eval().requires_grad_(False)


def favourites(model: Recommender, visuals: Visuals | None = None) -> float:
    """Return how well a model ranks: of its first three items, the share that users like.

    Of users with three held-out items of their colour. Chance finds about a tenth.
    """
    world, shown = toy_world(), visuals or toy_visuals(model.signal)
    first = rank(model, shown, world.seen, world.test, NONE, 3).ranking
    liked = world.test.matrix().gather(1, first)
    return float(liked[world.test.counts >= 3].float().mean())


def knowing(objective: Callable[..., Any], **settings: Any) -> Any:
    """Return an objective whose adversary knows the feedback, the extractor and a taught VBPR."""
    model = taught(VBPR, epochs=2)
    visuals = toy_visuals(model.signal)
    return objective(toy_world().train, Colour(), model, visuals, **settings)


class Redder:
    """A goal with a known optimum: as little red as the budget allows."""

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the mean red of each picture; reached below 0.3."""
        loss = x[:, 0].flatten(1).mean(1)
        return Verdict(loss, loss - 0.3)


def red_removed(attack: Attack, budget: Budget | None = None) -> Tensor:
    """Return the grey levels by which an attack on ``Redder`` lowers the red of three pictures.

    Args:
        attack: what is tried.
        budget: 8 grey levels a pixel, unless another is given.
    """
    items = torch.arange(3)
    clean = toy_world().catalogue.images[items].clone()
    x = attack(clean, items, Redder(), budget or Linf(eps=8), Streams(0))
    return (clean - x)[:, 0].flatten(1).mean(1) * 255


def changed_rows(attack: ParameterAttack) -> Tensor:
    """Return the change of length 0.5 of four rows of three zeros; a loss rises with the first."""
    slope = {"item": torch.tensor([[1.0, 0.0, 0.0]]).expand(4, 3)}
    rows = {"item": torch.zeros(4, 3)}
    return attack(rows, lambda at: slope, Embeddings(eps=0.5), stream(0))["item"]


def rewritten(attack: WordAttack) -> Tensor:
    """Return the counts of three words of two items, two words added; the third is worth most."""
    counts = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    worth = torch.tensor([0.0, 1, 2])
    return attack(counts, torch.arange(2), lambda c: -c @ worth, Words(eps=2), Streams(0))


def suspected(detector: Detector) -> int:
    """Return how many of the 30 users of the toy world a detector suspects."""
    return int(detector.suspects(detector.suspicion(toy_world().train)).sum())


def toy_feedback() -> Shop:
    """Return what an adversary may know of the toy world: feedback, categories, lists, colours."""
    world = toy_world()
    train, shop = world.train, world.catalogue
    liked = np.arange(36).reshape(12, 3).T  # (3, 12): by colour
    return Shop(
        train.indptr.numpy(),
        train.items.numpy(),
        train.num_items,
        categories=shop.categories.numpy(),
        names=shop.names,
        lists=lambda users: liked[users % 3, :5],
        features=lambda: toy_visuals(Signal.VECTOR)[torch.arange(36)].double().numpy(),
    )


def fakes(attack: ProfileAttack) -> list[list[int]]:
    """Return the five items of each of two fake users who push, or nuke, item 0."""
    budget, target = FakeUsers(eps=0.07, length=5), np.array([0])
    made = attack(toy_feedback(), target, budget, Dice(0, "fakes"))
    return [made.items[a:b].tolist() for a, b in pairwise(made.indptr.tolist())]


def toy_network(regime: Regime) -> Regime:
    """Return a copy of a network and its regime that has been taught the colours."""
    world, made = toy_world(), copy.deepcopy(regime)
    made.build(world.catalogue.names)
    items, labels = torch.arange(len(world.catalogue)), world.catalogue.categories
    lesson = Lesson(world.catalogue.images, labels, world.catalogue.names, items[:30], items[30:])
    made.fit(lesson, stream(0))
    return made.eval().requires_grad_(False)


def toy_gan() -> LSGAN:
    """Return a small GAN after one epoch on the pictures of the toy world."""
    shop = toy_world().catalogue
    gan = LSGAN(size=16, width=4, latent=8, epochs=1, batch_size=4)
    gan.build(shop.categories, len(shop.names))
    gan.fit(shop.images, torch.arange(len(shop)), stream(0))
    return gan


def toy_case() -> Case:
    """Return the case in which red items are to be taken for blue ones."""
    shop = toy_world().catalogue
    named = Scenario(source="red", target="blue")
    return named.choose(torch.zeros(len(shop.names)), shop.categories, shop.names)


def toy_folder() -> str:
    """Return a new folder of four pictures, a red, a green and two blue ones, and who has them.

    It goes when the process ends.

    Ann rated a cap in train, a shoe in validation, a coat in test; Bob a shoe and a cap, and a
    sock. ``toy.inter`` holds the train in RecBole's format.
    """
    place = _folder()
    shop, named = toy_world().catalogue, {"cap": 0, "coat": 1, "shoe": 2, "sock": 5}
    lines = ["item_id,image,category"]
    for name, item in named.items():
        levels = (shop.images[torch.tensor([item])][0] * 255).round().byte().permute(1, 2, 0)
        Image.fromarray(levels.numpy()).save(place / f"{name}.png")
        lines.append(f"{name},{name}.png,{shop.names[int(shop.categories[item])]}")
    (place / "items.csv").write_text("\n".join(lines) + "\n")
    (place / "train.tsv").write_text("Ann\tcap\t5\nBob\tshoe\t4\nBob\tcap\t1\n")
    (place / "validation.tsv").write_text("Ann\tshoe\t2\n")
    (place / "test.tsv").write_text("Ann\tcoat\t3\nBob\tsock\t5\n")
    rated = ["user_id:token\titem_id:token\trating:float"]
    rated += (place / "train.tsv").read_text().split("\n")[:-1]
    (place / "toy.inter").write_text("\n".join(rated) + "\n")
    return str(place)


def _folder() -> Path:
    """Return a new empty folder, which goes when the process ends."""
    place = Path(tempfile.mkdtemp(prefix="toy"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def toy_result() -> Result:
    """Return what ``run`` finds when the toy world's shop is attacked, in a store of its own."""
    found = run(**parts(), store=Store(_folder()))
    assert found is not None  # no dry run
    return found


def parts(**changes: Any) -> dict[str, Any]:
    """Return what ``run`` is given to attack the toy world's shop, but for the store."""
    given = {
        "dataset": toy_world(),
        "extractor": Colour(),
        "recommender": partial(VBPR, epochs=4, batch_size=64, lr=0.05, visual_lr=0.05, l2=0.01),
        "attack": PGD(steps=2),
        "budget": Linf(eps=32),
        "objective": partial(Promote),
        "scenario": Scenario(source="red", target="blue"),
        "threat": Threat(),
        "metrics": [CHR(k=5), NDCG(k=5)],
        "machine": Machine(),
    }
    return given | changes
