import pytest
import torch

from tests.http_service import Service
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.external.http import HttpDoor


@pytest.fixture
def feedback():
    """Feedback of no pattern, so that hardly any similarities are equal; ratings beside it."""
    users, items = torch.nonzero(torch.rand(30, 36, generator=stream(4)) < 0.4, as_tuple=True)
    ratings = torch.randint(1, 6, users.shape, generator=stream(5)).float()
    return Interactions.of(users, items, 30, 36, None, ratings)


@pytest.fixture
def serve():
    """Begin real servers, which end with the test."""
    begun = []

    def start(*args, **kwargs):
        begun.append(Service(*args, **kwargs))
        return begun[-1]

    yield start
    for service in begun:
        service.shutdown()
        service.server_close()


@pytest.fixture
def naps(monkeypatch):
    """No time passes but what is waited."""
    waited = []
    monkeypatch.setattr(HttpDoor, "sleep", staticmethod(waited.append))
    monkeypatch.setattr(HttpDoor, "clock", staticmethod(lambda: sum(waited)))
    return waited
