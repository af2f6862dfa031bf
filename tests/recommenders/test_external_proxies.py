"""Nothing goes through a proxy that nobody asked for, credentials least of all."""

from functools import partial

import pytest
import torch

from vrbench.core.errors import DataError
from vrbench.recommenders import External
from vrbench.testing.world import taught, toy_visuals

SECRET = "s3cr3t-of-the-shop"
AWAY = "http://127.0.0.2:9/rank"  # an address of no name, where nobody is


@pytest.fixture
def proxy(serve, monkeypatch):
    """A proxy that the environment names for everything."""
    found = serve()
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, found.url.removesuffix("/rank"))
    return found


def asked(url, **settings):
    model = taught(partial(External, url=url, release="1", retries=0, timeout=1, **settings))
    return model.score(torch.arange(2), model.encode(torch.arange(3), toy_visuals(External.signal)))


@pytest.mark.parametrize("proxies", [False, True])
def test_a_credential_for_this_machine_reaches_no_proxy(serve, proxy, monkeypatch, proxies):
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    shop = serve()
    assert asked(shop.url, token="SHOP_TOKEN", proxies=proxies).shape == (2, 3)
    assert [heard["Authorization"] for heard in shop.heard] == [f"Bearer {SECRET}"]
    assert proxy.heard == []


def test_a_proxy_of_the_environment_is_left_and_the_error_says_so(proxy):
    with pytest.raises(DataError, match=r"set recommender\.proxies=true if it is behind"):
        asked(AWAY)
    assert proxy.heard == []


def test_who_asks_for_the_proxy_gets_it(proxy):
    assert asked(AWAY, proxies=True).shape == (2, 3)
    assert [heard["Host"] for heard in proxy.heard] == ["127.0.0.2:9"]
