"""What recommenders without features are tried on: feedback of no pattern, learnt and scored."""

import torch

from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes

USERS, ALL = torch.arange(30), torch.arange(36)
SIZES = Sizes(len(USERS), len(ALL), ())


def fitted(make, train):
    """Return a model that has learnt ``train``."""
    model = make(SIZES)
    model.fit(train, train, None, stream(0))
    return model


def scores(model):
    """Return its ``(30, 36)`` scores."""
    return model.score(USERS, model.encode(ALL, None))
