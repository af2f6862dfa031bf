import hashlib

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vrbench.core.errors import ConfigError, DataError, IncompatibleError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.metrics import lpips as module
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


def test_without_weights_nothing_is_silent(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(MissingDataError, match=r"alexnet-owt-7be5be79\.pth: fetch them with `curl"):
        LPIPS()
    caplog.set_level("INFO")
    assert lpips().column == "LPIPS_untrained"
    assert "stands in for LPIPS" in caplog.text
    with pytest.raises(ConfigError, match="expected alex, vgg or squeeze"):
        LPIPS(net="alexnet")


def test_a_false_trunk_is_refused_and_a_right_one_is_used(tmp_path, monkeypatch, pair):
    import warnings

    from torchvision.models import squeezenet1_1

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    trunk = squeezenet1_1()
    torch.save(trunk.state_dict(), folder / module.TRUNKS["squeeze"])
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
    large = [torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear") for x in pair]
    expected = network(*large, normalize=True).flatten().detach()
    assert torch.allclose(found, expected, atol=1e-5)
    assert np.isfinite(found.numpy()).all()
    assert LPIPS(net="squeeze").column == "LPIPS squeeze"
