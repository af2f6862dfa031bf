"""What is promised of a shop's items lies below what attacks leave, at every length."""

import csv
from functools import partial

import pytest
import torch

from vrbench.attacks.gradient.apgd import AutoPGD
from vrbench.attacks.noise import Noise
from vrbench.bench.certification import Promise, Shop, certified, kept, up_to
from vrbench.bench.machine import Machine
from vrbench.bench.session import Session
from vrbench.bench.store import Store
from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.extractors.toy import Colour
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual.vnpr import VNPR
from vrbench.testing.world import BRISK_LOOKS, toy_world
from vrbench.threats.certificates.smoothing import Smoothing

PROMISE, ITEMS = Promise(k=5, share=0.3), torch.arange(0, 36, 3)
ATTACKS = (AutoPGD(steps=10), Noise())
NOISE = Smoothing(sigma=0.1, draws=100)


@pytest.fixture
def shop_of(tmp_path):
    def made(factory):
        session = Session(Store(tmp_path / "store"), Machine())
        world = session.shop(toy_world(), Colour(), factory)
        return Shop.of(session, world, ITEMS, PROMISE.k)

    return made


def test_what_is_certified_at_a_length_is_among_what_attacks_leave_there(shop_of):
    shop = shop_of(partial(VBPR, factors=8, visual_factors=8, **BRISK_LOOKS))
    found = certified(shop, PROMISE, NOISE, seed=0)
    exact = found.exact["L2"]
    left = []
    for radius in (0.0, 0.05, 0.1, 0.2, 5.0):
        stands, noisy = kept(shop, PROMISE, radius, ATTACKS, NOISE, seed=0)
        assert stands[exact > radius].all()
        assert noisy[found.smoothed > radius].all()
        left.append(int(stands.sum()))
    assert left == sorted(left, reverse=True)
    assert left[0] == int((found.reached <= PROMISE.share).sum()) > left[-1] == 0
    assert (found.exact["Linf"] <= exact).all()


def test_a_network_has_no_exact_bound_and_is_smoothed(shop_of):
    shop = shop_of(partial(VNPR, epochs=2))
    found = certified(shop, PROMISE, NOISE, seed=0)
    assert found.exact is None
    assert found.smoothed.shape == (12,)
    with pytest.raises(IncompatibleError, match="not linear"):
        certified(shop, PROMISE, None, seed=0)


def test_a_shop_that_sees_no_features_has_nothing_to_certify(shop_of):
    with pytest.raises(IncompatibleError, match="nothing can be certified"):
        shop_of(partial(BPRMF, epochs=1))


@pytest.mark.parametrize("wrong", [{"k": 0}, {"share": 1.0}, {"share": -0.1}])
def test_a_promise_that_means_nothing_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected k >= 1"):
        Promise(**wrong)


def test_a_curve_goes_a_little_past_the_last_item():
    assert up_to([0.0, 0.2, 0.4, float("inf")]) == 0.5
    assert up_to([0.0, float("inf")]) == 1.0


SMALL = ["dataset=boutique", "dataset.num_items=120", "dataset.num_users=60", "extractor.epochs=1"]
SMALL += ["recommender.epochs=2", "scenario=by_reference", "scenario.min_items=3"]
SMALL += ["scenario.max_items=4", "machine.threads=1"]


@pytest.mark.slow
def test_the_command_draws_promise_and_attacks_on_one_axis(tmp_path, capsys):
    given = [*SMALL, f"store={tmp_path / 'store'}", "--sigma", "0.05", "--draws", "40"]
    table, picture = tmp_path / "curve.csv", tmp_path / "curve.svg"
    more = ["--radii", "0.001", "0.5", "--steps", "3", "--seeds", "2", "--format", "csv"]
    assert COMMANDS["certify"]([*given, *more, "--out", str(table), "--picture", str(picture)]) == 0
    with open(table, newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["curve", "radius", "value", "spread"]
    told = {(label, float(radius)): float(value) for label, radius, value, _ in rows}
    assert len(told) == 8
    for radius in (0.001, 0.5):
        assert told["certified exactly", radius] <= told["no attack succeeds", radius]
    assert picture.stat().st_size > 1000
    assert COMMANDS["curves"]([str(table)]) == 0  # drawn again without its runs
    assert "certified by smoothing" in capsys.readouterr().out
    assert COMMANDS["certify"]([*given, "--per-item"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert "radius Linf" in lines[0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["attack=pgd"], "not attack=pgd"),
        (["seed=3"], "not seed=3"),
        (["recommender=bprmf"], "shown feature vectors"),
        (["--share", "1"], "share in"),
        (["--sigma", "0"], "sigma > 0"),
        (["--per-item", "--seeds", "2"], "one table of one seed"),
        (["--seeds", "0"], "at least 1"),
    ],
)
def test_what_does_not_go_together_is_said_in_a_line(tmp_path, given, why):
    with pytest.raises((ConfigError, IncompatibleError), match=why) as refused:
        COMMANDS["certify"]([*given, *SMALL[:3], f"store={tmp_path}"])
    assert "\n" not in str(refused.value)
