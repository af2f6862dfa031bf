"""BM3, against answers made by hand."""

from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.objectives import Promote
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.multimodal.bm3 import BM3
from vrbench.testing.recommenders import RecommenderContract

pytestmark = pytest.mark.slow  # a minute and more together

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05}
LOOKS = Table(Signal.VECTOR, torch.tensor([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]]), None)
TRAIN = Interactions.of(torch.tensor([0, 0, 1]), torch.tensor([0, 2, 2]), 2, 4)


class TestBM3(RecommenderContract):
    make = partial(BM3, **FAST)
    serves = False


def tiny(text=None, **changes):
    settings = {"factors": 2, "dropout": 0.0, "alignment": 0.5, "scale": "none", "l2": 0.0}
    model = BM3(Sizes(2, 4, (2,), text=text), **settings | changes)
    model.take(TRAIN)
    model.begin(LOOKS, stream(0))
    model.predict.bias.data.fill_(0.1)
    return model


def cosine(a, b):
    return (a @ b) / (a @ a).sqrt() / (b @ b).sqrt()


@pytest.mark.parametrize("words", [None, torch.tensor([[1.0, 0, 2]]).expand(4, 3)])
def test_the_loss_and_the_score_are_what_one_writes_down(words):
    model = tiny(words)
    p, q = model.user.weight, model.item.weight
    user = (p[1] + q[2] / 2**0.5) / 2
    item = (q[2] + p[0] / 2 + p[1] / 2**0.5) / 2 + q[2]

    def through(row):
        return model.predict.weight @ row + 0.1

    wanted = 2 - cosine(through(user), item) - cosine(through(item), user)
    views = [model.modality("image").project.weight @ torch.tensor([0, 1.0])]
    if words is not None:
        views.append(model.modality("text").project.weight @ words[2])
    for view in views:
        wanted = wanted + 0.5 * (2 - cosine(through(view), item) - cosine(through(view), view))
    pair = torch.tensor([1]), torch.tensor([2])
    assert model.batch_loss(pair, LOOKS).item() == pytest.approx(wanted.item(), abs=1e-6)
    found = model.score(pair[0], model.encode(pair[1], LOOKS))
    assert found.item() == pytest.approx((through(user) @ through(item)).item(), abs=1e-6)


def test_what_a_distance_is_to_is_constant_and_thinned():
    model = tiny(dropout=0.5, alignment=0.0)
    model.predict.weight.data.zero_()  # nothing flows through the online side
    model.batch_loss((torch.tensor([1]), torch.tensor([2])), LOOKS).backward()
    assert model.item.weight.grad.abs().max() < 1e-6
    rows = model.thin(torch.ones(4000, 2))
    assert rows.unique().tolist() == [0, 2]
    assert 0.45 < (rows == 0).float().mean() < 0.55


def test_pictures_teach_and_no_picture_promotes(world, extractor):
    with pytest.raises(IncompatibleError, match="does not see its picture"):
        Promote(TRAIN, extractor, tiny(), LOOKS)
    model = tiny(alignment=1.0)
    model.batch_loss((torch.tensor([1]), torch.tensor([2])), LOOKS).backward()
    assert model.modality("image").project.weight.grad.abs().sum() > 0


def test_settings_out_of_range_are_named():
    for wrong in ({"dropout": 1.0}, {"alignment": -1.0}):
        with pytest.raises(ConfigError, match=f"BM3.*{next(iter(wrong))}"):
            tiny(**wrong)
