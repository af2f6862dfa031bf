"""Promotion into lists: a smooth hit ratio, against numpy, and where a mean score leads astray."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.threats.test_objectives import Means, pictures, world_of
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.threats.objectives.exposure import PromoteLists
from vrbench.threats.objectives.promotion import Promote

OWNED = torch.tensor([[0, 4], [0, 2], [3, 1], [4, 4]])  # (user, item)


def shop():
    model, visuals, _ = world_of()
    return model, visuals, Interactions.of(OWNED[:, 0], OWNED[:, 1], 5, 6)


def by_numpy(model, visuals, x, items, k=2, temperature=0.3, share=0.5):
    """Return losses and margins by the definition, user by user."""
    users, bias = model.users.detach().numpy(), model.bias.detach().numpy()
    clean = users @ visuals.rows.numpy().T + bias
    t = temperature * clean.std(1, ddof=1).mean()
    owned = np.zeros(clean.shape, bool)
    owned[OWNED[:, 0], OWNED[:, 1]] = True
    bar = np.sort(np.where(owned, -np.inf, clean), 1)[:, -k]
    loss, margin = [], []
    for row, item in enumerate(items.tolist()):
        score = users @ (10 * x[row].mean((1, 2))).numpy() + bias[item]
        hit = np.where(owned[:, item], 0, 1 / (1 + np.exp(-(score - bar) / t)))
        loss.append(-np.log(hit.mean()))
        margin.append(np.log(share / hit.mean()))
    return torch.tensor(np.array([loss, margin]), dtype=torch.float32)


@pytest.mark.parametrize("settings", [{}, {"k": 1, "temperature": 2.0, "share": 0.2}])
def test_it_is_the_smooth_hit_ratio_among_those_who_do_not_own_the_item(settings):
    model, visuals, train = shop()
    x, items = pictures(4), torch.tensor([4, 1, 4, 0])
    found = PromoteLists(train, Means(), model, visuals, **{"k": 2, **settings}).judge(x, items)
    loss, margin = by_numpy(model, visuals, x, items, **settings)
    assert torch.allclose(found.loss, loss, atol=1e-4)
    assert torch.allclose(found.margin, margin, atol=1e-4)


def test_cold_it_is_the_hit_ratio():
    """As the temperature goes to 0; the aim is reached where a share of the users list the item."""
    model, visuals, train = shop()
    x, items = pictures(40), torch.arange(40) % 6
    score = (model.users @ (10 * x.mean((2, 3))).T + model.bias[items]).T
    clean = model.users @ visuals.rows.T + model.bias
    owned = torch.zeros(5, 6, dtype=torch.bool)
    owned[OWNED[:, 0], OWNED[:, 1]] = True
    bar = clean.masked_fill(owned, -torch.inf).topk(3).values[:, -1]
    listed = ((score > bar) & ~owned.T[items]).double().mean(1)
    goal = PromoteLists(train, Means(), model, visuals, k=3, temperature=1e-4, share=0.5)
    verdict = goal.judge(x, items)
    assert torch.allclose(verdict.loss.neg().exp().double(), listed, atol=1e-3)
    assert torch.equal(verdict.margin < 0, listed > 0.5)
    assert len(set(listed.tolist())) > 2


def two_tastes():
    """Nine of ten users will never list item 0, and like red a lot; one would, and likes blue."""
    users = torch.tensor([[3.0, 0.0, -1.0]] * 9 + [[-1.0, 0.0, 1.0]])
    bias = torch.tensor([0.0, 100.0, 5.0])
    model, _, _ = world_of(10, 3)
    model = type(model)(users, bias)
    rows = torch.tensor([[5.0, 5.0, 5.0], [5.0, 5.0, 5.0], [5.0, 5.0, 5.0]])
    likes_two = torch.full((9,), 2), torch.full((1,), 1)  # who owns what the others are shown
    train = Interactions.of(torch.arange(10), torch.cat(likes_two), 10, 3)
    return model, Table(Signal.VECTOR, rows, None), train


def test_a_mean_score_is_raised_where_nobody_lists_the_item_and_the_lists_are_not():
    model, visuals, train = two_tastes()
    clean, items = torch.full((1, 3, 8, 8), 128 / 255), torch.tensor([0])
    ways = {}
    for of in (partial(Promote, k=1), partial(PromoteLists, k=1)):
        goal = of(train, Means(), model, visuals)
        x = PGD(steps=20)(clean, items, goal, Linf(eps=64), Streams(0))
        ways[type(goal)] = (x - clean).mean((0, 2, 3)).sign().tolist()
        if type(goal) is PromoteLists:
            assert model.users[9] @ (10 * x[0].mean((1, 2))) > 4.9
    assert ways[Promote][0] == 1.0  # red, for the nine
    assert ways[PromoteLists][::2] == [-1.0, 1.0]  # blue, for the one


def test_far_away_it_still_has_a_gradient():
    model, visuals, train = shop()
    with torch.no_grad():
        model.bias[0] = -1e4
    x = pictures(1).requires_grad_()
    goal = PromoteLists(train, Means(), model, visuals, k=2)
    goal.judge(x, torch.tensor([0])).loss.sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 1e-6


def test_it_says_what_is_out_of_range():
    model, visuals, train = shop()
    for settings in ({"temperature": 0.0}, {"share": 0.0}, {"share": 1.5}):
        with pytest.raises(ConfigError, match="temperature > 0 and 0 < share <= 1"):
            PromoteLists(train, Means(), model, visuals, **settings)
