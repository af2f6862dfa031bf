import torch

from vrbench.metrics.category import CHR
from vrbench.metrics.shift import PredictionShift, RankShift
from vrbench.metrics.success import AimReached, FeatureLoss, Queries, TargetedSuccess
from vrbench.metrics.view import Crafted, Views
from vrbench.testing.views import changed, dataset, view

DATA = dataset([(0, 0)], 3, 2)
BEFORE = view(
    [[0, 1], [1, 2]],
    items=(0, 1),
    scores=[[1.0, 2.0], [3.0, 4.0]],
    ranks=[[3, 2], [0, 5]],  # the second user owns the first item
)
AFTER = changed(
    BEFORE,
    attacked={
        "scores": torch.tensor([[2.0, 2.5], [9.0, 3.0]]),
        "ranks": torch.tensor([[1, 2], [0, 9]]).int(),
    },
)


def test_shifts_leave_out_what_a_user_owns():
    assert PredictionShift().measure(BEFORE, AFTER, DATA).tolist() == [0.75, -1.0]
    assert RankShift().measure(BEFORE, AFTER, DATA).tolist() == [1.0, -4.0]


def test_shifts_are_tested_against_none_and_against_another_attack():
    first, second = RankShift().pairs(Views(BEFORE, AFTER), DATA)
    assert (first.tolist(), second.tolist()) == ([0.0, 0.0], [1.0, -4.0])
    half = changed(BEFORE, attacked={"ranks": torch.tensor([[3, 2], [0, 6]]).int()})
    assert RankShift().pairs(Views(half, AFTER), DATA)[1].tolist() == [1.0, -3.0]
    assert PredictionShift().pairs(Views(BEFORE), DATA) is None


def crafted(target=2):
    return Crafted(
        clean=torch.zeros(3, 3, 2, 2),
        attacked=torch.zeros(3, 3, 2, 2),
        reached=torch.tensor([True, False, True]),
        loss=torch.zeros(3),
        margin=torch.zeros(3),
        predicted=torch.tensor([2, 2, 0]),
        predicted_before=torch.tensor([0, 0, 0]),
        vector_before=torch.zeros(3, 2),
        vector_after=torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]]),
        queries=torch.tensor([5, 0, 7]),
        target=target,
    )


def test_success_is_the_served_extractors_word():
    assert TargetedSuccess().measure(crafted()).tolist() == [1, 1, 0]
    assert TargetedSuccess().baseline(crafted(target=0)).tolist() == [1, 1, 1]
    assert FeatureLoss().baseline(crafted()) is None
    assert TargetedSuccess().measure(crafted(target=None)).isnan().all()
    assert AimReached().measure(crafted()).tolist() == [1, 0, 1]
    assert FeatureLoss().measure(crafted()).tolist() == [1, 2, 0]
    assert Queries().measure(crafted()).tolist() == [5, 0, 7]


def test_feature_loss_of_successes_alone_leaves_the_others_out():
    from types import SimpleNamespace

    crafted = SimpleNamespace(
        vector_before=torch.zeros(3, 2),
        vector_after=torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]),
        reached=torch.tensor([True, False, True]),
    )
    assert FeatureLoss().measure(crafted).tolist() == [1, 4, 9]
    kept = FeatureLoss(successful_only=True).measure(crafted)
    assert kept[[0, 2]].tolist() == [1, 9]
    assert kept[1].isnan()


def test_binary_tests_compare_whether_not_how_many():
    ranking = [[0, 1, 2], [2, 3, 0]]
    seen = view(ranking, labels=[0, 0, 1, 1])
    for binary, expected in ((False, [2, 1]), (True, [1, 1])):
        metric = CHR(k=3, binary_ttest=binary)
        assert metric.measure(seen, None).tolist() == [2, 1]
        assert metric.tested(seen, None).tolist() == expected
