import pytest
import torch
from torch import nn
from torchvision import models

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal
from vrbench.extractors.pretrained.library import MEAN, STD
from vrbench.extractors.pretrained.timm_networks import Timm
from vrbench.extractors.pretrained.torchvision_networks import Torchvision

PIXELS = torch.rand(2, 3, 64, 64, generator=stream(0))


TORCHVISION = (
    ("resnet18", None, 4),
    ("mobilenet_v3_small", None, 4),
    ("densenet121", None, 4),
    ("vgg11", None, 4),
    ("alexnet", None, 1),
    ("convnext_tiny", None, 4),
    ("vit_b_16", 224, 196),
)
TIMM = (
    ("resnet18", None, 4),
    ("mobilenetv3_small_100", None, 4),
    ("efficientnet_b0", None, 4),
    ("convnext_atto", None, 4),
    ("vit_tiny_patch16_224", 64, 16),
    ("swin_tiny_patch4_window7_224", 224, 49),
)


@pytest.mark.parametrize(
    ("library", "arch", "size", "cells"),
    [(Torchvision, *network) for network in TORCHVISION] + [(Timm, *network) for network in TIMM],
)
def test_networks_yield_all_three_in_one_pass(library, arch, size, cells):
    network = library(arch=arch, size=size)
    network.build(("a", "b", "c"))
    network.eval()
    features = network(PIXELS)
    assert features.logits.shape == (2, 3)
    assert features.maps.shape[:2] == (2, cells)
    assert torch.allclose(network.head_module()(features.vector), features.logits, atol=1e-5)


def test_the_maps_of_a_resnet_average_to_its_vector():
    network = Torchvision(arch="resnet18").eval()
    features = network(PIXELS)
    assert torch.allclose(features.maps.mean(1), features.vector, atol=1e-5)


def test_resizing_is_inside_and_differentiable():
    network = Torchvision(arch="resnet18", size=96).eval()
    x = PIXELS.clone().requires_grad_()
    vector = network.see(x, Signal.VECTOR)
    vector.sum().backward()
    assert x.grad.abs().sum() > 0
    assert network(PIXELS).maps.shape[1] == 9


def test_a_copy_does_not_report_to_the_original():
    import copy

    network = Torchvision(arch="resnet18").eval()
    other = copy.deepcopy(network)
    other.network.conv1.weight.data.zero_()
    a, b, c = network(PIXELS).vector, other(PIXELS).vector, network(PIXELS).vector
    assert torch.equal(a, c)
    assert not torch.equal(a, b)


def test_a_file_of_weights_is_used_and_named_by_its_hash(tmp_path):
    from torchvision.models import resnet18

    path = tmp_path / "w.pth"
    torch.save(resnet18(num_classes=1000).state_dict(), path)
    network = Torchvision(arch="resnet18", weights=str(path), head="own")
    saved = torch.load(path, weights_only=True)
    assert torch.equal(network.network.conv1.weight, saved["conv1.weight"])
    assert network.spec["weights"] == network.origin["sha256"]
    assert network.classes[770] == "running shoe"
    assert len(set(network.classes)) == 1000
    assert not network.learns


def test_missing_weights_say_where_and_how(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(MissingDataError, match=r"resnet18-f37072fd\.pth: fetch them with `curl"):
        Torchvision(arch="resnet18", weights="IMAGENET1K_V1", head="own")
    with pytest.raises(MissingDataError, match="hf download timm/resnet18"):
        Timm(arch="resnet18", weights="published", head="own")


def test_a_false_file_under_an_official_name_is_refused(tmp_path, monkeypatch):
    from torchvision.models import resnet18

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(resnet18().state_dict(), tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
    with pytest.raises(DataError, match="is not the published file"):
        Torchvision(arch="resnet18", weights="IMAGENET1K_V1", head="own")


def test_mistakes_name_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'resnet50'"):
        Torchvision(arch="resnet5O")
    with pytest.raises(ConfigError, match="did you mean 'resnet50"):
        Timm(arch="resnet5O")
    with pytest.raises(ConfigError, match="has no weights 'IMAGENET1K_V3'; did you mean"):
        Torchvision(arch="resnet50", weights="IMAGENET1K_V3", head="own")
    with pytest.raises(ConfigError, match="head=catalogue"):
        Torchvision(arch="resnet18", head="own")


@pytest.mark.parametrize("arch", ["googlenet", "inception_v3"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_networks_from_elsewhere_are_shown_what_torchvision_shows_them(tmp_path, arch):
    """pytorch/vision#4136: the change of scale is made only where torchvision loads weights."""
    torch.manual_seed(0)
    whole = models.get_model(arch, weights=None, init_weights=False)
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(0.01)  # an untrained network fades away
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    mine = Torchvision(arch=arch, weights=str(tmp_path / "w.pth"), size=None, head="own").eval()
    whole.transform_input = True  # as models.get_model(arch, weights="DEFAULT") does
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        wanted = whole.eval()((x - mine.mean) / mine.std)
        assert torch.allclose(mine(x).logits, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max())
        whole.transform_input = False
        other = whole((x - mine.mean) / mine.std)
    assert not torch.allclose(other, wanted, rtol=1e-2, atol=1e-2 * wanted.abs().max())


def test_weights_that_were_taught_on_another_scale_are_shown_it(monkeypatch):
    monkeypatch.setattr(Torchvision, "fill", lambda self: {"sha256": "0"})
    monkeypatch.setattr(models, "get_model", lambda *_, **__: nn.Sequential(nn.Linear(3, 1000)))

    def shown(arch, weights):
        made = Torchvision(arch=arch, weights=weights, head="own" if weights else "catalogue")
        return made.mean.flatten().tolist(), made.std.flatten().tolist(), made.spec.get("shown")

    half = [0.5] * 3
    imagenet = [pytest.approx(list(MEAN)), pytest.approx(list(STD)), None]
    assert shown("efficientnet_v2_l", "IMAGENET1K_V1")[:2] == (half, half)
    assert shown("efficientnet_v2_l", "my.pth")[2] is not None, "it is in the key"
    assert list(shown("efficientnet_v2_s", None)) == imagenet
    assert list(shown("vgg16", "my.pth")) == imagenet
    features = [pytest.approx(1 / 255)] * 3
    assert shown("vgg16", "vgg16_features-amdegroot-88682ab5.pth")[1] == features


@pytest.mark.parametrize("library", [Torchvision, Timm])
def test_a_name_of_thousands_of_letters_gets_a_short_line(library):
    with pytest.raises(ConfigError) as told:
        library(arch="a" * 2000)
    assert "aaaa" in str(told.value)
    assert len(str(told.value)) < 200
