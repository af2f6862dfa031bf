"""What is drawn on a CUDA device is what is drawn on the processor."""

from contextlib import contextmanager, nullcontext

import pytest
import torch

from tests.gpu.device import close, everywhere, on_device
from vrbench.attacks.wrapped import _own_dice
from vrbench.core.philox import Key, in_numpy, in_torch, words
from vrbench.core.seeds import Streams

DRAWS = {"uniform": (3, 5, 7), "normal": (3, 5, 7), "signs": (70,)}


@on_device
@pytest.mark.parametrize("kind", DRAWS)
def test_items_draw_there_what_they_draw_on_the_processor(kind):
    """To the bit."""
    items = torch.arange(300)

    def drawn(device):
        return getattr(Streams(0, "x"), kind)(items.to(device), *DRAWS[kind])

    expected, found = everywhere(drawn)
    assert found.std() > 0
    close(found, expected, rtol=0, atol=0)


@on_device
def test_whole_numbers_are_drawn_there_as_on_the_processor():
    items = torch.arange(9)
    expected, found = everywhere(lambda d: Streams(0, "x").integers(items.to(d), -3, 4, 11))
    assert torch.equal(found, expected)


@on_device
def test_words_are_the_same_there_and_in_numpy():
    key, items = Key.of("x"), torch.arange(4)

    def drawn(device):
        placed = items.to(device)
        plain = in_torch(key, placed, placed, 300)
        assert torch.equal(words(key, placed, placed, 1200).cpu(), plain.cpu())
        return plain

    expected, found = everywhere(drawn)
    assert torch.equal(found, expected)
    assert torch.equal(found, in_numpy(key, items, items, 300))


def test_a_library_draws_on_the_device_it_computes_on(monkeypatch):
    """Not on the one that happens to be current."""
    current, seeded = [0], []

    @contextmanager
    def on(device):
        current.append(device.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    monkeypatch.setattr(torch.cuda, "device", on)
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: seeded.append((current[-1], seed)))
    with _own_dice(7, torch.device("cuda:1")):
        assert seeded == [(1, 7)]
