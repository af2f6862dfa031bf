"""What a search draws from, by quantiles known from tables, and how a space names it."""

from math import exp, log

import pytest
import yaml

from vrbench.bench.distributions import TAIL, Normal, Quantised
from vrbench.bench.space import DISTRIBUTIONS, Choices, Range, read_space
from vrbench.cli.elliot.spaces import space_of
from vrbench.core.errors import ConfigError, DataError

optuna = pytest.importorskip("optuna")
ONE = 0.841344746  # of a standard normal below one deviation


def drawn(values, share):
    """What a trial gets whose draw is ``share``."""
    return values.suggest(optuna.trial.FixedTrial({"k": share}), "k")


@pytest.mark.parametrize(
    ("told", "share", "wanted"),
    [
        (Normal(0, 1), 0.5, 0.0),
        (Normal(0, 1), 0.975, 1.96),
        (Normal(0, 1), 0.025, -1.96),
        (Normal(3, 2), ONE, 5.0),
        (Normal(log(0.01), log(10), log=True), 0.5, 0.01),
        (Normal(log(0.01), log(10), log=True), ONE, 0.1),
        (Normal(0, 1, log=True), ONE, exp(1)),
        (Normal(3.2, 2, q=0.5), 0.5, 3.0),
        (Normal(3.2, 2, q=0.5), ONE, 5.0),
        (Normal(log(100), log(2), log=True, q=16, whole=True), 0.5, 96),
        (Normal(log(100), log(2), log=True, q=16, whole=True), ONE, 192),
        (Quantised(0, 1, 0.25), 0.3, 0.25),
        (Quantised(0.1, 0.9, 0.25), 0.1, 0.25),
        (Quantised(0.1, 0.9, 0.25), 0.9, 0.75),
        (Quantised(8, 128, 8, log=True, whole=True), 21.0, 24),
    ],
)
def test_a_draw_is_the_quantile_that_tables_say(told, share, wanted):
    assert drawn(told, share) == pytest.approx(wanted, rel=1e-3, abs=1e-6)
    assert isinstance(drawn(told, share), int if told.whole else float)


def test_the_shares_that_are_drawn_have_no_end_beyond_numbers():
    assert Normal(0, 1).quantile(TAIL) == pytest.approx(-3.719, abs=1e-3)
    assert Normal(0, 1).quantile(1 - TAIL) == pytest.approx(3.719, abs=1e-3)


def test_a_sampler_draws_what_the_distribution_says():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    kinds = {
        "n": Normal(2, 0.5),
        "ln": Normal(-3, 1, log=True),
        "q": Quantised(0, 10, 2.5),
        "lq": Quantised(1, 1000, 1, log=True, whole=True),
    }
    found = {name: [] for name in kinds}
    for _ in range(400):
        trial = study.ask()
        for name, values in kinds.items():
            found[name].append(values.suggest(trial, name))

    def median(name):
        return sorted(found[name])[200]

    assert median("n") == pytest.approx(2, abs=0.1)
    assert log(median("ln")) == pytest.approx(-3, abs=0.2)
    assert set(found["q"]) == {0.0, 2.5, 5.0, 7.5, 10.0}
    assert median("lq") == pytest.approx(31.6, rel=0.4)


def test_grids_of_distributions():
    assert Quantised(0.1, 1.0, 0.25).grid("k") == [0.25, 0.5, 0.75, 1.0]
    assert Normal(0, 1, points=2).grid("k") == pytest.approx([-0.6745, 0.6745])
    with pytest.raises(ConfigError, match="k: a grid needs points"):
        Normal(0, 1).grid("k")


def told(text, tmp_path):
    (tmp_path / "a.yaml").write_text(f"r.lr: {text}\n")
    return read_space("a", {"a": tmp_path / "a.yaml"}, ["r.lr"])["r.lr"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{distribution: choice, choices: [1, 2]}", Choices((1, 2))),
        ("{distribution: uniform, low: 1, high: 2}", Range(1, 2)),
        ("{distribution: loguniform, low: 1e-3, high: 1}", Range(1e-3, 1, log=True)),
        ("{distribution: randint, low: 1, high: 9, points: 3}", Range(1, 9, whole=True, points=3)),
        (
            "{distribution: quniform, low: 1, high: 9, q: 2, int: true}",
            Quantised(1, 9, 2, False, 1),
        ),
        ("{distribution: qloguniform, low: 1, high: 9, q: 0.5}", Quantised(1, 9, 0.5, log=True)),
        ("{distribution: normal, mean: 1, std: 9}", Normal(1, 9)),
        ("{distribution: lognormal, mean: -6, std: 1, points: 4}", Normal(-6, 1, True, points=4)),
        ("{distribution: qnormal, mean: 1, std: 9, q: 0.5}", Normal(1, 9, q=0.5)),
        ("{distribution: qlognormal, mean: 1, std: 2, q: 1, int: true}", Normal(1, 2, True, 1, 1)),
    ],
)
def test_a_space_names_a_distribution(tmp_path, text, wanted):
    assert told(text, tmp_path) == wanted


def test_every_distribution_is_tried_above():
    cases = test_a_space_names_a_distribution.pytestmark[0].args[1]
    assert {text.split()[1].rstrip(",") for text, _ in cases} == set(DISTRIBUTIONS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{distribution: loguniforn, low: 1, high: 2}", "did you mean 'loguniform'"),
        ("{distribution: 3}", "no distribution 3"),
        ("{distribution: uniform, low: 1}", "uniform expects high and low, perhaps points"),
        ("{distribution: uniform, low: 1, high: 2, q: 1}", "uniform expects high and low"),
        ("{distribution: loguniform, low: 0, high: 2}", "log needs low > 0"),
        ("{distribution: loguniform, low: 1, high: .inf}", "expected numbers low < high"),
        ("{distribution: randint, low: 0.5, high: 2}", "expected integers"),
        ("{distribution: normal, mean: 0, std: 0}", "expected numbers mean and std > 0"),
        ("{distribution: normal, mean: many, std: 1}", "expected numbers mean and std > 0"),
        ("{distribution: lognormal, mean: 1000, std: 1}", "those of the logarithm"),
        ("{distribution: quniform, low: 0, high: 1, q: 0}", "a number q > 0"),
        ("{distribution: quniform, low: 0.1, high: 0.2, q: 1}", "multiples of q in the range"),
        ("{distribution: quniform, low: 0, high: 1, q: 1e-9}", "multiples of q in the range"),
        ("{distribution: quniform, low: 0, high: 1, q: .5, int: true}", "need a whole q"),
        ("{distribution: qnormal, mean: 0, std: 1, q: 1, points: 1}", "points >= 2"),
    ],
)
def test_mistakes_in_a_distribution_are_one_line(tmp_path, text, says):
    with pytest.raises(DataError, match=says) as error:
        told(text, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (["normal", 1, 2], Normal(1, 2)),
        (["lognormal", -6, 1], Normal(-6, 1, log=True)),
        (["qnormal", 64, 16, 8], Normal(64, 16, q=8, whole=True)),
        (["qlognormal", 0, 1, 0.5], Normal(0, 1, log=True, q=0.5)),
    ],
)
def test_elliots_normal_functions_are_spaces_here(tmp_path, told, wanted):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"r.lr": space_of("here", told)}))
    assert read_space("a", {"a": tmp_path / "a.yaml"}, ["r.lr"])["r.lr"] == wanted
    with pytest.raises(ConfigError, match="is no space"):
        space_of("here", [told[0], 0, -1, *told[3:]])
