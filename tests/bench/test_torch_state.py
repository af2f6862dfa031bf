"""What a caller set globally in torch reaches no number."""

from contextlib import contextmanager

import pytest
import torch

from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.standard import Standard
from vrbench.testing.world import parts


@contextmanager
def default(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def measured(folder):
    network = Standard(SmallCNN(), epochs=1, batch_size=16)
    return run(**parts(extractor=network), store=Store(folder)).rows


@pytest.mark.parametrize(
    "around",
    [
        lambda: default(torch.float64),
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    ],
    ids=["float64", "no_grad", "inference_mode", "autocast"],
)
def test_a_run_is_the_same_whatever_torch_was_told_before(around, tmp_path):
    plain = measured(tmp_path / "plain")
    with around():
        assert measured(tmp_path / "around") == plain
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
