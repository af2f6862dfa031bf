import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions


@pytest.fixture
def feedback():
    """Feedback of no pattern, so that hardly any similarities are equal; ratings beside it."""
    users, items = torch.nonzero(torch.rand(30, 36, generator=stream(4)) < 0.4, as_tuple=True)
    ratings = torch.randint(1, 6, users.shape, generator=stream(5)).float()
    return Interactions.of(users, items, 30, 36, None, ratings)
