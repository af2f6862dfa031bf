"""The world every test lives in: a colour per item, a favourite colour per user."""

import os
from pathlib import Path

import pytest
import torch

from vrbench.data.colours import colours
from vrbench.extractors.colour import Colour

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world():
    return colours()


@pytest.fixture(scope="session")
def extractor():
    return Colour().eval()


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data sets, which are not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VRBENCH_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data: set VRBENCH_DATA to a folder of data sets")
    return folder


@pytest.fixture(scope="session")
def published_weights():
    """The folder that scripts/weights fills; its files are not part of the project."""
    folder = Path(os.environ.get("VRBENCH_WEIGHTS", Path(__file__).parents[1] / "weights"))
    if not folder.is_dir():
        pytest.skip("no weights: run scripts/weights, or set VRBENCH_WEIGHTS to their folder")
    return folder
