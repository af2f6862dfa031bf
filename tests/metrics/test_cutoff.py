"""Every metric of the first ``k`` places, where ``k`` is longer than lists or the catalogue."""

import importlib
import inspect
import pkgutil
from dataclasses import replace

import pytest
import torch

from vrbench import metrics
from vrbench.core.errors import ConfigError
from vrbench.metrics.accuracy.top_k import ElliotMAP
from vrbench.metrics.base import Cutoff
from vrbench.metrics.category import CHR, CHRShare
from vrbench.metrics.view import TwoStage
from vrbench.testing.views import changed, random_case

ITEMS = 30  # of the random case
MODULES = [
    importlib.import_module(f"vrbench.metrics.{found.name}")
    for found in pkgutil.iter_modules(metrics.__path__)
]
CUTOFFS = {
    made.name: made
    for module in MODULES
    for made in vars(module).values()
    if inspect.isclass(made) and issubclass(made, Cutoff) and not inspect.isabstract(made)
    if hasattr(made, "measure") and not made.__name__.startswith("_")
}


@pytest.fixture(scope="module")
def case():
    view, data, _, _ = random_case()
    users = len(view.lists.ranking)
    ones = torch.ones(users).long()
    whole = changed(
        replace(
            view,
            two_stage=TwoStage(injected_ranks=ones[:, None], offered_ranks=ones, offered=ones),
        ),
        counted={"labels": torch.arange(ITEMS) % 3},
        lists={"scores": torch.linspace(1, 0, ITEMS).repeat(users, 1)},
    )
    return whole, replace(data, train=data.test)


def measured(metric, view, data):
    return torch.as_tensor(metric.measure(view, data)).double()


def kept(view, length):
    lists = {"ranking": view.lists.ranking[:, :length], "scores": view.lists.scores[:, :length]}
    return changed(view, lists=lists)


def test_metrics_of_every_kind_are_among_them():
    known = {"CHR", "nCDCG", "HR", "nDCG", "LAUC", "REO", "Gini", "APLT", "item HR", "injected HR"}
    assert known <= CUTOFFS.keys()


@pytest.mark.parametrize("name", sorted(CUTOFFS))
def test_a_list_too_short_is_refused_or_not_needed(case, name):
    view, data = case
    for k in (10, 20):
        metric, short = CUTOFFS[name](k=k), kept(view, 10)
        try:
            found = measured(metric, short, data)
        except ConfigError as error:
            told = str(error)
        else:
            torch.testing.assert_close(found, measured(metric, view, data), equal_nan=True)
            continue
        assert k > 10
        assert "lists of 10 are kept; take k <= 10" in told


@pytest.mark.parametrize("name", sorted(CUTOFFS))
def test_k_may_be_beyond_the_catalogue(case, name):
    view, data = case
    whole = measured(CUTOFFS[name](k=ITEMS), view, data)
    for k in (ITEMS + 7, 10**12):
        found = measured(CUTOFFS[name](k=k), view, data)
        assert torch.equal(found.isnan(), whole.isnan())
        assert (found[~found.isnan()] >= 0).all()


def test_what_is_divided_by_k_is_divided_by_all_of_it(case):
    view, data = case
    k = ITEMS + 20
    count = measured(CHR(k=k), view, data)
    assert torch.equal(count, measured(CHR(k=ITEMS), view, data))
    torch.testing.assert_close(measured(CHRShare(k=k), view, data), (count / k).float().double())


def test_precision_goes_on_falling_past_the_last_item(case):
    view, data = case
    k = ITEMS + 20
    found = measured(ElliotMAP(k=k), view, data)
    for user in (1, 5, 9):
        ranks = view.tested.ranks[data.test.users == user]
        right = sum((ranks <= n).sum() / n for n in range(1, k + 1)) / k
        assert found[user].item() == pytest.approx(float(right))


def test_a_metric_of_one_s_own_may_read_the_earlier_names(case):
    view, _ = case
    for name, where, found in (
        ("ranking", "lists.ranking", view.lists.ranking),
        ("ranking_scores", "lists.scores", view.lists.scores),
        ("relevant_ranks", "tested.ranks", view.tested.ranks),
        ("ranks", "attacked.ranks", view.attacked.ranks),
        ("labels", "counted.labels", view.counted.labels),
        ("cold_ranks", "tested.cold.ranks", None),
        ("offered", "two_stage.offered", view.two_stage.offered),
        ("profiles", "users.profiles", None),
    ):
        with pytest.warns(DeprecationWarning, match=f"View.{name} is now View.{where}"):
            assert getattr(view, name) is found
    with pytest.raises(AttributeError, match="no 'rankings'"):
        view.rankings  # noqa: B018
