"""The world every test lives in: a colour per item, a favourite colour per user."""

import os
from pathlib import Path

import pytest
import torch

from vrbench.extractors.toy import Colour
from vrbench.testing.world import toy_world

torch.set_num_threads(1)

TESTS = Path(__file__).parent
QUICK = (  # files under tests/, or single tests of them
    "core/test_seeds.py",
    "core/test_signatures.py",
    "core/test_spec.py",
    "core/test_visuals.py",
    "attacks/test_budget.py",
    "bench/test_machine.py",
    "data/test_interactions.py",
    "metrics/test_injected.py",
    "metrics/test_ranking.py",
    "recommenders/test_neighbours.py",
    "recommenders/test_ranking.py",
    "recommenders/test_rows.py",
    "gpu/test_runs.py::test_the_same_cells_run_on_the_processor[Popular]",
    "test_layers.py",
)


def pytest_ignore_collect(collection_path, config):
    """Leave out whole files that hold nothing quick: importing all takes longer than running it."""
    if config.option.markexpr != "quick" or not collection_path.name.startswith("test_"):
        return None
    name = collection_path.relative_to(TESTS).as_posix()
    return True if not any(name == quick.partition("::")[0] for quick in QUICK) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        name = item.path.relative_to(TESTS).as_posix()
        test = f"{name}::{item.name}"
        if (name in QUICK or test in QUICK) and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.quick)


@pytest.fixture(autouse=True)
def one_thread():
    """Give the next test one thread again: a command run in this process takes all cores."""
    yield
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world():
    return toy_world()


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
