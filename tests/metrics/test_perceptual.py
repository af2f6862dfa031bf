import hashlib
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vrbench.core import lpips_network as module
from vrbench.core.errors import ConfigError, DataError, IncompatibleError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.core.weights import fingerprint
from vrbench.metrics.lpips import LPIPS, LPIPSUntrained, lpips
from vrbench.metrics.perceptual import L2, PSNR, SSIM, Linf


@pytest.fixture
def pair():
    rng = stream(0)
    clean = torch.rand(3, 3, 40, 32, generator=rng)
    return clean, (clean + 0.1 * torch.randn(clean.shape, generator=rng)).clamp(0, 1)


def as_image(x):
    return x.permute(1, 2, 0).double().numpy()


def test_psnr_and_ssim_are_those_of_scikit_image(pair):
    psnr, ssim = PSNR().compare(*pair), SSIM().compare(*pair)
    assert (SSIM(data_range=2.0).compare(*pair) > ssim).all()  # as in published code
    for n, (a, b) in enumerate(zip(*pair, strict=True)):
        a, b = as_image(a), as_image(b)
        assert psnr[n].item() == pytest.approx(
            peak_signal_noise_ratio(a, b, data_range=1), abs=1e-4
        )
        expected = structural_similarity(
            a,
            b,
            data_range=1,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        # scikit-image also counts windows of its padded border, except for the last 5 pixels
        assert ssim[n].item() == pytest.approx(expected, abs=1e-4)


def test_equal_pictures_are_left_out_of_psnr_and_perfect_in_ssim(pair):
    clean, _ = pair
    assert PSNR().compare(clean, clean).isnan().all()
    assert torch.allclose(SSIM().compare(clean, clean), torch.ones(3))
    with pytest.raises(IncompatibleError, match="at least 11 x 11"):
        SSIM().compare(clean[:, :, :8], clean[:, :, :8])


def test_lengths_are_in_grey_levels():
    clean = torch.zeros(2, 3, 4, 4)
    attacked = clean.clone()
    attacked[0, 0, 0, 0], attacked[0, 1, 2, 3] = 3 / 255, -4 / 255
    assert torch.allclose(L2().compare(clean, attacked), torch.tensor([5.0, 0.0]))
    assert torch.allclose(Linf().compare(clean, attacked), torch.tensor([4.0, 0.0]))


def test_the_untrained_baseline_has_its_own_name_and_leaves_the_global_state(pair):
    state = torch.get_rng_state()
    metric = lpips(net="untrained")
    first, second = metric.compare(*pair), metric.compare(*pair)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)
    assert metric.column == "LPIPS_untrained"
    assert (first > 0).all()
    assert LPIPSUntrained().compare(pair[0], pair[0]).abs().max() < 1e-6


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty hub folder and an empty folder of weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "weights").mkdir()
    return tmp_path


def test_without_weights_nothing_is_silent(nowhere, caplog):
    with pytest.raises(MissingDataError, match=r"alexnet-owt-7be5be79\.pth: fetch them with `curl"):
        LPIPS()
    with pytest.raises(MissingDataError, match=r"or `bash scripts/weights`$"):
        LPIPS(net="vgg")
    caplog.set_level("INFO")
    assert lpips().column == "LPIPS_untrained"
    assert "stands in for LPIPS" in caplog.text
    with pytest.raises(ConfigError, match="expected alex, vgg or squeeze"):
        LPIPS(net="alexnet")


def known(monkeypatch):
    """Return a SqueezeNet of random weights that passes for the published one."""
    from torchvision.models import squeezenet1_1

    network = squeezenet1_1()
    fake = fingerprint(network.features.state_dict())
    monkeypatch.setitem(module.FINGERPRINTS, "squeezenet1_1", fake)
    return network


def test_the_fingerprint_is_of_the_bytes_in_the_order_of_the_layers():
    layers = torch.nn.Sequential(*[torch.nn.Conv2d(2, 2, 1) for _ in range(12)])
    told = hashlib.sha256()
    for tensor in layers.state_dict().values():
        told.update(tensor.numpy().astype("<f4").tobytes())
    shuffled = dict(reversed(layers.state_dict().items()))
    assert fingerprint(shuffled) == told.hexdigest()


@pytest.mark.parametrize(
    ("place", "whole"),
    [
        ("weights/squeezenet1_1.safetensors", False),
        ("weights/squeezenet1_1-of-mine.pth", True),
        ("checkpoints/squeezenet1_1-b8a52dc0.pth", False),
    ],
)
def test_a_trunk_is_known_by_its_convolutions_wherever_it_lies(
    nowhere, monkeypatch, pair, place, whole
):
    network = known(monkeypatch)
    state = network.state_dict()
    held = state if whole else {k: v for k, v in state.items() if k.startswith("features.")}
    (save_file if place.endswith(".safetensors") else torch.save)(held, nowhere / place)
    found = LPIPS(net="squeeze").compare(*pair)
    assert torch.allclose(found, by_the_package(network, *pair), atol=1e-6)


