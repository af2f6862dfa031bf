import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from vrbench.core.errors import ConfigError, DataError, IncompatibleError, MissingDataError
from vrbench.data import images as module
from vrbench.data.images import NoImages, Photos
from vrbench.data.readers.colour_modes import known_formats

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


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 32), (2, 400), (3, 97)])
def test_a_thin_picture_is_seen_however_thin_it_is(tmp_path, size):
    thin = photo(tmp_path, Image.new("RGB", size, (10, 200, 30)))
    assert (thin[0] < 0.1).any(), "not a white square in its place"
    assert photo(tmp_path, Image.new("RGB", size, (10, 200, 30)), fit="crop")[0].max() < 0.1


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


SHAPE = np.full((16, 16), 200, np.uint8)


def as_16(values, scale=257):
    return Image.fromarray(np.asarray(values, np.uint16) * np.uint16(scale))


@pytest.mark.parametrize("kind", ["png", "tif", "pgm", "jp2"])
@pytest.mark.parametrize("level", [0, 1, 20, 200, 255])
def test_sixteen_bits_are_scaled_by_their_depth_not_by_what_they_hold(tmp_path, kind, level):
    picture = as_16(np.full((16, 16), level))
    try:
        picture.save(tmp_path / f"probe.{kind}")
    except OSError:
        pytest.skip(f"this Pillow writes no {kind} of 16 bits")
    found = photo(tmp_path, picture, f"a.{kind}")
    assert (found * 255).round().unique().tolist() == [level]


def test_a_nearly_black_picture_of_sixteen_bits_stays_black(tmp_path):
    for level in (200, 300):
        found = photo(tmp_path, as_16(np.full((16, 16), level), 1))
        assert found.max() * 255 <= 1


def test_sixteen_bits_may_be_transparent_or_upside_down(tmp_path):
    grey = as_16(np.where(np.eye(16) > 0, 50, 200))
    assert (photo(tmp_path, grey, transparency=50 * 257) * 255).round().unique().tolist() == [
        200,
        255,
    ]


@pytest.mark.parametrize(
    ("picture", "name"),
    [
        (Image.fromarray(np.full((16, 16), np.nan, np.float32)), "a.tif"),
        (Image.fromarray(np.full((16, 16), 0.5, np.float32)), "a.tif"),
        (Image.fromarray(np.full((16, 16), 99.0, np.float32)), "a.pfm"),
        (Image.fromarray(np.full((16, 16), 70000, np.int32)), "a.tif"),
    ],
)
def test_numbers_without_a_depth_are_no_picture(tmp_path, picture, name):
    with pytest.raises(DataError, match=f"cannot decode the picture .*{name}: .* depth: save it"):
        photo(tmp_path, picture, name)


RED = Image.new("RGB", (16, 16), (180, 40, 60))


def lab():
    sides = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    return ImageCms.applyTransform(RED, ImageCms.buildTransform(*sides, "RGB", "LAB"))


@pytest.mark.parametrize(
    ("picture", "name"),
    [
        (RED, "a.png"),
        (RED.convert("CMYK"), "a.tif"),
        (RED.convert("YCbCr"), "a.jpg"),  # older Pillow writes no such TIFF
        (RED.quantize(4), "a.png"),
        (RED.quantize(4).convert("PA"), "a.tif"),
        (RED.convert("RGBA"), "a.tif"),
        (RED.convert("RGBX"), "a.tif"),
        (lab(), "a.tif"),
    ],
)
def test_one_colour_is_the_same_in_every_mode(tmp_path, picture, name):
    found = photo(tmp_path, picture, name)[:, 8, 8] * 255
    assert (found - torch.tensor([180.0, 40.0, 60.0])).abs().max() <= 2


def test_only_raster_formats_are_opened(tmp_path, monkeypatch):
    """A PostScript file under a picture's name never reaches Ghostscript."""
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage")
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.format == "EPS", "Pillow itself would open it"
    with pytest.raises(DataError, match="cannot identify"):
        Photos([tmp_path / "a.png"], size=16)[ONE]
    assert not {"EPS", "WMF", "FITS", "HDF5", "GRIB", "BUFR"} & set(known_formats())
    assert {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"} <= set(known_formats())


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
