import pytest
import torch

from vrbench.bench.machine import Machine
from vrbench.core.errors import ConfigError, IncompatibleError


@pytest.mark.parametrize("device", ["mps", "meta", "xpu", "gpuu", "cuda:x", ""])
def test_a_device_that_cannot_do_it_all_is_refused(device):
    with pytest.raises(ConfigError, match="expected cpu, cuda or cuda:n"):
        Machine(device=device)


def test_a_card_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    Machine(device="cuda"), Machine(device="cuda:1")
    with pytest.raises(IncompatibleError, match="this machine has 2 CUDA devices"):
        Machine(device="cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(IncompatibleError, match="no CUDA device"):
        Machine(device="cuda")


def test_float32_is_float32():
    allowed = (torch.backends.cuda.matmul, torch.backends.cudnn)
    for place in allowed:
        place.allow_tf32 = True
    Machine().use()
    assert [place.allow_tf32 for place in allowed] == [False, False]
    assert torch.get_float32_matmul_precision() == "highest"
