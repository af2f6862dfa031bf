"""Every attack on pictures, embeddings and words finds on a CUDA device what it finds here."""

from functools import partial
from inspect import isabstract

import pytest
import torch

import tests.attacks
import vrbench.attacks
import vrbench.budgets
from tests.contracts import contracts
from tests.gpu.device import (
    HERE,
    close,
    each,
    everywhere,
    home,
    libraries,
    made_by,
    on_device,
    shipped,
    there,
)
from vrbench.attacks import FMN, AutoPGD, FeatureRegression, Square
from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.embedding.perturbation import (
    EmbeddingNoise,
    EmbeddingPGD,
    Embeddings,
    EmbeddingShares,
    ParameterAttack,
)
from vrbench.attacks.feature_budget import Rows, RowShares
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.imported import Imported
from vrbench.attacks.minimum_norm.cw import CWRows
from vrbench.attacks.standard import StandardAttack, StandardAttack2, StandardAttack3
from vrbench.attacks.transplant import Transplant
from vrbench.attacks.visible_budget import Area
from vrbench.attacks.words import RandomWords, WordAttack, WordFlips, Words
from vrbench.attacks.wrapped import Wrapped
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table
from vrbench.testing.attacks import AttackContract, Classified, victim
from vrbench.testing.world import Redder, toy_world


def suite():
    """Return the standard attack, whose members try less long."""
    made = StandardAttack()
    made.attacks = {
        "apgd loss": AutoPGD(steps=6),
        "apgd margin": AutoPGD(descend="margin", steps=6),
        "fmn": FMN(steps=6),
        "regression": FeatureRegression(queries=60, directions=9),
        "square": Square(queries=60),
    }
    assert made.attacks.keys() == StandardAttack().attacks.keys()
    return made


def second_suite():
    """Return standard-2, whose members try less long."""
    made, few = StandardAttack2(), suite().attacks
    made.attacks = {**few, "apgd hinge": AutoPGD(descend="hinge", steps=6)}
    made.attacks["apgd long"] = AutoPGD(steps=12)
    assert made.attacks.keys() == StandardAttack2().attacks.keys()
    return made


def third_suite():
    """Return standard-3, whose members try less long."""
    made = StandardAttack3()
    made.attacks = {**second_suite().attacks, "adam": AdamPGD(steps=6, lr=None, start="random")}
    assert made.attacks.keys() == StandardAttack3().attacks.keys()
    return made


CASES = contracts(tests.attacks, AttackContract)
for slow in ("square.TestSquare", "square.TestSquareL2"):
    fewer = {"make": partial(CASES[slow].make, queries=60)}
    CASES[slow] = type(slow.rpartition(".")[2], (CASES[slow],), fewer)
for named, made in (("Suite", suite), ("Suite2", second_suite), ("Suite3", third_suite)):
    CASES[f"standard.{named}"] = type(named, (AttackContract,), {"make": staticmethod(made)})
WITH_FILES = {"imported.TestImported"}  # its pictures are read from files, and nothing is searched
CASES = {name: case for name, case in CASES.items() if name not in WITH_FILES}
ITEMS = torch.tensor([4, 2, 7, 30])


class Reds(Redder):
    """As little red as can be; a goal that offers all that an attack may ask for."""

    def __init__(self, device):
        self.device = device

    def example(self, items):
        return torch.zeros(len(items), 3, 16, 16, device=self.device)

    def see(self, x):
        return x.flatten(2).mean(2)

    def redrawn(self, salt):
        return self


class Ones(Classified):
    """Pictures of class 1, of a small convolutional network; offers all that may be asked for."""

    def __init__(self, device):
        super().__init__(victim().to(device), towards=1)
        self.device = device

    def example(self, items):
        """Return the picture of four that is nearest to class 1."""
        shown = pictures(torch.arange(0, 36, 9)).to(self.device)
        with torch.no_grad():
            best = self.judge(shown, items).margin.argmin()
        return shown[best].expand(len(items), -1, -1, -1).clone()

    def see(self, x):
        return self.network[:4](x)

    def redrawn(self, salt):
        return self


