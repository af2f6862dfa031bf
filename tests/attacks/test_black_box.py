"""What asks must beat chance on every aim, a ranking's too, with the answers it pays for."""

from types import SimpleNamespace

import pytest
import torch

from tests.threats.test_objectives import Dot, Means
from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.black_box.zoo import ZOO
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.oracle import Oracle
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario

QUERIES = 300
ASKING = [
    Square(queries=QUERIES, enough=None),
    ZOO(queries=QUERIES, coordinates=10, enough=None),
    SPSA(queries=QUERIES, directions=10, enough=None),
    NES(queries=QUERIES, directions=10, enough=None),
]


def promotion(world):
    images = world.catalogue.images
    n = len(images)
    users = torch.rand(20, 3, generator=stream(1)) * torch.tensor([-1.0, 0.2, 1.0])
    visuals = Table(Signal.VECTOR, 10 * images[torch.arange(n)].mean((2, 3)), None)
    train = SimpleNamespace(num_users=20, num_items=n)
    return Promote(train, Means(), Dot(users, torch.zeros(n)), visuals, images, k=n // 2)


@pytest.fixture(params=["target_class", "untargeted", "match_features", "promote"])
def goal(request, world):
    catalogue = world.catalogue
    if request.param == "promote":
        return promotion(world)
    case = Scenario(source="red", target="blue").choose(
        torch.zeros(3), catalogue.categories, catalogue.names
    )
    if request.param == "match_features":
        return MatchFeatures(case, Means(), catalogue.images, world.train)
    objective = TargetClass if request.param == "target_class" else Untargeted
    return objective(case, Means(), catalogue.images)


@pytest.mark.parametrize("attack", ASKING, ids=lambda a: a.name)
def test_answers_lead_further_than_chance(attack, goal, world):
    items = torch.nonzero(world.catalogue.categories == 0).squeeze(1)[:4]
    clean, budget = world.catalogue.images[items], Linf(eps=8)
    oracle = Oracle(goal, limit=QUERIES)
    x = attack(clean, items, oracle, budget, Streams(0))
    assert (oracle.asked(items) <= QUERIES).all()
    found, before = goal.judge(x, items).loss, goal.judge(clean, items).loss
    chance = torch.stack(
        [
            goal.judge(budget.finish(budget.sample(clean, items, Streams(n)), clean), items).loss
            for n in range(10)
        ]
    ).amin(0)
    assert (before - found > 2 * (before - chance)).all(), "twice as far as the best of ten draws"


def test_yes_and_no_lead_to_every_aim(goal, world):
    """From an example to much nearer the clean picture than it, and still in the aim."""
    items = torch.nonzero(world.catalogue.categories == 0).squeeze(1)[:4]
    clean, free = world.catalogue.images[items], L2(eps=float("inf"))
    example = goal.example(items)
    assert (goal.judge(example, items).margin < 0).all()
    assert (goal.judge(clean, items).margin > 0).all()
    x = HopSkipJump(queries=1500)(clean, items, goal, free, Streams(0))
    assert (goal.judge(x, items).margin < 0).all()
    assert (free.spent(x, clean) < 0.8 * free.spent(example, clean)).all()
