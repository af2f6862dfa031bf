"""Every shipped metric does what every metric must do."""

import inspect
from functools import partial

import pytest

import vrbench.metrics
from vrbench.core.spec import parameters
from vrbench.metrics.base import Cutoff
from vrbench.testing.metrics import MetricContract

SHIPPED = [getattr(vrbench.metrics, name) for name in dir(vrbench.metrics)]
WITHOUT_WEIGHTS = [  # LPIPS comes with weights of its own; LPIPSUntrained is as it, without them
    kind
    for kind in SHIPPED
    if not inspect.isabstract(kind) and kind not in (Cutoff, vrbench.metrics.LPIPS)
]


def of_two_places(kind):
    """A metric whose lists, if it is about lists, are of two places."""
    return partial(kind, k=2) if any(p.name == "k" for p in parameters(kind)) else kind


@pytest.mark.parametrize("kind", WITHOUT_WEIGHTS, ids=lambda kind: kind.__name__)
class TestShipped(MetricContract):
    @pytest.fixture(autouse=True)
    def _make(self, kind, monkeypatch):
        monkeypatch.setattr(type(self), "make", staticmethod(of_two_places(kind)), raising=False)


def test_all_kinds_are_tried():
    assert len(WITHOUT_WEIGHTS) > 70
    assert {kind.per for kind in WITHOUT_WEIGHTS} == {"user", "image", "system"}
    assert sum(issubclass(kind, Cutoff) for kind in WITHOUT_WEIGHTS) > 20
