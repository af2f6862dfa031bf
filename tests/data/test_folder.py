import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.sources.folder import folder, shoppers

ITEMS = {"b7": ("hat", 10), "a1": ("bag", 20), "c": ("hat", 30), "10": ("bag", 40)}
TRAIN = ["u1\tb7\t1\t5", "u2\ta1\t1\t6", "u1\ta1\t1\t7"]
TEST = ["u2\tc\t1\t9", "u1\t10\t1\t9"]


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "photos").mkdir()
    for name, (_, grey) in ITEMS.items():
        Image.new("RGB", (20, 20), (grey,) * 3).save(tmp_path / "photos" / f"{name}.png")
    write(tmp_path, "items.csv", items())
    write(tmp_path, "train.tsv", TRAIN)
    write(tmp_path, "test.tsv", TEST)
    return tmp_path


def items(**changes):
    known = {k: f"{k},photos/{k}.png,{kind}" for k, (kind, _) in ITEMS.items()} | changes
    return ["item_id,image,category", *known.values()]


def write(root, name, lines):
    (root / name).write_text("".join(f"{line}\n" for line in lines))


def test_ids_are_names(shop):
    data = folder(path=str(shop), size=16)
    assert data.item_ids == ("10", "a1", "b7", "c")
    assert data.user_ids == ("u1", "u2")
    greys = (data.catalogue.images[torch.arange(4)][:, 0, 0, 0] * 255).round().tolist()
    assert greys == [40, 20, 10, 30]
    assert [data.catalogue.names[c] for c in data.catalogue.categories] == [
        "bag",
        "bag",
        "hat",
        "hat",
    ]
    assert data.train.matrix().tolist() == [[False, True, True, False], [False, True, False, False]]
    assert data.test.items.tolist() == [0, 3]
    assert len(data.valid) == 0
    assert data.train.timestamps.tolist() == [7, 5, 6]


def test_the_order_of_lines_changes_nothing(shop):
    before = folder(path=str(shop), size=16)
    write(shop, "items.csv", [items()[0], *reversed(items()[1:])])
    write(shop, "train.tsv", list(reversed(TRAIN)))
    after = folder(path=str(shop), size=16)
    assert before.catalogue.spec == after.catalogue.spec
    assert torch.equal(before.train.matrix(), after.train.matrix())
    pixels = [d.catalogue.images[torch.arange(4)] for d in (before, after)]
    assert torch.equal(*pixels)


def test_validation_is_used_where_it_is(shop):
    write(shop, "validation.tsv", ["u2\tb7"])
    data = folder(path=str(shop), size=16)
    assert data.valid.matrix()[1].tolist() == [False, False, True, False]
    assert data.seen.matrix()[1].tolist() == [False, True, True, False]


def test_users_without_train_are_left_out_and_counted(shop, caplog):
    write(shop, "test.tsv", [*TEST, "stranger\tc\t1\t9"])
    assert len(folder(path=str(shop), size=16).test) == 2
    assert "left out: 1 line of users without train" in caplog.text


@pytest.mark.parametrize(
    ("name", "lines", "says"),
    [
        ("items.csv", ["item_id,picture,category", "a,b,c"], "no column 'image'"),
        ("items.csv", items(c="c,,hat"), "line 4: item without a picture"),
        ("items.csv", items(c="c,photos/c.png,"), "line 4: item without a category"),
        ("items.csv", items(d="c,photos/c.png,hat"), "item 'c' stands twice"),
        ("items.csv", items(c="c,photos/gone.png,hat"), r"no picture .*gone\.png"),
        ("items.csv", ["item_id,image,category"], "no items"),
        ("train.tsv", ["u1\tx9\t1\t5"], "unknown item .* 'x9'"),
        ("train.tsv", [], "empty split"),
        ("train.tsv", ["u1\tc\tgood\t5"], "line 1: rating 'good' is not a number"),
        ("train.tsv", ["u1\tc\tnan\t5"], "rating 'nan' is not a number"),
        ("train.tsv", ["u1,c,1,5"], "expected 2 to 4 tab-separated columns, got 1"),
        ("train.tsv", ["u1\tc", "u2\t"], "line 2: no item"),
        ("test.tsv", ["stranger\tc"], "no user of it has feedback in train"),
    ],
)
def test_mistakes_name_the_file_and_the_line(shop, name, lines, says):
    write(shop, name, lines)
    with pytest.raises((DataError, MissingDataError), match=says) as raised:
        folder(path=str(shop), size=16)
    assert "\n" not in str(raised.value)


