from functools import partial

import pytest
import torch

from tests.recommenders.test_dvbpr import FAST
from vrbench.attacks.budget import L2
from vrbench.attacks.semantic.generated import Generated
from vrbench.bench.design import design
from vrbench.bench.machine import Machine
from vrbench.bench.picture_distance import opposite_ssim
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.bench.taste import Taste
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.generators.design import Design
from vrbench.generators.lsgan import LSGAN
from vrbench.metrics.perceptual import SSIM
from vrbench.metrics.shift import PredictionShift
from vrbench.metrics.success import TargetedSuccess
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.testing.world import parts
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario


def ranker(**changes):
    return partial(DVBPR, network=SmallCNN(width=4), **FAST | {"epochs": 3} | changes, trains="all")


def painter(epochs=8):
    return LSGAN(size=16, width=4, latent=8, epochs=epochs, batch_size=12, average=0.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def designed(world, store, **changes):
    given = {
        "dataset": world,
        "extractor": Colour(),
        "recommender": ranker(),
        "judge": ranker(factors=4),
        "design": Design(painter(), starts=4, copies=20, realism=0.1, lr=0.5, steps=50),
        "store": store,
        "machine": Machine(),
        "users": 5,
    }
    return design(**given | changes)


@pytest.fixture(scope="module")
def found(world, store):
    return designed(world, store)


def test_every_kind_of_picture_is_judged_by_all(found, world):
    rows = {row["pictures"]: row for row in found.rows}
    assert list(rows) == [
        "real items held out",
        "best real item",
        "GAN samples",
        "all designed",
        "best designed",
        "copy of the asked item",
        "tailored from it",
    ]
    own = {kind: row["own ranker"] for kind, row in rows.items()}
    assert own["all designed"] > own["GAN samples"]
    assert own["tailored from it"] > own["copy of the asked item"]
    assert own["best real item"] > 1
    assert found.made.samples.pictures.shape == (5, 4, 3, 16, 16)
    assert rows["all designed"]["own ranker"] == pytest.approx(
        float(found.made.designed.worth.mean())
    )
    for user, bought, asked in zip(found.users, found.bought, found.asked, strict=True):
        assert (world.catalogue.categories[bought] == user % 3).all()
        assert world.test.contains(user[None], asked[None]).all()


def test_a_second_design_makes_nothing_new(found, world, store):
    store.log.clear()
    again = designed(world, store)
    assert all(step["cached"] for step in store.log)
    assert torch.equal(again.made.designed.pictures, found.made.designed.pictures)
    assert again.rows == found.rows


def test_another_gan_is_another_design(found, world, store):
    other = designed(world, store, design=Design(painter(9), starts=4, copies=20, realism=0.1))
    assert not torch.equal(other.made.samples.pictures, found.made.samples.pictures)


def test_taste_is_counted_from_a_random_item_of_the_category(world):
    """Against the definition, on the scores of an untrained model, one user at a time."""
    from vrbench.recommenders.base import Sizes

    images, labels = world.catalogue.images, world.catalogue.categories
    model = ranker()(Sizes(30, 36, images.shape))
    model.begin(images, stream(0))
    model.eval().requires_grad_(False)
    users, categories = torch.tensor([4, 9]), torch.tensor([2, 0])
    taste = Taste(model, images, users, categories, labels)
    scores = model.score(users, model.encode(torch.arange(36), images))
    for n in range(2):
        of = torch.nonzero(labels == categories[n]).squeeze(1)
        own = (scores[n, of] - scores[n, of].mean()) / scores[n, of].std(unbiased=False)
        assert torch.allclose(taste.real[n, of], own, atol=1e-4)
        assert taste.real[n].isnan().sum() == 24
        seen = taste(images[of], users[n].expand(12))
        assert torch.allclose(seen, own, atol=1e-3)


def test_opposite_ssim_of_equal_pictures_is_nothing():
    x = torch.rand(2, 1, 3, 16, 16, generator=stream(0))
    assert opposite_ssim(x.expand(-1, 3, -1, -1, -1)) == pytest.approx(0, abs=1e-6)
    pair = torch.rand(1, 2, 3, 16, 16, generator=stream(1))
    expected = 1 - float(SSIM().compare(pair[:, 0], pair[:, 1]))
    assert opposite_ssim(pair) == pytest.approx(expected, abs=1e-6)


def test_copies_of_what_the_gan_learnt_from_are_seen(world):
    from vrbench.bench.picture_distance import Nearest as _Nearest

    images, learnt = world.catalogue.images, torch.arange(10)
    near = _Nearest(images, learnt, Colour(), 16)
    for copies in (images[learnt], images[learnt].flip(3)):
        pixels, features = near(copies[:, None]).values()
        assert pixels < 0.1
        assert features < 0.001
    x = images[torch.arange(10, 14)]
    every = torch.cat([images[learnt], images[learnt].flip(3)])
    apart = [min(float((a - b).square().mean().sqrt()) for b in every) for a in x]
    assert near(x[:, None])["nearest (grey levels)"] == pytest.approx(
        255 * sum(apart) / 4, rel=1e-4
    )


def test_what_cannot_be_is_refused(world, store):
    with pytest.raises(IncompatibleError, match="BPRMF does not score a picture alone"):
        designed(world, store, judge=partial(BPRMF))
    with pytest.raises(ConfigError, match=r"users: expected 1\.\."):
        designed(world, store, users=1000)


@pytest.fixture
def attack(store):
    return partial(
        run,
        **parts(
            recommender=ranker(),
            attack=Generated(Design(painter(), starts=2, steps=20, realism=0.0)),
            budget=L2(eps=float("inf")),
            objective=partial(Promote, k=5),
            scenario=Scenario(source="red", target="blue", max_items=4),
            metrics=[PredictionShift(), TargetedSuccess()],
        ),
        store=store,
    )


def keys(store):
    return {path.parent.name for path in store.root.glob("attacks/*/spec.json")}


def test_a_gan_attacks_through_the_bench(attack, store):
    result = attack()
    shift = next(r for r in result.rows if r.metric == "prediction shift")
    assert shift.after > 0
    again = attack()
    assert torch.equal(again.crafted.attacked, result.crafted.attacked)
    before = keys(store)
    attack(attack=Generated(Design(painter(9), starts=2, steps=20, realism=0.0)))
    assert len(keys(store)) == len(before) + 1  # the taught GAN is part of an attack's key


def test_a_dry_run_makes_no_gan(attack, tmp_path):
    store = Store(tmp_path / "empty", dry=True)
    assert attack(store=store) is None
    assert not (tmp_path / "empty").exists()