def pictures(items=ITEMS):
    return toy_world().catalogue.images[items].clone()


def searched(case, kind):
    """Return a function of a device: what an attack finds there, and how near the goal it is."""

    def found(device):
        goal, items, clean = kind(device), ITEMS.to(device), pictures().to(device)
        attack = made(case)
        x = attack(clean, items, goal, case.budget, Streams(0))
        assert x.device.type == device.type
        with torch.no_grad():
            before, after = (goal.judge(some, items).loss for some in (clean, x))
        return [x, before, after]

    return found


def made(case):
    """Return an attack, or pass over a test that needs a library that is not here."""
    attack = case.make()
    if isinstance(attack, Wrapped):
        pytest.importorskip(attack.library)
    return attack


def gains(found):
    """Return by how much the loss of each picture fell."""
    return found[1] - found[2]


def test_every_attack_is_here():
    covered = {made_by(case).__name__ for case in CASES.values()}
    assert shipped(vrbench.attacks, Attack) - covered == {Imported.__name__, CWRows.__name__}
    assert shipped(vrbench.attacks, ParameterAttack) == {k.__name__ for k in ON_TABLES.values()}
    assert shipped(vrbench.attacks, WordAttack) == {k.__name__ for k in ON_WORDS.values()}


@on_device
@each(CASES)
def test_it_removes_as_much_red_there(case):
    """The loss is a mean of pixels, and its slope the same everywhere: nothing but ties differ.

    A tie is broken by the last bit of a mean, so some pixels may differ; what they are worth may
    not: a quarter of a grey level, or a twentieth of what was gained where that is more.
    """
    expected, found = everywhere(searched(case, Reds))
    gained = gains(home(expected))
    apart = (gains(found) - gained).abs()
    assert (apart <= (0.05 * gained.abs()).clamp(min=0.25 / 255)).all(), (gained, gains(found))
    if case.beats_noise:
        assert gained.mean() > 1e-4  # who finds nothing is equal everywhere


@on_device
@each(CASES)
def test_it_comes_as_near_to_a_class_there(case):
    """Of a network, whose products round otherwise: signs of slopes near zero may turn.

    So not each pixel is compared, but the loss that is reached, of all pictures together: within a
    tenth of what was gained. A search by questions compares losses that differ in their last bits
    and may take other ways from there: a quarter.
    """
    expected, found = everywhere(searched(case, Ones))
    gained, other = (float(gains(home(some)).mean()) for some in (expected, found))
    share = 0.25 if hasattr(case.make(), "queries") else 0.1
    assert other == pytest.approx(gained, abs=max(share * abs(gained), 0.02))
    assert (home(expected)[0] != pictures()).any() or gained <= 0


@on_device
@each(CASES)
def test_the_same_seed_finds_the_same_there(case):
    """Nothing that is drawn comes from a state that is the device's own."""
    with there() as device:
        first, second = (home(searched(case, Reds)(device)) for _ in range(2))
    assert torch.equal(first[0], second[0])


BUDGETS = {
    "Linf": (partial(Linf, eps=8), pictures()),
    "Rows": (partial(Rows, eps=0.5), torch.randn(4, 7, generator=stream(1))),
    "RowShares": (partial(RowShares, eps=5), torch.randn(4, 7, generator=stream(1))),
    "Area": (partial(Area, eps=20), pictures()),
} | {
    name: (partial(getattr(vrbench.budgets, name), eps=40), pictures())
    for name in sorted(shipped(vrbench.budgets, Budget) - {"Linf", "Rows", "RowShares", "Area"})
}

OF_OTHERS = {"Embeddings", "EmbeddingShares", "Words"}  # with their attacks below
HELD = {"FakeUsers", "JointBudget", "MixedBudget"}  # numbers and other budgets, and no tensors


def test_every_budget_is_here():
    every = {
        name for name in dir(vrbench.budgets) if not isabstract(getattr(vrbench.budgets, name))
    }
    assert every == BUDGETS.keys() | OF_OTHERS | HELD


