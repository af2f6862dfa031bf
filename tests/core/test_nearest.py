"""A word is suggested where it helps, and nowhere else."""

import pytest

from vrbench.core.errors import nearest

ATTACKS = ["pgd", "cw", "noise", "fgsm", "jpeg_75", "regression", "square", "vbpr", "vnpr"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("PGD", "pgd"),
        ("pdg", "pgd"),
        ("fgms", "fgsm"),
        ("jpeg", "jpeg_75"),
        ("reg", "regression"),
        ("regresion", "regression"),
        ("vbr", "vbpr"),
        ("noise_level", "noise"),
    ],
)
def test_a_slip_or_a_beginning_is_told(wrong, meant):
    assert nearest(wrong, ATTACKS) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize("wrong", ["nope", "mens", "attack", "x", "", 7, None, "hopskip"])
def test_what_is_like_nothing_is_not_guessed(wrong):
    assert nearest(wrong, [*ATTACKS, "denoise"]) == ""
