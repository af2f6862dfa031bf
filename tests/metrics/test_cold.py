"""New items against new items: chance is .5, and pictures that carry taste are above it."""

from functools import partial

import pytest
import torch

from tests.recommenders.without_features import Given
from vrbench.bench.views import view_of
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.data.sources.colours import colours
from vrbench.data.sources.shuffled import shuffled
from vrbench.data.splits.assignment import hold_out
from vrbench.metrics.cold import ColdAUC, ColdAUCAmongAll
from vrbench.metrics.ranking import AUC
from vrbench.metrics.view import Counted, Views
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.baselines import Popular, Random
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.visual.vbpr import VBPR

LOOP = {"factors": 8, "epochs": 12, "batch_size": 64, "lr": 0.05, "l2": 0.01}


def seen_by(model, data, visuals=None):
    """The view of everyone's ranks; nothing is attacked."""
    none = torch.empty(0, dtype=torch.int64)
    images = data.catalogue.images if visuals is None else visuals
    ranked = rank(model, images, data.seen, data.test, none, 5, cold=data.tested_cold)
    labels = data.catalogue.categories
    return view_of(ranked, none, Counted(labels=labels, source=0, target=1))


def drawn(seed):
    """Feedback at random, some items without any in train, and scores with ties."""
    rng = stream(seed, "cold metrics")
    users, items = 25, 20
    part = torch.randint(0, 6, (users, items), generator=rng)  # 0 train, 1 valid, 2 test
    part[:, ::4] = torch.where(part[:, ::4] == 0, 5, part[:, ::4])
    part[0] = torch.where(part[0] == 2, 5, part[0])  # nothing to test
    parts = [
        Interactions.of(*(part == n).nonzero(as_tuple=True), users, items, [n]) for n in range(3)
    ]
    scores = torch.randn(users, items, generator=rng).mul(2).round()
    return Dataset(colours(num_items=items).catalogue, *parts), part, scores


@pytest.mark.parametrize("seed", range(3))
def test_both_are_the_share_of_pairs_in_order(seed):
    """Counted pair by pair; ties count half."""
    data, part, scores = drawn(seed)
    cold = set((data.train.popularity == 0).nonzero().flatten().tolist())
    assert cold == set(data.tested_cold.tolist())
    view = seen_by(Given(scores), data)
    among, among_all = ColdAUC().measure(view, data), ColdAUCAmongAll().measure(view, data)
    for user in range(25):
        free = [i for i in range(20) if part[user, i] not in (0, 1)]
        tested = [i for i in free if part[user, i] == 2]
        new = [i for i in tested if i in cold]
        ahead = [0.5 * (1 + torch.sign(scores[user, a] - scores[user])) for a in new]
        for found, others in (
            (among, [i for i in free if i in cold and i not in tested]),
            (among_all, [i for i in free if i not in tested]),
        ):
            pairs = [float(of[b]) for of in ahead for b in others]
            if pairs:
                assert found[user].item() == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)
            else:
                assert found[user].isnan()


def test_who_knows_nothing_of_new_items_gets_exactly_half():
    data = hold_out(colours(), share=0.3)
    view = seen_by(Given(data.train.popularity.float().expand(30, -1)), data)  # 0 for all new ones
    found = ColdAUC().measure(view, data)
    assert torch.equal(found[~found.isnan()], torch.full((int((~found.isnan()).sum()),), 0.5))


def test_among_all_is_the_auc_where_only_new_items_are_tested():
    data = hold_out(colours(), share=0.3)
    scores = torch.randn(30, 36, generator=stream(0))
    view = seen_by(Given(scores), data)
    assert torch.allclose(
        ColdAUCAmongAll().measure(view, data), AUC().measure(view, data), equal_nan=True
    )


def test_without_new_items_in_the_test_there_is_nothing_to_say():
    data = colours()
    assert data.tested_cold is None
    view = seen_by(Given(torch.zeros(30, 36)), data)
    assert view.tested.cold is None
    assert not ColdAUC().applies(Views(before=view))
    assert ColdAUC().measure(view, data).isnan().all()
    assert ColdAUCAmongAll().measure(view, data).isnan().all()


def trained(make, data, extractor, seed):
    visuals = data.catalogue.images
    if getattr(make, "func", make).signal is Signal.VECTOR:
        items = torch.arange(len(visuals))
        visuals = Table(Signal.VECTOR, extractor.see(visuals[items], Signal.VECTOR), None)
    sizes = Sizes(data.train.num_users, len(data.catalogue), visuals.shape)
    model = make(sizes)
    model.fit(data.train, data.valid, visuals, stream(seed))
    return seen_by(model.eval(), data, visuals)


def mean(metric, make, data, extractor, seeds=2):
    views = [trained(make, data, extractor, seed) for seed in range(seeds)]
    return sum(metric.measure(view, data).nanmean().item() for view in views) / seeds


@pytest.fixture(scope="module")
def cold():
    """Half of 150 items new; colours are all that people go by."""
    return hold_out(colours(num_users=60, num_items=150, size=16), share=0.5)


def test_who_sees_nothing_gets_half_and_who_sees_finds_them(cold, extractor):
    found = partial(mean, ColdAUC(), data=cold, extractor=extractor)
    assert found(Random) == pytest.approx(0.5, abs=0.05)
    assert found(partial(BPRMF, **LOOP)) == pytest.approx(0.5, abs=0.07)
    assert found(Popular) == pytest.approx(0.5, abs=0.05)
    assert found(partial(VBPR, **LOOP, visual_lr=0.05)) > 0.9


def test_shuffled_pictures_are_the_floor(cold, extractor):
    """The same model, the same people: what their items look like says nothing."""
    found = partial(mean, ColdAUC(), data=shuffled(cold), extractor=extractor)
    assert found(partial(VBPR, **LOOP, visual_lr=0.05)) == pytest.approx(0.5, abs=0.1)
    assert found(partial(BPRMF, **LOOP)) == pytest.approx(0.5, abs=0.07)


def test_among_all_says_where_a_model_leaves_what_it_does_not_know(cold, extractor):
    """Nobody counted a new item, so the popularity ranks them last: far from .5 in one column."""
    found = partial(mean, ColdAUCAmongAll(), data=cold, extractor=extractor)
    assert found(Popular) < 0.35
    assert found(Random) == pytest.approx(0.5, abs=0.05)