@on_device
@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_is_the_same_there(name):
    """Draws are equal; lengths are sums in another order, and a level may be rounded otherwise."""
    make, clean = BUDGETS[name]
    with libraries():  # LPIPS asks for weights
        make()

    def spent(device):
        budget = make()  # what it keeps stays on its device
        placed, items = clean.to(device), ITEMS.to(device)
        drawn = budget.sample(placed, items, Streams(0))
        finished = budget.finish(drawn, placed)
        far = budget.project(placed + 2 * (drawn - placed), placed)
        return [drawn, finished, budget.spent(finished, placed), far]

    expected, found = everywhere(spent)
    for one, other in zip(found, expected, strict=True):
        close(one, other, rtol=1e-3, atol=1.01 / 255 if clean.ndim == 4 else 1e-5)
        assert ((one - other).abs() < 1e-4).double().mean() > 0.99


ON_TABLES = {
    "EmbeddingPGD": EmbeddingPGD,
    "EmbeddingNoise": EmbeddingNoise,
}
ON_WORDS = {"WordFlips": WordFlips, "RandomWords": RandomWords}


@on_device
@pytest.mark.parametrize("unit", [partial(Embeddings, eps=0.5), partial(EmbeddingShares, eps=50)])
@pytest.mark.parametrize("norm", ["row_l2", "box"])
@each(ON_TABLES)
def test_embeddings_change_there_as_here(case, norm, unit):
    """Draws come from the processor and are equal; a row's length is a short sum."""

    def change(device):
        weight = torch.randn(6, 8, generator=stream(3)).to(device)
        rows = {"item": torch.randn(6, 8, generator=stream(4)).to(device)}
        aim = lambda at: {"item": weight + at["item"]}  # noqa: E731
        return case()(rows, aim, unit(norm=norm), stream(0))

    expected, found = everywhere(change)
    close(found, expected)
    assert found["item"].norm(dim=1).min() > 0.01


class Beside:
    """The side of a plane on which rows are to be."""

    def __init__(self, device):
        self.normal = torch.randn(7, generator=stream(8)).to(device)

    def judge(self, x, items):
        margin = x @ self.normal + 5
        return Verdict(margin, margin)


@on_device
def test_rows_cross_a_plane_there_as_here():
    def found(device):
        goal, clean = Beside(device), torch.randn(4, 7, generator=stream(1)).to(device)
        x = CWRows()(clean, ITEMS.to(device), goal, Rows(eps=torch.inf), Streams(0))
        assert (goal.judge(x, ITEMS).margin < 0).all()
        return [(x - clean).norm(dim=1)]

    (here,), (other,) = everywhere(found)
    close(other, here, rtol=1e-2)


@on_device
@pytest.mark.parametrize("edit", ["add", "swap"])
@each(ON_WORDS)
def test_words_change_there_as_here(case, edit):
    """Counts are whole numbers, and equal."""

    def changed(device):
        counts = torch.randint(3, (4, 20), generator=stream(5)).float().to(device)
        worth = torch.randn(20, generator=stream(6)).to(device)
        aim, budget = (lambda c: -(c @ worth)), Words(eps=2, edit=edit)
        return [case()(counts, ITEMS.to(device), aim, budget, Streams(0)), counts]

    expected, found = everywhere(changed)
    assert torch.equal(found[0], expected[0])
    assert not torch.equal(found[0], found[1])


@on_device
@pytest.mark.parametrize("shown", ["drawn", "mean"])
def test_the_oracle_shows_there_what_it_shows_here(shown):
    rows = torch.randn(36, 5, generator=stream(7))

    def given(device):
        table = Table(Signal.VECTOR, rows, None).to(device)
        donors, items = torch.tensor([1, 5, 9]).to(device), ITEMS.to(device)
        return Transplant(shown=shown)(table, donors, items, Streams(0))

    expected, found = everywhere(given)
    close(found, expected)
    assert found.std() > 0


def test_a_verdict_is_what_a_goal_here_gives():
    """The goals of these tests are goals."""
    for kind in (Reds, Ones):
        verdict = kind(HERE).judge(pictures(), ITEMS)
        assert isinstance(verdict, Verdict)
        assert verdict.loss.shape == ITEMS.shape
