"""What recommenders without features are tried with: sizes, scores, and a model of given ones."""

import torch

from vrbench.core.seeds import stream
from vrbench.recommenders.base import History, Recommender, Sizes

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


class Given(Recommender):
    """Scores that are written down."""

    name = "test.Given"
    signal = None

    def __init__(self, scores):
        super().__init__()
        self.register_buffer("scores", scores, persistent=False)

    def fit(self, train, valid, visuals, rng):
        return History()

    def encode(self, items, visuals):
        return items

    def score(self, users, encoded):
        return self.scores[users][:, encoded]


def assert_all_learn(model):
    """Every parameter of a model that is taught by pairs gets a gradient."""
    model.loss(torch.arange(4), torch.arange(12).reshape(4, 3)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.to_dense().abs().sum() > 0, name
