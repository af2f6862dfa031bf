import itertools
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.budget import L2
from vrbench.attacks.goal import Verdict
from vrbench.attacks.minimum_norm.jsma import JSMA
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Classified, Redder, victim

FREE = L2(eps=float("inf"))


class TestJSMA(AttackContract):
    make = JSMA
    beats_noise = False  # moves few values, and stops at the first success


def linear_model(num_classes=5, values=3 * 4 * 4):
    weight = torch.randn(num_classes, values, generator=stream(1))
    return weight, lambda x: x.flatten(1) @ weight.T


def by_brute_force(x, anchor, weight, target, sign, direction):
    """Return the values and moves that eq. 8 of the paper picks, over all pairs."""
    a = (sign * weight[target]).tolist()
    b = (-sign * (weight.sum(0) - weight[target])).tolist()
    x, anchor = x.tolist(), anchor.tolist()  # indexing a tensor is a hundred times as slow
    moves = []
    for v in range(len(x)):
        if direction != "down" and x[v] < 1 and x[v] >= anchor[v]:
            moves.append((v, 1))
        if direction != "up" and x[v] > 0 and x[v] <= anchor[v]:
            moves.append((v, -1))
    best, found = 0.0, None
    for (p, s), (q, t) in itertools.combinations(moves, 2):
        if p == q:
            continue
        first, second = s * a[p] + t * a[q], s * b[p] + t * b[q]
        if first > 0 and second > 0 and first * second > best:
            best, found = first * second, ((p, s), (q, t))
    return found


@pytest.mark.parametrize("direction", ["up", "down", pytest.param("both", marks=pytest.mark.slow)])
@pytest.mark.parametrize("aim", ["towards", "away"])
@pytest.mark.parametrize("theta", [1.0, 51 / 255])
def test_moves_exactly_the_pairs_that_brute_force_moves(direction, aim, theta):
    weight, network = linear_model()
    clean = torch.rand(6, 3, 4, 4, generator=stream(2)).mul(255).round() / 255
    sign = 1 if aim == "towards" else -1
    named = int((network(clean).mean(0) * -sign).argmax())
    far = torch.zeros(5).index_fill(0, torch.tensor([named]), -4.0 * sign)
    goal = Classified(lambda x: network(x) + far, **{aim: named})
    found = JSMA(theta=theta, gamma=0.5, direction=direction, candidates=12)(
        clean, torch.arange(6), goal, FREE, Streams(0)
    )
    steps = 0
    for n in range(6):
        x, steps = replay(goal, clean[n], weight, named, sign, direction, theta, steps)
        assert torch.allclose(found[n], x, atol=1e-6), n
    assert steps >= 10


def replay(goal, clean, weight, named, sign, direction, theta, steps):
    """Return the first success of one picture or its best try, and the steps made so far."""
    x, least, best = clean.flatten().clone(), torch.inf, None
    for nth in range(13):
        margin = goal.judge(x.reshape(1, *clean.shape), None).margin
        if margin < least:
            least, best = margin, x.clone()
        pair = by_brute_force(x, clean.flatten(), weight, named, sign, direction)
        if margin < 0 or pair is None or nth == 12:
            break
        for value, way in pair:
            x[value] = ((x[value] + way * theta).clamp(0, 1) * 255).round() / 255
        steps += 1
    return best.reshape(clean.shape), steps


def by_values(x, clean):
    return (x != clean).flatten(1).sum(1)


def test_single_values_are_moved_in_the_order_of_their_saliency():
    weight, network = linear_model()
    clean = torch.full((1, 3, 4, 4), 128 / 255)
    named = int(network(clean)[0].argmin())
    a, b = weight[named], weight[named] - weight.sum(0)
    score = torch.where((a > 0) & (b > 0), a * b, 0)
    far = torch.zeros(5).index_fill(0, torch.tensor([named]), -1e3)  # never reached
    goal = Classified(lambda x: network(x) + far, towards=named)
    x = JSMA(pairs=False, direction="up", gamma=0.0625)(
        clean, torch.arange(1), goal, FREE, Streams(0)
    )
    moved = torch.nonzero((x != clean).flatten())[:, 0].tolist()
    assert sorted(moved) == sorted(score.topk(3).indices.tolist())


