"""The README's promise: whatever an attack returns is brought into the budget, or refused."""

from functools import partial

import pytest
import torch

from vrbench.attacks.base import Attack
from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.black_box.zoo import ZOO
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.embedding.perturbation import EmbeddingPGD, Embeddings, ParameterAttack
from vrbench.attacks.ensemble import Ensemble
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.oracle import Oracle, QueryLimitError
from vrbench.core.errors import ConfigError, ContractError, DivergedError, VRBenchError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import Redder

ITEMS = torch.tensor([5, 2, 9])


class Own(Attack):
    """An attack of somebody's own, which returns ``made(clean)``."""

    def __init__(self, made):
        self.made = made

    def search(self, clean, items, goal, budget, rng):
        return self.made(clean)


def pictures():
    return torch.randint(0, 256, (3, 3, 8, 6), generator=stream(0)).float() / 255


def vectors():
    return torch.randn(3, 7, generator=stream(1))


BUDGETS = [
    (Linf(eps=8), pictures()),
    (Linf(eps=8, store="float"), pictures()),
    (Linf(eps=8, store="float", space="normalised"), pictures()),
    (L2(eps=40), pictures()),
    (L2(eps=40, store="float"), pictures()),
    (Rows(eps=0.5), vectors()),
]


def in_place(x):
    x.fill_(1.0)
    return x


def part_of(x):
    return torch.cat([x, x])[1 : 1 + len(x)]


TOO_FAR = {
    "far": lambda x: x + 1e6,
    "random": lambda x: 50 * torch.randn(x.shape, generator=stream(2)),
    "in place": in_place,
    "a view of what it was given": lambda x: x.add_(0.9)[:],
    "a parameter": lambda x: torch.nn.Parameter(x * 3),
    "with a graph": lambda x: x.requires_grad_() * 9 + 5,
    "other rows": part_of,
    "one picture, expanded": lambda x: x[:1].expand_as(x),
    "not contiguous": lambda x: (x + 7).transpose(1, -1).contiguous().transpose(1, -1),
}
NOT_ONE_PICTURE_EACH = {
    "nothing": lambda x: None,
    "a list": list,
    "one picture": lambda x: x[:1],
    "one picture without its axis": lambda x: x[0],
    "a row too few": lambda x: x[1:],
    "a row too many": lambda x: torch.cat([x, x[:1]]),
    "float64": lambda x: x.double(),
    "bytes": lambda x: x.byte(),
    "complex": lambda x: torch.complex(x, x),
    "sparse": lambda x: x.to_sparse(),
    "another device": lambda x: x.to("meta"),
    "an array": lambda x: x.numpy(),
}
NOT_FINITE = {
    "nan": lambda x: x * torch.nan,
    "one nan": lambda x: x.index_fill(x.ndim - 1, torch.tensor([2]), torch.nan),
    "infinity": lambda x: x - torch.inf,
}


@pytest.mark.parametrize(("budget", "clean"), BUDGETS, ids=str)
@pytest.mark.parametrize("made", TOO_FAR.values(), ids=TOO_FAR)
def test_whatever_an_attack_returns_is_brought_into_the_budget(budget, clean, made):
    kept = clean.clone()
    x = Own(made)(clean, ITEMS, Redder(), budget, Streams(0))
    assert torch.equal(clean, kept), "the pictures it was given are somebody else's"
    assert x.shape == clean.shape
    assert x.dtype == torch.float32
    assert not x.requires_grad
    assert (budget.spent(x, clean) <= budget.eps + 1e-3).all()
    if clean.ndim == 4:
        assert x.min() >= 0
        assert x.max() <= 1
    if budget.store == "round":
        assert torch.allclose(x * 255, (x * 255).round(), atol=1e-3)


@pytest.mark.parametrize(("budget", "clean"), BUDGETS, ids=str)
def test_or_is_refused_in_one_line_that_names_the_attack(budget, clean):
    for wrong, error in ((NOT_ONE_PICTURE_EACH, ContractError), (NOT_FINITE, DivergedError)):
        for made in wrong.values():
            with pytest.raises(error, match=r"Own (must return|returned)") as raised:
                Own(made)(clean, ITEMS, Redder(), budget, Streams(0))
            assert "\n" not in str(raised.value)


def test_so_is_a_member_of_an_ensemble():
    member = Own(NOT_FINITE["one nan"])
    with pytest.raises(DivergedError, match="Own returned"):
        Ensemble(attacks={"a": PGD(steps=1), "b": member})(
            pictures(), ITEMS, Redder(), Linf(eps=8), Streams(0)
        )


def test_a_budget_of_ones_own_that_does_not_hold_is_found_out():
    class Loose(Linf):
        def project(self, x, clean):
            return x

        def _round(self, x, clean):
            return x

    with pytest.raises(ContractError, match=r"Own: .*eps=8.* does not hold, by"):
        Own(TOO_FAR["far"])(pictures(), ITEMS, Redder(), Loose(eps=8), Streams(0))