def test_missing_files_say_what_to_do(shop):
    (shop / "train.tsv").unlink()
    with pytest.raises(MissingDataError, match="simulate some with dataset=shoppers"):
        folder(path=str(shop), size=16)
    with pytest.raises(MissingDataError, match="item_id,image,category"):
        folder(path=str(shop / "nowhere"))


def test_shoppers_come_to_any_folder_of_pictures(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["item_id,image,category"]
    for n in range(60):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{n}.png")
        lines.append(f"{n},{n}.png,kind {n % 5}")
    write(tmp_path, "items.csv", lines)
    data = shoppers(path=str(tmp_path), size=16, num_users=50, mean_items=7.0)
    assert (data.test.counts == 1).all()
    assert len(data.train) >= 150
    again = shoppers(path=str(tmp_path), size=16, num_users=50, mean_items=7.0)
    assert torch.equal(data.train.items, again.train.items)


def test_the_real_photos_are_read(shared_data):
    data = folder(path=str(shared_data / "clothing_men"), size=32)
    assert data.train.num_users == 3217
    assert len(data.catalogue) == 3567
    assert (len(data.train), len(data.valid), len(data.test)) == (39592, 2370, 2371)
    pixels = data.catalogue.images[torch.arange(4)]
    assert pixels.shape == (4, 3, 32, 32)


def test_a_folder_says_whether_its_pictures_may_be_passed_on(shop):
    assert folder(path=str(shop), size=16).catalogue.redistributable
    kept = folder(path=str(shop), size=16, redistributable=False)
    assert not kept.catalogue.redistributable
    assert kept.spec == folder(path=str(shop), size=16).spec  # moves no number


def test_pictures_that_may_not_be_passed_on_are_known_whatever_reads_them(shop, tmp_path, caplog):
    real = tmp_path / "hm"
    shutil.copytree(shop, real)
    assert not folder(path=str(real), size=16).catalogue.redistributable
    assert "pictures of hm may not be passed on" in caplog.text
    linked = tmp_path / "mine"
    linked.symlink_to(real)
    assert not folder(path=str(linked), size=16).catalogue.redistributable
    beside = tmp_path / "beside"
    shutil.copytree(shop, beside)
    lines = (shop / "items.csv").read_text().splitlines()
    moved = [lines[0], *(line.replace(",", ",../hm/", 1) for line in lines[1:])]
    (beside / "items.csv").write_text("\n".join(moved))
    assert not folder(path=str(beside), size=16).catalogue.redistributable
    elsewhere = tmp_path / "other" / "hm" / "shop"  # somebody called so
    shutil.copytree(shop, elsewhere)
    assert folder(path=str(elsewhere), size=16).catalogue.redistributable


def test_a_missing_data_set_says_what_it_is(tmp_path):
    with pytest.raises(MissingDataError, match="it is a secret of ours; if you have it"):
        folder(path=str(tmp_path / "none"), source="a secret of ours")


@pytest.mark.parametrize(("name", "items", "users"), [("hm", 2314, 713), ("ml_posters", 1342, 943)])
def test_real_shops_are_choices_and_keep_their_pictures(
    shared_data, monkeypatch, name, items, users
):
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    from vrbench.cli import conf_dir

    monkeypatch.setenv("VRBENCH_DATA", str(shared_data))
    if not (shared_data / name).is_dir():
        pytest.skip(f"no {name}")
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        made = instantiate(compose("run", overrides=[f"dataset={name}"]).dataset)
    assert (len(made.catalogue), made.train.num_users) == (items, users)
    assert made.catalogue.images.shape == (3, 128, 128)
    assert not made.catalogue.redistributable
    assert (made.tested_cold is not None) == (name == "hm")  # films are known, products are new
