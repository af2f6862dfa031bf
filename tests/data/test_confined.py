"""Where the pictures of a list may lie, and what of them is opened."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.data.test_folder import items, shop, write
from tests.data.test_var import men
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import Confined, regular
from vrbench.data.images import Photos
from vrbench.data.sources.folder import folder
from vrbench.data.sources.var import var

__all__ = ["men", "shop"]  # fixtures


@pytest.fixture
def outside(tmp_path_factory):
    place = tmp_path_factory.mktemp("outside")
    Image.new("RGB", (20, 20), (99,) * 3).save(place / "c.png")
    return place


def read(shop, **settings):
    data = folder(path=str(shop), size=16, **settings)
    return (data.catalogue.images[torch.arange(4)][:, 0, 0, 0] * 255).round().tolist()


def named(shop, name):
    write(shop, "items.csv", items(c=f"c,{name},hat"))


@pytest.mark.parametrize("how", ["absolute", "up", "link", "link of a folder"])
def test_a_picture_outside_is_refused_unless_its_root_is_named(shop, outside, how):
    if how == "absolute":
        named(shop, outside / "c.png")
    elif how == "up":
        named(shop, f"../{outside.name}/c.png")
    elif how == "link":
        (shop / "photos" / "c.png").unlink()
        (shop / "photos" / "c.png").symlink_to(outside / "c.png")
    else:
        (shop / "more").symlink_to(outside)
        named(shop, "more/c.png")
    with pytest.raises(DataError, match=r"leads out of the folder .*set dataset\.root"):
        read(shop)
    assert read(shop, root=str(outside)) == [40, 20, 10, 99]
    with pytest.raises(DataError, match="leads out"):
        read(shop, root=str(shop / "photos"))


def test_links_and_ways_round_that_stay_inside_are_fine(shop):
    (shop / "photos" / "c.png").rename(shop / "photos" / "real.png")
    (shop / "photos" / "c.png").symlink_to("real.png")
    assert read(shop) == [40, 20, 10, 30]
    named(shop, "photos/../photos/./c.png")
    assert read(shop) == [40, 20, 10, 30]
    (shop / "again").symlink_to(shop / "photos")
    named(shop, "again/c.png")
    assert read(shop) == [40, 20, 10, 30]


def test_data_sets_beside_each_other_may_share_pictures(shop, tmp_path):
    other = tmp_path / "other"
    (other / "images").mkdir(parents=True)
    Image.new("RGB", (20, 20), (77,) * 3).save(other / "images" / "c.png")
    (tmp_path / "inner").mkdir()
    for path in list(shop.iterdir()):
        if path.name not in ("other", "inner"):
            path.rename(tmp_path / "inner" / path.name)
    named(tmp_path / "inner", "../other/images/c.png")
    with pytest.raises(DataError, match="leads out"):
        read(tmp_path / "inner")
    write(other, "items.csv", ["item_id,image,category", "c,images/c.png,hat"])
    assert read(tmp_path / "inner") == [40, 20, 10, 77]


def test_pipes_devices_and_folders_are_no_pictures(shop):
    os.mkfifo(shop / "photos" / "pipe")
    for name, says in (("pipe", "is a pipe"), ("", "is a folder")):
        named(shop, f"photos/{name}")
        with pytest.raises(DataError, match=f"{says}, not a file"):
            read(shop)
    with pytest.raises(DataError, match="is a device, not a file"):
        Photos([Path("/dev/zero")], size=16)


def test_a_file_is_said_to_be_missing_in_the_readers_own_words(tmp_path):
    with pytest.raises(MissingDataError, match=r"no file .*gone"):
        regular(tmp_path / "gone")
    with pytest.raises(MissingDataError, match="fetch it"):
        regular(tmp_path / "gone", "fetch it")
    (tmp_path / "file").touch()
    with pytest.raises(MissingDataError):
        regular(tmp_path / "file" / "below")
    with pytest.raises(DataError, match="cannot read"):
        regular(tmp_path / "a\0b")


def test_names_are_told_apart_from_places_that_begin_alike(tmp_path):
    for name in ("shop", "shop2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    inside = Confined(tmp_path / "shop")
    assert inside.path("a") == tmp_path / "shop" / "a"
    for name in ("../shop2/a", "..", "a/../../shop2/a", "/"):
        with pytest.raises(DataError, match="leads out"):
            inside.path(name)


def test_two_pictures_of_one_item_are_one_line(men):
    Image.new("RGB", (20, 24)).save(men / "original" / "images" / "7.png")
    with pytest.raises(DataError, match=r"7\.jpg and 7\.png are two pictures of one item"):
        var(path=str(men), size=16)


def test_a_published_folder_holds_its_pictures_itself(men, outside):
    picture = men / "original" / "images" / "7.jpg"
    picture.unlink()
    picture.symlink_to(outside / "c.png")
    with pytest.raises(DataError, match=r"'7\.jpg' leads out"):
        var(path=str(men), size=16)
    assert len(var(path=str(men), root=str(outside), size=16).catalogue) == 4