def test_an_attack_that_writes_into_its_items_changes_nobody_elses():
    class Renames(Attack):
        def search(self, clean, items, goal, budget, rng):
            items.zero_()
            return clean

    items = ITEMS.clone()
    Renames()(pictures(), items, Redder(), Linf(eps=8), Streams(0))
    assert torch.equal(items, ITEMS)


class Silent:
    """Answers ``value`` about item 2, as loss or as margin."""

    name = "Silent"

    def __init__(self, value, what):
        self.value, self.what = value, what

    def judge(self, x, items):
        loss = x.flatten(1).mean(1)
        ill = torch.where(items == 2, self.value, loss)
        return Verdict(ill, loss) if self.what == "loss" else Verdict(loss, ill)

    def example(self, items):
        return torch.ones(len(items), 3, 8, 6)


@pytest.mark.parametrize("what", ["loss", "margin"])
@pytest.mark.parametrize(
    "make",
    [
        PGD,
        partial(PGD, restarts=2),
        partial(SPSA, queries=20, directions=5),
        partial(NES, queries=20, directions=5),
        partial(ZOO, queries=50, cell=2),
        partial(Square, queries=20),
        partial(HopSkipJump, queries=200),
    ],
)
def test_a_goal_that_answers_nan_ends_in_an_error_that_names_it(make, what):
    with pytest.raises(DivergedError, match="Silent gives item 2 a loss"):
        make()(pictures(), ITEMS, Silent(torch.nan, what), Linf(eps=8), Streams(0))


def test_an_infinite_margin_is_an_answer_and_an_infinite_loss_is_none():
    run = partial(PGD(), pictures(), ITEMS)
    assert run(Silent(-torch.inf, "margin"), Linf(eps=8), Streams(0)).isfinite().all()
    with pytest.raises(DivergedError):
        run(Silent(torch.inf, "loss"), Linf(eps=8), Streams(0))


@pytest.mark.parametrize("of", [lambda v: v[:, None], lambda v: v[:1], lambda v: v.mean()])
def test_answers_must_be_one_per_picture(of):
    class Odd:
        def judge(self, x, items):
            loss = x.flatten(1).mean(1)
            return Verdict(of(loss), loss)

    for goal in (Odd(), Oracle(Odd())):
        with pytest.raises(ContractError, match="one per picture"):
            PGD(restarts=2)(pictures(), ITEMS, goal, Linf(eps=8), Streams(0))


def test_more_questions_than_agreed_are_a_fault_of_the_attack():
    assert issubclass(QueryLimitError, VRBenchError)


SETTINGS = [
    (SPSA, "step"),
    (SPSA, "enough"),
    (ZOO, "reach"),
    (PGD, "step"),
    (EmbeddingPGD, "step"),
]


@pytest.mark.parametrize(("make", "setting"), SETTINGS)
def test_a_setting_that_is_nan_is_refused(make, setting):
    with pytest.raises(ConfigError, match=rf"{make.name}\.{setting}: expected a number, got nan"):
        make(**{setting: float("nan")})


class OwnTables(ParameterAttack):
    """An attack on parameters, which returns ``made(tables)``."""

    cost = None

    def __init__(self, made):
        self.made = made

    def search(self, tables, slope, budget, rng):
        return self.made(tables)


BALLS = [Embeddings(eps=0.5), Embeddings(eps=0.5, norm="box")]


@pytest.mark.parametrize("budget", BALLS, ids=str)
def test_changes_of_parameters_are_brought_into_the_budget_or_refused(budget):
    tables = {"users": vectors(), "items": torch.ones(2, 4)}
    kept = {name: table.clone() for name, table in tables.items()}

    def run(made):
        return OwnTables(made)(tables, lambda change: change, budget, stream(0))

    for made in (
        lambda t: {name: 1e6 * rows for name, rows in t.items()},
        lambda t: {name: rows.fill_(9.0) for name, rows in t.items()},
    ):
        for name, change in run(made).items():
            assert (budget.spent(change) <= budget.eps * (1 + 1e-5)).all()
            assert change.shape == tables[name].shape
    for made in (
        lambda t: None,
        lambda t: {"users": t["users"]},
        lambda t: {name: rows[:1] for name, rows in t.items()},
        lambda t: {name: rows.double() for name, rows in t.items()},
    ):
        with pytest.raises(ContractError, match="OwnTables"):
            run(made)
    with pytest.raises(DivergedError, match="OwnTables, asked to change users, returned"):
        run(lambda t: {name: rows * torch.nan for name, rows in t.items()})
    assert all(torch.equal(tables[name], rows) for name, rows in kept.items())


def test_a_loss_of_parameters_whose_slope_is_nan_is_refused():
    tables = {"users": vectors()}
    with pytest.raises(DivergedError, match="the slope EmbeddingPGD is told of users"):
        EmbeddingPGD()(tables, lambda change: {"users": tables["users"] / 0}, BALLS[0], stream(0))
