"""Draws for data: golden, since nothing about them may ever change."""

import hashlib

import numpy as np
import pytest

from vrbench.core.dice import Dice


def told(drawn):
    return hashlib.sha256(np.ascontiguousarray(drawn).astype("<f8").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("draw", "golden"),
    [
        (lambda d: d.words(4), [1201481246, 2915874515, 386841838, 3202889462]),
        (lambda d: d.integers(10, 6), [6, 5, 8, 2, 7, 1]),
        (lambda d: d.order(8), [6, 2, 0, 5, 3, 1, 7, 4]),
        (lambda d: d.uniform(2), [0.9109033007168484, 0.46056306158581495]),
        (lambda d: d.normal(2), [-0.14286966039799154, -0.5191087941639125]),
    ],
)
def test_numbers_never_change(draw, golden):
    assert draw(Dice(7, "golden")).tolist() == golden


def test_long_draws_never_change():
    d = Dice(0, "golden", "long")
    assert told(d.order(1000)) == "1a1b74b6e8b58715"
    assert told(d.uniform(1000)) == "86abb8b26a16d6c7"
    assert told(d.normal(1000)) == "d489c88066c2059c"


def test_draws_depend_on_names_and_come_one_after_another():
    assert Dice(0, "a").order(50).tolist() != Dice(0, "b").order(50).tolist()
    assert Dice(0, "a").order(50).tolist() != Dice(1, "a").order(50).tolist()
    one, two = Dice(0, "a"), Dice(0, "a")
    assert one.words(6).tolist() == [*two.words(2), *two.words(4)]


def test_shares_are_right():
    d = Dice(0, "shares")
    u, z = d.uniform(20_000), d.normal(20_000)
    assert 0 <= u.min() < 0.001
    assert 0.999 < u.max() < 1
    assert np.quantile(u, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)
    assert (z.mean(), z.std()) == pytest.approx((0, 1), abs=0.03)
    assert np.quantile(z, [0.025, 0.16, 0.975]) == pytest.approx([-1.96, -0.994, 1.96], abs=0.06)
    assert np.bincount(d.integers(4, 20_000)) / 20_000 == pytest.approx([0.25] * 4, abs=0.02)
    first = [int(d.order(3)[0]) for _ in range(3000)]
    assert np.bincount(first) / 3000 == pytest.approx([1 / 3] * 3, abs=0.04)
    assert sorted(d.order(100)) == list(range(100))
    assert [d.order(n).tolist() for n in (0, 1)] == [[], [0]]
    assert all(-2 <= d.between(-2, 3) < 3 for _ in range(100))
