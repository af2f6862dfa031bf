"""Simulated annealing finds the bottom of a bowl sooner than chance, inside every range."""

from statistics import median

import pytest

optuna = pytest.importorskip("optuna")
from vrbench.bench.annealing import SHRINK, AnnealingSampler  # noqa: E402

SEEDS = range(5)
TRIALS = 40


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def bowl(trial):
    """Zero at x = 1, y = .01, k = 30 and b."""
    x = trial.suggest_float("x", -4, 4) - 1
    y = trial.suggest_float("y", 1e-4, 1, log=True) / 0.01
    k = (trial.suggest_int("k", 0, 100, step=10) - 30) / 50
    off = 0.0 if trial.suggest_categorical("z", ("a", "b", "c")) == "b" else 1.0
    return x**2 + (y - 1) ** 2 / (y + 1) + k**2 + off


def found(sampler, direction="minimize"):
    study = optuna.create_study(sampler=sampler, direction=direction)
    sign = 1 if direction == "minimize" else -1
    study.optimize(lambda trial: sign * bowl(trial), n_trials=TRIALS)
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_gets_nearer_than_chance_at_equal_trials(direction):
    annealed = [abs(found(AnnealingSampler(s), direction).best_value) for s in SEEDS]
    random = [abs(found(optuna.samplers.RandomSampler(s), direction).best_value) for s in SEEDS]
    assert median(annealed) < 0.5 * median(random)


def test_what_it_draws_is_in_the_range_and_on_the_step():
    study = found(AnnealingSampler(0))
    assert len(study.trials) == TRIALS
    assert {t.params["k"] for t in study.trials} <= set(range(0, 101, 10))
    assert all(1e-4 <= t.params["y"] <= 1 for t in study.trials)


def test_the_window_shrinks_with_the_trials_there_are():
    study = optuna.create_study()
    spread = optuna.distributions.FloatDistribution(0, 1)
    for n in range(90):
        value = 0.0 if n == 0 else 1.0
        trial = optuna.trial.create_trial(
            params={"x": 0.5}, distributions={"x": spread}, value=value
        )
        study.add_trial(trial)
    sampler = AnnealingSampler(0)
    drawn = [sampler.sample_independent(study, study.trials[0], "x", spread) for _ in range(200)]
    reach = 0.5 / (1 + SHRINK * 90)
    assert 0.5 - reach <= min(drawn) < 0.5 - 0.9 * reach
    assert 0.5 + 0.9 * reach < max(drawn) <= 0.5 + reach
