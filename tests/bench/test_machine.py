import pytest
import torch
from omegaconf import OmegaConf

from vrbench.bench.machine import Machine
from vrbench.cli.folders import conf_dir
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


@pytest.mark.parametrize(
    ("cards", "device", "of_jobs"),
    [
        (3, "cuda", ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
        (3, "cuda:1", ["cuda:1"] * 4),
        (1, "cuda", ["cuda"] * 4),
        (3, "cpu", ["cpu"] * 4),
    ],
)
def test_jobs_take_turns_at_the_cards(monkeypatch, cards, device, of_jobs):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    machine = Machine(device=device, threads=1)
    assert [machine.of_job(n) for n in range(4)] == [
        Machine(device=name, threads=1) for name in of_jobs
    ]


@pytest.mark.parametrize(
    ("choice", "where", "cpus", "cards"),
    [
        ("ray", "hydra.launcher.ray.remote", "num_cpus", "num_gpus"),
        ("slurm", "hydra.launcher", "cpus_per_task", "gpus_per_node"),
    ],
)
@pytest.mark.parametrize(
    ("device", "threads", "asked"),
    [
        ("cpu", 2, (2, None)),
        ("cuda", 4, (4, 1)),
        ("cuda:1", 2, (2, 1)),
        ("cpu", None, (None, None)),
    ],
)
def test_launchers_ask_for_what_a_cell_needs(choice, where, cpus, cards, device, threads, asked):
    cfg = OmegaConf.load(conf_dir() / "machine" / f"{choice}.yaml")
    cfg.machine.device, cfg.machine.threads = device, threads
    launcher = OmegaConf.select(cfg, where)
    assert (launcher[cpus], launcher[cards]) == asked


def test_float32_is_float32():
    allowed = (torch.backends.cuda.matmul, torch.backends.cudnn)
    for place in allowed:
        place.allow_tf32 = True
    Machine().use()
    assert [place.allow_tf32 for place in allowed] == [False, False]
    assert torch.get_float32_matmul_precision() == "highest"
