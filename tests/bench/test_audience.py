"""Promotion to somebody in particular, through a whole run: a curve of hits against queries."""

from functools import partial

import pytest

from tests.bench.test_run import attack, row  # noqa: F401 (a fixture)
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.budget import Linf
from vrbench.metrics.audience import ItemHR, ItemRank
from vrbench.metrics.success import AimReached, Queries
from vrbench.threats.objectives.black_box_promotion import PromoteTo
from vrbench.threats.objectives.misclassification import TargetClass

METRICS = [
    ItemHR(k=5),
    *(ItemHR(k=5, who=who) for who in ("audience", "others")),
    ItemRank(who="audience"),
    Queries(),
    AimReached(),
]


@pytest.mark.parametrize("audience", ["user", "segment"])
def test_more_queries_bring_the_items_nearer_to_whom_they_are_aimed_at(attack, audience):  # noqa: F811
    aim = partial(PromoteTo, audience=audience, owners=2, k=5)
    found = {}
    for queries in (32, 96, 320):
        found[queries] = attack(
            attack=FeatureRegression(queries=queries, step=4, enough=None),
            budget=Linf(eps=60),
            objective=aim,
            metrics=METRICS,
        )
        assert row(found[queries], "queries").after == queries
    ranks = [row(found[q], "item rank (audience)") for q in found]
    assert len({r.before for r in ranks}) == 1
    assert ranks[0].after > ranks[1].after > ranks[2].after
    assert ranks[2].after < ranks[2].before - 4
    if audience == "user":
        assert row(found[320], "item HR@5 (audience)").n <= 12  # one user per item, drawn


def test_an_aim_without_an_audience_leaves_its_columns_empty(attack):  # noqa: F811
    result = attack(objective=partial(TargetClass), metrics=METRICS)
    assert row(result, "item HR@5 (audience)").n == 0
    assert row(result, "item HR@5").after > row(result, "item HR@5").before
