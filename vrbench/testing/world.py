"""The world in which contracts test: a colour per item, a favourite colour per user."""

from functools import cache

import pytest

from vrbench.data.colours import colours
from vrbench.data.dataset import Dataset
from vrbench.extractors.colour import Colour


@cache
def toy_world() -> Dataset:
    """Return 36 items and 30 users; who likes red buys red items, and no other."""
    return colours()


class ToyWorld:
    """Gives tests a shop whose right answers are known, and a network that sees colours."""

    @pytest.fixture
    def world(self) -> Dataset:
        """Return the one shop that all tests share."""
        return toy_world()

    @pytest.fixture
    def extractor(self) -> Colour:
        """Return an extractor that needs no training."""
        return Colour().eval()
