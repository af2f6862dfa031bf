from dataclasses import replace

import pytest
import torch

from vrbench.metrics.injected import InjectedHR, InjectedRank, TwoStageHR
from vrbench.metrics.view import TwoStage
from vrbench.testing.views import dataset, view

# Three users, two injected items; the second user's test item is none of the known ones.
DATA = dataset([(0, 0), (2, 1)], 4)
STAGES = TwoStage(
    injected_ranks=torch.tensor([[1, 6], [5, 7], [2, 3]]).int(),
    offered_ranks=torch.tensor([5, 0, 2]),
    offered=torch.tensor([10, 10, 10]),
)
VIEW = replace(view([[0, 1, 2, 3]] * 3, data=DATA), two_stage=STAGES)


def test_an_item_hits_from_its_rank_on():
    assert InjectedHR(k=5).measure(VIEW, DATA).tolist() == [0.5, 0.5, 1.0]
    assert InjectedHR(k=4).measure(VIEW, DATA).tolist() == [0.5, 0.0, 1.0]
    assert InjectedHR(k=10).measure(VIEW, DATA).tolist() == [1.0, 1.0, 1.0]
    assert InjectedRank().measure(VIEW, DATA).tolist() == [3.5, 6.0, 2.5]


def test_an_item_ahead_pushes_the_test_item_out():
    """The first user's test item is fifth alone: sixth beside the item that ranks first."""
    assert TwoStageHR(k=5).measure(VIEW, DATA)[0] == 0.5
    assert TwoStageHR(k=6).measure(VIEW, DATA)[0] == 1.0
    assert TwoStageHR(k=4).measure(VIEW, DATA)[0] == 0.0
    assert TwoStageHR(k=5).measure(VIEW, DATA)[1].isnan()
    # Of the third user's: an item injected at rank 2 took the place of the test item there.
    assert TwoStageHR(k=2).measure(VIEW, DATA)[2] == 0.5


def test_without_two_stages_there_is_nothing_to_say():
    with pytest.raises(AssertionError, match="metrics of two stages"):
        InjectedHR(k=5).measure(replace(VIEW, two_stage=None), DATA)
