"""What every contract gives to its tests."""

import pytest

from vrbench.data.dataset import Dataset
from vrbench.extractors.toy import Colour
from vrbench.testing.world import toy_world


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
