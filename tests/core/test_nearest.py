"""A word is suggested where it helps, and nowhere else."""

import pytest

from vrbench.core.errors import nearest, offered

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


def test_of_two_slips_the_one_of_equal_length_is_meant():
    assert nearest("stepz", ["step", "steps"]) == "; did you mean 'steps'?"
    assert nearest("stepz", ["step", "queries"]) == "; did you mean 'step'?"


def test_all_there_is_is_told_only_where_nothing_is_near():
    assert offered("pdg", ATTACKS) == "; did you mean 'pgd'?"
    assert offered("nope", ["a", "b"]) == " (there is: a, b)"
    many = [f"attack_{n}" for n in range(90)]
    assert offered("nope", many, "list attack") == " (`list attack` shows the 90 there are)"
