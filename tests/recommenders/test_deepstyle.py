from functools import partial

import pytest
import torch

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK_LOOKS

FAST = {"factors": 8, **BRISK_LOOKS, "epochs": 60}


class TestDeepStyle(PairwiseContract):
    make = partial(DeepStyle, **FAST)


def test_the_score_is_that_of_the_paper():
    labels = torch.tensor([0, 1, 1])
    model = DeepStyle(Sizes(2, 3, (4,), labels), factors=2, scale="none")
    for n, parameter in enumerate(model.parameters()):
        parameter.data.copy_(torch.randn(parameter.shape, generator=stream(n)))
    f = torch.randn(3, 4, generator=stream(9))
    found = model.score(torch.arange(2), model.encode(torch.arange(3), _table(f)))
    for u in range(2):
        for i in range(3):
            style = model.project.weight @ f[i] - model.category.weight[labels[i]]
            expected = model.user.weight[u] @ (style + model.item.weight[i])
            assert found[u, i].item() == pytest.approx(expected.item(), abs=1e-5)


def test_there_is_one_vector_per_category_not_per_item(world):
    """One per item, as elsewhere, would be a part of the item's own."""
    model = DeepStyle(Sizes(30, 36, (3,), world.catalogue.categories))
    assert model.category.weight.shape[0] == 3
    moved = model.encode(torch.arange(36), _table(torch.zeros(36, 3))).vector
    with torch.no_grad():
        model.category.weight[1] += 1
    after = model.encode(torch.arange(36), _table(torch.zeros(36, 3))).vector
    assert torch.equal((moved != after).any(1), world.catalogue.categories == 1)


@pytest.mark.parametrize("labels", [None, torch.zeros(3, dtype=torch.int64)])
def test_a_dataset_without_categories_is_refused(labels):
    with pytest.raises(IncompatibleError, match="this dataset has none"):
        DeepStyle(Sizes(2, 3, (4,), labels))


def _table(f):
    return Table(Signal.VECTOR, f, None)