def test_no_more_than_the_share_gamma_is_moved(world):
    clean, items = world.catalogue.images[torch.arange(6)], torch.arange(6)

    def judge(x, items):
        loss = Redder().judge(x, items).loss
        return Verdict(loss, loss + 1)  # out of reach

    for gamma in (0.01, 0.05, 1.0):
        x = JSMA(gamma=gamma)(clean, items, SimpleNamespace(judge=judge), FREE, Streams(0))
        moved = by_values(x, clean)
        assert (moved <= gamma * 768).all()
        # All red ones are moved before any is left out, and no other value is touched.
        assert (moved == min(int(gamma * 768) // 2 * 2, 256)).all()
        assert torch.equal(x[:, 1:], clean[:, 1:])


def test_a_goal_without_classes_gets_the_values_that_lower_its_margin_most():
    weight = torch.randn(48, generator=stream(5))
    clean = torch.full((1, 3, 4, 4), 128 / 255)

    def judge(x, items):
        margin = x.flatten(1) @ weight + 50
        return Verdict(margin, margin)

    x = JSMA(gamma=4 / 48)(clean, torch.arange(1), SimpleNamespace(judge=judge), FREE, Streams(0))
    moved = torch.nonzero((x != clean).flatten())[:, 0].tolist()
    assert sorted(moved) == sorted(weight.abs().topk(4).indices.tolist())
    assert torch.equal((x - clean).flatten().sign()[moved], -weight.sign()[moved])


def test_white_and_black_pages_reach_a_class():
    clean = torch.stack([torch.ones(3, 16, 16), torch.zeros(3, 16, 16)])
    network = victim()
    for target in range(4):
        goal = Classified(network, towards=target)
        x = JSMA(gamma=1.0)(clean, torch.arange(2), goal, FREE, Streams(0))
        assert (network(x).argmax(1) == target).all()
        reached = network(clean).argmax(1) == target
        assert torch.equal(by_values(x, clean) > 0, ~reached)


def test_company_changes_nothing_for_classes_either():
    clean = torch.rand(6, 3, 16, 16, generator=stream(3)).mul(255).round() / 255
    items, goal = torch.arange(6), Classified(victim(), towards=1)
    together = JSMA()(clean, items, goal, FREE, Streams(0))
    alone = [JSMA()(clean[[i]], items[[i]], goal, FREE, Streams(0)) for i in range(6)]
    assert torch.equal(torch.cat(alone), together)
    assert (by_values(together, clean) > 0).any()


def test_memory_does_not_grow_with_the_square_of_the_picture():
    """224 px are 150,528 values: a map of their pairs would take 84 GiB."""
    clean = torch.full((1, 3, 224, 224), 128 / 255)
    weight = torch.randn(3, clean.numel(), generator=stream(6)) / 400

    def network(x):
        return x.flatten(1) @ weight.T + torch.tensor([3.0, 0.0, 0.0])

    goal = Classified(network, towards=1)
    x = JSMA(gamma=0.001, theta=1.0)(clean, torch.arange(1), goal, FREE, Streams(0))
    assert by_values(x, clean).item() == 150
    assert goal.forwards == 76


@pytest.mark.parametrize("wrong", [{"theta": 0.0}, {"gamma": 1.5}, {"candidates": 1}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match="JSMA: expected 0 < theta"):
        JSMA(**wrong)


def test_a_direction_is_one_of_three():
    with pytest.raises(ConfigError, match="direction up, down or both, got 'left'"):
        JSMA(direction="left")


def test_a_value_off_the_grid_by_a_rounding_is_not_moved_by_that():
    """On a GPU ``n / 255`` rounds otherwise: a third of the values could not go down any more."""
    whole = torch.randint(150, 250, (2, 3, 8, 8), generator=stream(3)) / 255
    for clean in (whole, torch.nextafter(whole, torch.zeros(()))):
        found = JSMA(gamma=0.15)(clean, torch.arange(2), Redder(), FREE, Streams(0))
        assert ((clean - found)[:, 0] > 0.5).flatten(1).sum(1).tolist() == [28, 28]
