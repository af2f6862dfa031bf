"""A service is sent no more requests than a run may send, however often it fails."""

from collections import Counter
from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.recommenders import External
from vrbench.testing.world import taught, toy_visuals


def made(url, **settings):
    return taught(partial(External, url=url, release="1", recheck=False, **settings))


def ask(model, item):
    shown = model.encode(torch.tensor([item]), toy_visuals(model.signal))
    return model.score(torch.arange(2), shown)


def test_what_is_sent_again_counts(serve, naps):
    service = serve(troubles=[503, 429, 500])
    model = made(service.url, limit=5)
    ask(model, 0)
    assert (model.asked, model.told()["requests"], len(service.heard)) == (1, 4, 4)
    assert model.settled() == f"4 requests sent to {service.url}"
    ask(model, 1)
    with pytest.raises(ConfigError, match=r"5 requests were sent.*raise recommender\.limit"):
        ask(model, 2)
    assert len(service.heard) == 5


def test_a_service_that_only_fails_is_left_at_the_limit(serve, naps):
    service = serve(troubles=[503] * 20)
    with pytest.raises(ConfigError, match="3 requests were sent, those sent again included"):
        ask(made(service.url, limit=3, retries=9), 0)
    assert len(service.heard) == 3


def test_all_models_of_a_run_share_one_limit(serve, tmp_path):
    """A scenario that picks its target by clean lists asks through a model of its own."""
    service, sent = serve(), Counter()
    first, second = (made(service.url, limit=3) for _ in range(2))
    other = made(service.url, limit=3, gives="ranks")
    for number, model in enumerate((first, second, other)):
        model.keep_in(tmp_path / str(number), sent)
    for item in (0, 1):
        ask(first, item)
    ask(second, 2)
    with pytest.raises(ConfigError, match="3 requests were sent"):
        ask(second, 3)
    assert first.requests == second.requests == len(service.heard) == 3
    assert other.requests == 0  # who is asked for something else is another one
