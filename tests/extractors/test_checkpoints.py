"""The published layouts, made small; and what must not be let in."""

import pickle
import sys
import types

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vrbench.core.errors import DataError, MissingDataError
from vrbench.extractors.checkpoints import load_checkpoint, read_state


def network():
    """Named like torchvision's ResNet: conv1, bn1, layer1.0.conv1, fc."""
    net = nn.Module()
    net.conv1, net.bn1 = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
    block = nn.Module()
    block.conv1, block.bn1 = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4)
    net.layer1 = nn.Sequential(block)
    net.fc = nn.Linear(4, 10)
    return net


STATE = network().state_dict()


def holds(path):
    net = network()
    origin = load_checkpoint(path, net)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in STATE.items())
    assert len(origin["sha256"]) == 64
    return origin


def test_plain_state_dicts(tmp_path):
    torch.save(STATE, tmp_path / "a.pth")
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("a.pth", "a.safetensors", "old.pth"):
        assert holds(tmp_path / name)["file"] == name


def test_free_and_fast_adversarial_training(tmp_path):
    held = {
        "epoch": 23,
        "arch": "resnet50",
        "state_dict": {f"module.{k}": v for k, v in STATE.items()},
        "best_prec1": torch.tensor(60.2),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    }
    torch.save(held, tmp_path / "model_best.pth.tar")
    holds(tmp_path / "model_best.pth.tar")


def test_robustbench(tmp_path):
    held = {f"model.{k}": v for k, v in STATE.items()}
    held |= {"normalize.mean": torch.zeros(3), "normalize.std": torch.ones(3)}
    torch.save(held, tmp_path / "rb.pt")
    holds(tmp_path / "rb.pt")
    torch.save(
        {"state_dict": {f"module.model.{k}": v for k, v in STATE.items()}}, tmp_path / "b.pt"
    )
    holds(tmp_path / "b.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_madrylab_with_objects_of_its_own_library(tmp_path, zipped):
    """`imagenet_linf_4.pt` holds schedules of classes that are not installed here."""
    library = types.ModuleType("robustness")
    library.Schedule = type("Schedule", (), {"__module__": "robustness"})
    sys.modules["robustness"] = library
    try:
        schedule = library.Schedule()
        schedule.milestones = [50, 100]
        model = {f"module.model.{k}": v for k, v in STATE.items()}
        model |= {f"module.attacker.model.{k}": v for k, v in STATE.items()}
        for part in ("module.normalizer", "module.attacker.normalize"):
            model |= {f"{part}.new_mean": torch.zeros(3), f"{part}.new_std": torch.ones(3)}
        held = {"model": model, "optimizer": {}, "schedule": schedule, "epoch": 150, "amp": None}
        path = tmp_path / "imagenet_linf_4.pt"
        torch.save(held, path, _use_new_zipfile_serialization=zipped)
    finally:
        del sys.modules["robustness"]
    holds(path)


class Hostile:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", ["system", "eval", "getattr"])
def test_a_hostile_file_is_refused_and_nothing_runs(tmp_path, zipped, kind):
    import os

    mark = tmp_path / "ran"
    made = (
        {
            "system": Hostile(os.system, f"touch {mark}"),
            "eval": Hostile(eval, f"open({str(mark)!r}, 'w')"),
            "getattr": Hostile(getattr, os, "system"),
        }[kind]
        if kind != "getattr"
        else Hostile(os.mkdir, str(mark))
    )
    path = tmp_path / "bad.pt"
    torch.save({"state_dict": STATE, "x": made}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="is refused: it asks for"):
        read_state(path)
    assert not mark.exists()


def test_a_bare_hostile_pickle_is_refused(tmp_path):
    import os

    path = tmp_path / "bad.pth"
    path.write_bytes(pickle.dumps(Hostile(os.system, f"touch {tmp_path / 'ran'}")))
    with pytest.raises(DataError):
        read_state(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_torchscript_program_is_refused(tmp_path):
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(str(tmp_path / "p.pt"))
    with pytest.raises(DataError, match="TorchScript program"):
        read_state(tmp_path / "p.pt")


def test_another_architecture_is_named(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"another architecture: it lacks 'bn1\.bias' and has"):
        load_checkpoint(tmp_path / "other.pth", network())
    torch.save(STATE | {"fc.weight": torch.zeros(7, 4)}, tmp_path / "head.pth")
    with pytest.raises(DataError, match=r"'fc.weight' has shape \(7, 4\), .* \(10, 4\)"):
        load_checkpoint(tmp_path / "head.pth", network())


def test_damaged_empty_and_missing_files_are_named(tmp_path):
    torch.save(STATE, tmp_path / "cut.pth")
    whole = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"1234")
    for name in ("cut.pth", "empty.pth", "none.pth", "cut.safetensors"):
        with pytest.raises(DataError, match=name):
            read_state(tmp_path / name)
    with pytest.raises(MissingDataError, match="put the published file there"):
        read_state(tmp_path / "absent.pth")
