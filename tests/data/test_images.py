import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.core.errors import ConfigError, DataError, IncompatibleError, MissingDataError
from vrbench.data import images as module
from vrbench.data.images import NoImages, Photos

ONE = torch.tensor([0])


def photo(tmp_path, picture, name="a.png", fit="pad", size=16, **options):
    picture.save(tmp_path / name, **options)
    return Photos([tmp_path / name], size=size, fit=fit)[ONE][0]


def test_aspect_is_kept_on_white_cropped_or_stretched(tmp_path):
    wide = Image.new("RGB", (64, 32), (255, 0, 0))
    padded = photo(tmp_path, wide)
    assert padded[:, 0].eq(1).all()
    assert padded[:, 8].T.tolist()[5] == [1, 0, 0]
    for fit in ("crop", "stretch"):
        assert photo(tmp_path, wide, fit=fit)[1].max() == 0


def test_exif_orientation_is_respected(tmp_path):
    picture = Image.new("RGB", (32, 32), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 32, 16))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = photo(tmp_path, picture, "a.jpg", exif=exif, quality=95)
    assert turned[0, 8, 14] > 0.9  # white on the right
    assert turned[0, 8, 1] < 0.1


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "1", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    if mode == "I;16":
        picture = Image.fromarray(np.full((16, 16), 65535, dtype=np.uint16))
    elif mode in ("RGBA", "LA"):
        picture = Image.new(mode, (16, 16), 0)  # black, but transparent: white
    else:
        picture = Image.new("RGB", (16, 16), (255, 255, 255)).convert(mode)
    name = "a.tiff" if mode == "CMYK" else "a.png"
    assert (photo(tmp_path, picture, name) > 0.98).all()


def test_pictures_are_on_the_eight_bit_grid_and_in_the_shape_of_the_question(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    photos = Photos([tmp_path / "a.png"] * 3, size=20)
    found = photos[torch.tensor([[0, 1], [2, 0]])]
    assert found.shape == (2, 2, 3, 20, 20)
    assert torch.equal((found * 255).round() / 255, found)
    assert photos.decode(ONE).dtype == torch.uint8


def test_the_address_is_that_of_the_bytes(tmp_path):
    for name, value in (("a", 1), ("b", 1), ("c", 2)):
        Image.new("RGB", (16, 16), (value,) * 3).save(tmp_path / f"{name}.png")
    a, b, c = (Photos([tmp_path / f"{n}.png"], size=16).spec for n in "abc")
    assert a == b != c
    assert Photos([tmp_path / "a.png"], size=20).spec != a


def test_truncated_and_false_pictures_are_named(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    for name in ("cut.jpg", "text.png"):
        with pytest.raises(DataError, match=f"cannot decode the picture .*{name}"):
            Photos([tmp_path / name], size=16)[ONE]
    monkeypatch.setattr(module, "MOST_PIXELS", 100)
    Image.new("RGB", (20, 20)).save(tmp_path / "big.png")
    with pytest.raises(DataError, match="20 x 20 pixels are too many"):
        Photos([tmp_path / "big.png"], size=16)[ONE]


def test_a_missing_picture_is_named_at_once(tmp_path):
    with pytest.raises(MissingDataError, match=r"no picture .*gone\.jpg"):
        Photos([tmp_path / "gone.jpg"], size=16)


def test_what_cannot_be_done_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected size >= 16"):
        Photos([], size=8)
    with pytest.raises(IncompatibleError, match="has no pictures"):
        NoImages(3)[ONE]
