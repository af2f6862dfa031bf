import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.metrics.audience import ItemHR, ItemRank
from vrbench.testing.views import changed, dataset, view

DATA = dataset([(0, 0)], 5, 3)
AUDIENCE = torch.tensor([[True, False], [True, True], [False, False]])
VIEW = changed(
    view([[0], [0], [0]], items=(0, 1), ranks=[[3, 9], [0, 2], [1, 1]]),
    attacked={"audience": AUDIENCE},
)


@pytest.mark.parametrize(
    ("who", "hits", "ranks"),
    [
        ("everyone", [0.5, 1, 1], [6, 2, 1]),
        ("audience", [1, 1, None], [3, 2, None]),  # the second user owns the first item
        ("others", [0, None, 1], [9, None, 1]),
    ],
)
def test_shares_and_ranks_count_whom_they_are_about(who, hits, ranks):
    for found, wanted in (
        (ItemHR(k=3, who=who).measure(VIEW, DATA), hits),
        (ItemRank(who=who).measure(VIEW, DATA), ranks),
    ):
        assert [None if v != v else v for v in found.tolist()] == wanted


def test_an_aim_without_an_audience_has_no_numbers_for_one():
    nobody = changed(VIEW, attacked={"audience": None})
    assert ItemHR(who="audience").measure(nobody, DATA).isnan().all()
    assert ItemRank(who="others").measure(nobody, DATA).isnan().all()
    assert ItemHR(k=3).measure(nobody, DATA).tolist() == [0.5, 1, 1]


def test_columns_tell_them_apart():
    assert ItemHR(k=5).column == "item HR@5"
    assert ItemHR(k=5, who="others").column == "item HR@5 (others)"
    assert ItemRank(who="audience").column == "item rank (audience)"
    with pytest.raises(ConfigError, match="expected everyone, audience or others"):
        ItemHR(who="nobody")