def test_a_false_trunk_beside_a_right_one_does_no_harm(nowhere, monkeypatch):
    network = known(monkeypatch)
    false = {name: weight + 1 for name, weight in network.state_dict().items()}
    torch.save(false, nowhere / "checkpoints" / module.TRUNKS["squeeze"])
    with pytest.raises(DataError, match="is not the published file"):
        LPIPS(net="squeeze")
    save_file(network.state_dict(), nowhere / "weights" / "squeezenet1_1.safetensors")
    assert LPIPS(net="squeeze").column == "LPIPS squeeze"


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"classifier.1.weight": torch.zeros(2)}, "it has no features"),
        ({"features.0.weight": torch.zeros(2)}, "is not the published file"),
        ([1, 2], "something else than tensors"),
        (b"no file of torch", "is refused: it is no pickle"),
    ],
)
def test_a_damaged_trunk_is_one_line(nowhere, held, message):
    path = nowhere / "weights" / "alexnet.pth"
    path.write_bytes(held) if isinstance(held, bytes) else torch.save(held, path)
    with pytest.raises(DataError, match=message):
        LPIPS()


def by_the_package(network, clean, attacked):
    """Return the package's distances with the features of a SqueezeNet as its trunk."""
    import lpips as package

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    for piece in made.net.children():
        for place, layer in piece.named_children():
            layer.load_state_dict(network.features[int(place)].state_dict())
    large = [F.interpolate(x, scale_factor=2.0, mode="bilinear") for x in (clean, attacked)]
    return made(*large, normalize=True).flatten().detach()


@pytest.mark.parametrize(
    ("net", "file", "expected"),
    [
        ("alex", "alexnet.safetensors", [0.004596, 0.018514]),
        pytest.param("vgg", "vgg16.safetensors", [0.035009, 0.008245], marks=pytest.mark.slow),
    ],
)
def test_lpips_is_the_package_s_own_number(
    nowhere, monkeypatch, published_weights, net, file, expected
):
    """With the published trunk in the file that the package itself loads it from."""
    import lpips as package
    from torchvision import models

    if not (published_weights / file).is_file():
        pytest.skip(f"no {file}: run scripts/weights")
    whole = models.get_model(file.partition(".")[0], weights=None)
    whole.load_state_dict(load_file(published_weights / file), strict=False)
    torch.save(whole.state_dict(), nowhere / "checkpoints" / module.TRUNKS[net])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.LPIPS(net=net, verbose=False)
    clean, attacked = drawn()
    own = network(2 * clean - 1, 2 * attacked - 1).flatten().detach()
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(published_weights))
    (nowhere / "checkpoints" / module.TRUNKS[net]).unlink()
    found = LPIPS(net=net).compare(clean, attacked)
    assert found.tolist() == pytest.approx(own.tolist(), abs=1e-5)
    assert found.tolist() == pytest.approx(expected, abs=1e-4)  # the weights as published


def drawn():
    """Return two pictures of stripes and rings; and the same a little blurred, and darker."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing="ij")
    rings = (((x - 60) ** 2 + (y - 40) ** 2).sqrt() / 5).sin() / 2 + 0.5
    stripes = ((x + 2 * y) / 7).sin() / 2 + 0.5
    first = torch.stack([rings, stripes, (rings + stripes) / 2])
    clean = torch.stack([first, first.flip(0, 1)])
    blurred = F.avg_pool2d(first, 3, 1, 1)
    return clean, torch.stack([blurred, 0.8 * clean[1]])


def test_a_trunk_known_by_its_name_is_checked_and_used(nowhere, monkeypatch, pair):
    from torchvision.models import squeezenet1_1

    trunk = squeezenet1_1()
    torch.save(trunk.state_dict(), nowhere / "checkpoints" / module.TRUNKS["squeeze"])
    with pytest.raises(DataError, match="is not the published file"):
        LPIPS(net="squeeze")
    # A file whose name does tell its hash is let in; the package then loads what lies there.
    monkeypatch.setattr(
        module, "verify", lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    )
    found = LPIPS(net="squeeze").compare(*pair)
    import lpips as package

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.LPIPS(net="squeeze", verbose=False)
    large = [F.interpolate(x, scale_factor=2.0, mode="bilinear") for x in pair]
    expected = network(*large, normalize=True).flatten().detach()
    assert torch.allclose(found, expected, atol=1e-5)
    assert np.isfinite(found.numpy()).all()
    assert LPIPS(net="squeeze").column == "LPIPS squeeze"
