"""EfficientNet-Lite with the weights that scripts/weights fetches."""

import pytest
import timm
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file, save_file

from vrbench.cli import conf_dir
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal
from vrbench.core.weights import FINGERPRINTS, fingerprint
from vrbench.extractors.pretrained.timm_networks import Timm

PIXELS = torch.rand(2, 3, 64, 48, generator=stream(0))
LITE = "tf_efficientnet_lite0"


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A Lite 0 of random weights that passes for the published one; and its file."""
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(tmp_path))
    network = timm.create_model(LITE, pretrained=False).eval()
    state = {k: v.contiguous() for k, v in network.state_dict().items()}
    save_file(state, tmp_path / f"{LITE}.safetensors")
    monkeypatch.setitem(FINGERPRINTS, LITE, fingerprint(state))
    return network


def by_hand(network, pixels, size):
    large = F.interpolate(
        pixels, (size, size), mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)
    with torch.no_grad():
        return network((large - 0.5) / 0.5)


def test_logits_are_timms_on_pictures_of_its_size_between_minus_one_and_one(drawn):
    made = Timm(arch=LITE, weights="published", size=224, head="own").eval()
    assert torch.allclose(made(PIXELS).logits, by_hand(drawn, PIXELS, 224), atol=1e-5)
    assert made.prepared(torch.zeros(1, 3, 8, 8)).unique().tolist() == [-1]
    assert made.prepared(torch.ones(1, 3, 224, 224)).unique().tolist() == [1]
    assert made.spec["weights"] == made.origin["sha256"] == FINGERPRINTS[LITE]
    assert made.classes[770] == "running shoe"


def test_gradients_flow_to_the_pixels_as_they_were_uploaded(drawn):
    made = Timm(arch=LITE, weights="published", size=224, head="own").eval()
    x = PIXELS.clone().requires_grad_()
    made.see(x, Signal.VECTOR).square().sum().backward()
    assert x.grad.shape == PIXELS.shape
    assert (x.grad.flatten(1).abs() > 0).float().mean() > 0.9


def test_missing_and_false_weights_are_one_line(drawn, tmp_path, monkeypatch):
    monkeypatch.setitem(FINGERPRINTS, LITE, "0" * 64)
    with pytest.raises(DataError, match="does not hold the published weights"):
        Timm(arch=LITE, weights="published", size=224, head="own")
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(MissingDataError, match=r"fetch them with `bash scripts/weights`"):
        Timm(arch=LITE, weights="published", size=224, head="own")


@pytest.mark.parametrize(("version", "size"), [(0, 224), (1, 240), (2, 260)])
def test_the_published_weights_are_timms(published_weights, monkeypatch, version, size):
    path = published_weights / f"tf_efficientnet_lite{version}.safetensors"
    if not path.is_file():
        pytest.skip(f"no {path.name}: run scripts/weights")
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(published_weights))
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("run", overrides=[f"extractor=efficientnet_lite{version}"]).extractor
    assert cfg.size == size
    made = Timm(arch=cfg.arch, weights=cfg.weights, size=cfg.size, head=cfg.head).eval()
    network = timm.create_model(path.stem, pretrained=False).eval()
    network.load_state_dict(load_file(path))
    assert torch.allclose(made(PIXELS).logits, by_hand(network, PIXELS, size), atol=1e-4)


@pytest.mark.parametrize("regime", ["probe", "finetune", "adversarial", "free"])
def test_every_regime_takes_every_size(regime):
    for n, size in enumerate((224, 240, 260)):
        whose = f"extractor@extractor.network=efficientnet_lite{n}"
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            cfg = compose("run", overrides=[f"extractor=efficientnet_{regime}", whose]).extractor
        assert cfg.network == {
            "_target_": "vrbench.extractors.pretrained.Timm",
            "arch": f"tf_efficientnet_lite{n}",
            "weights": "published",
            "size": size,
            "head": "catalogue",
        }
        assert cfg.part == ("head" if regime == "probe" else "all")
