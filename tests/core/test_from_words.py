"""What becomes of random words, by hand and as distributions."""

import zlib

import numpy as np
import torch
from scipy import stats

from vrbench.core import from_words
from vrbench.core.philox import Key, words

DRAWN = words(Key.of("a test"), torch.tensor([1, 2]), torch.tensor([0, 0]), 20_000)
WORD = torch.tensor([[0x7FFFFFFF00000100]])  # halves 256 and the largest; quarters 256, 0, -1, 7fff


def test_uniform_numbers_are_the_upper_24_bits_of_halves():
    assert from_words.uniform(WORD.clone())[0].tolist() == [0.5 + 2.0**-24, 1 - 2.0**-24]
    found = from_words.uniform(DRAWN.clone())
    assert found.shape == (2, 40_000)
    assert found.min() >= 0
    assert found.max() < 1
    assert stats.kstest(found.flatten().numpy(), "uniform").pvalue > 0.01


def test_normal_numbers_are_quantiles():
    table = from_words.quantiles(torch.device("cpu"))
    assert from_words.normal(WORD)[0].tolist() == table[[32768 + 256, 32768, 32767, 65535]].tolist()
    found = from_words.normal(DRAWN)
    assert found.shape == (2, 80_000)
    assert stats.kstest(found.flatten().numpy(), "norm").pvalue > 0.01


def test_the_table_of_quantiles_is_the_same_on_every_machine():
    table = from_words.quantiles(torch.device("cpu")).double()
    levels = (table * 2**20).numpy()
    assert np.array_equal(levels, levels.round())
    assert np.array_equal(levels, -levels[::-1])
    assert zlib.crc32(levels.astype("<i4").tobytes()) == 989020551
    assert abs(float(table.square().mean()) - 1) < 1e-6


def test_signs_are_bits_the_lowest_first():
    found = from_words.signs(WORD)
    assert found.shape == (1, 64)
    assert torch.nonzero(found[0] > 0).flatten().tolist() == [8, *range(32, 63)]
    drawn = from_words.signs(DRAWN)
    assert abs(float(drawn.mean())) < 3 / drawn.numel() ** 0.5


def test_integers_are_shares_of_halves():
    assert from_words.integers(WORD, -3, 5)[0].tolist() == [-3, 0]
    counts = torch.bincount(from_words.integers(DRAWN, 2, 9).flatten())[2:]
    assert len(counts) == 7
    assert stats.chisquare(counts.numpy()).pvalue > 0.01
