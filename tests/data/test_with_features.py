"""Features made elsewhere are attached by id, and every mistake in them is one line."""

import json
import logging
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import torch

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.spec import digest
from vrbench.datasets import amazon, prepared, with_features
from vrbench.testing.world import toy_folder

NAMES = ["cap", "coat", "shoe", "sock"]  # the items of the toy folder, as they are numbered
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
ORDERS = ([0, 1, 2, 3], [2, 0, 3, 1])


def named(order):
    return [NAMES[n] for n in order]


def as_npz(folder, order, rows=ROWS):
    np.savez(folder / "f.npz", features=rows[order], item_ids=named(order))
    return {"path": folder / "f.npz"}


def as_npy(folder, order, rows=ROWS):
    np.save(folder / "f.npy", np.asfortranarray(rows[order]))
    (folder / "ids.txt").write_text("\n".join(named(order)) + "\n", encoding="utf-8")
    return {"path": folder / "f.npy", "ids": folder / "ids.txt"}


def as_npy_and_ids(folder, order, rows=ROWS):
    np.save(folder / "ids.npy", np.array(named(order)))
    return as_npy(folder, order, rows) | {"ids": folder / "ids.npy"}


def as_safetensors(folder, order, rows=ROWS):
    from safetensors.numpy import save_file

    save_file({"looks": rows[order].copy()}, folder / "f.safetensors")
    return as_npy(folder, order, rows) | {"path": folder / "f.safetensors"}


def as_csv(folder, order, rows=ROWS):
    lines = [",".join([NAMES[n], *(repr(float(v)) for v in rows[n])]) for n in order]
    (folder / "f.csv").write_text("\n".join(["item_id,a,b,c", *lines]), encoding="utf-8")
    return {"path": folder / "f.csv"}


def as_parquet(folder, order, rows=ROWS, lists=True):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = (
        {"vector": list(rows[order])} if lists else dict(zip("abc", rows[order].T, strict=True))
    )
    parquet.write_table(pyarrow.table({"asin": named(order)} | columns), folder / "f.parquet")
    return {"path": folder / "f.parquet"}


def as_columns(folder, order, rows=ROWS):
    return as_parquet(folder, order, rows, lists=False)


def as_ducho(folder, order, rows=ROWS):
    (folder / "avgpool").mkdir(exist_ok=True)
    for n in order:
        np.save(folder / "avgpool" / f"{NAMES[n]}.npy", rows[n : n + 1])
    return {"path": folder / "avgpool"}


LAYOUTS = (
    as_npz,
    as_npy,
    as_npy_and_ids,
    as_safetensors,
    as_csv,
    as_parquet,
    as_columns,
    as_ducho,
)


def attached(**given):
    told = {name: str(value) for name, value in given.items()}
    return with_features(amazon(path=toy_folder()), **told)


def rows_of(shop):
    return shop.catalogue.features[torch.arange(len(shop.catalogue))].numpy()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_found_by_id_in_every_layout(layout, tmp_path):
    keys = set()
    for order in ORDERS:
        shop = attached(**layout(tmp_path, order))
        np.testing.assert_array_equal(rows_of(shop), ROWS)
        keys |= {digest(shop.catalogue.features.spec), digest(shop.spec)}
    keys |= {digest(attached(**as_npz(tmp_path, ORDERS[0])).catalogue.features.spec)}
    assert len(keys) == 2  # of the features and of the data set: by what is in them alone


def test_other_numbers_are_another_key_and_halves_stay_halves(tmp_path):
    shop = attached(**as_npz(tmp_path, ORDERS[0]))
    half = attached(**as_npz(tmp_path, ORDERS[1], ROWS.astype(np.float16)))
    other = attached(**as_npz(tmp_path, ORDERS[1], ROWS + np.float32(1)))
    np.testing.assert_array_equal(rows_of(half), ROWS)
    assert half.catalogue.features.rows.dtype == torch.float16
    assert len({digest(s.spec) for s in (shop, half, other)}) == 3
    assert attached(**as_npz(tmp_path, ORDERS[1], ROWS.astype(float))).spec == shop.spec


def test_rows_of_other_items_are_left_out_aloud(tmp_path, caplog):
    np.savez(tmp_path / "f.npz", x=np.vstack([ROWS[:1] * np.nan, ROWS]), ids=["hat", *NAMES])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(rows_of(attached(path=tmp_path / "f.npz")), ROWS)
    assert "left out: 1 row of no item of this data set" in caplog.text


def test_ids_that_are_given_beside_those_of_a_file_win_and_it_is_said(tmp_path, caplog):
    shop = amazon(path=toy_folder())
    given = as_npz(tmp_path, ORDERS[1]) | {"ids": tmp_path / "ids.txt"}
    given = {name: str(value) for name, value in given.items()}
    for order, told in ((ORDERS[1], False), (ORDERS[0], True)):
        (tmp_path / "ids.txt").write_text("\n".join(named(order)))
        found = with_features(shop, **given).catalogue.features[torch.tensor([2])]
        assert torch.equal(found[0], torch.from_numpy(ROWS[ORDERS[1][order.index(2)]]))
        assert ("its own ids are left aside, since dataset.ids=" in caplog.text) is told


def test_row_numbers_are_ids_in_mmrecs_layout(tmp_path):
    header = "userID\titemID\trating\ttimestamp\tx_label\n"
    rows = [(0, 3, 1, 0, 0), (1, 1, 1, 0, 0), (0, 10, 1, 0, 2), (1, 3, 1, 0, 2)]
    text = header + "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "baby.inter").write_text(text, encoding="utf-8")
    looks, words = np.arange(22.0).reshape(11, 2), -np.arange(11.0)[:, None]
    np.save(tmp_path / "image_feat.npy", looks)
    np.save(tmp_path / "text_feat.npy", words)
    baby = prepared(path=str(tmp_path), format="mmrec")
    shop = with_features(
        baby,
        path=str(tmp_path / "image_feat.npy"),
        text=str(tmp_path / "text_feat.npy"),
        ids="rows",
    )
    wanted = [[2 * n, 2 * n + 1, -n] for n in map(int, shop.item_ids)]
    assert sorted(shop.item_ids) == ["1", "10", "3"]
    assert rows_of(shop).tolist() == wanted
    np.save(tmp_path / "image_feat.npy", looks[:10])
    with pytest.raises(DataError, match=r"no row for item '10' of 3 items: add what is missing"):
        with_features(baby, path=str(tmp_path / "image_feat.npy"), ids="rows")


def test_a_manifest_is_checked_and_part_of_the_key(tmp_path):
    plain = attached(**as_npz(tmp_path, ORDERS[0]))
    hashed = sha256((tmp_path / "f.npz").read_bytes()).hexdigest()
    told = {"encoder": "resnet50", "weights": "IMAGENET1K_V2", "sha256": hashed}
    (tmp_path / "f.json").write_text(json.dumps(told), encoding="utf-8")
    shop = attached(path=tmp_path / "f.npz")
    assert shop.catalogue.features.spec[3] == {"encoder": "resnet50", "weights": "IMAGENET1K_V2"}
    assert digest(shop.spec) != digest(plain.spec)
    np.savez(tmp_path / "f.npz", features=ROWS + 1, item_ids=NAMES)
    with pytest.raises(DataError, match=r"f.npz is not the file that .*f.json tells of"):
        attached(path=tmp_path / "f.npz")
    (tmp_path / "f.json").write_text('{"encodr": "resnet50"}', encoding="utf-8")
    with pytest.raises(DataError, match="no field 'encodr'; did you mean 'encoder'"):
        attached(path=tmp_path / "f.npz")
    with pytest.raises(MissingDataError, match=r"no file .*g\.json"):
        attached(path=tmp_path / "f.npz", manifest=tmp_path / "g.json")


def test_categories_come_from_a_table(tmp_path):
    (tmp_path / "kinds.csv").write_text(
        "category,item\nfeet,shoe\nhead,cap\nfeet,sock\nbody,coat\n", encoding="utf-8"
    )
    shop = attached(**as_npz(tmp_path, ORDERS[1]), categories=tmp_path / "kinds.csv").catalogue
    assert [shop.names[n] for n in shop.categories] == ["head", "body", "feet", "feet"]
    (tmp_path / "kinds.csv").write_text("category,item\nfeet,shoe\n", encoding="utf-8")
    with pytest.raises(DataError, match="no category for item 'cap', nor for 2 more of 4 items"):
        attached(**as_npz(tmp_path, ORDERS[1]), categories=tmp_path / "kinds.csv")


def spoilt(folder, ids=NAMES, rows=ROWS):
    np.savez(folder / "f.npz", features=rows, ids=ids)
    return {"path": folder / "f.npz"}


def holed(value):
    rows = ROWS.copy()
    rows[1, 2] = value
    return rows


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: spoilt(f, NAMES[:3], ROWS[:3]), r"no row for item 'sock' of 4 items: add"),
        (
            lambda f: spoilt(f, ["coat", "cap", "coat", "shoe"]),
            r"two rows for item 'coat', 0 and",
        ),
        (lambda f: spoilt(f, ["a", "b", "c", "d"]), r"none of its ids is an item's: its first is"),
        (lambda f: spoilt(f, NAMES[:3]), r"3 ids for 4 rows: give as many"),
        (
            lambda f: spoilt(f, rows=holed(np.nan)),
            r"number 3 of item 'coat' .* float32 \(nan\)",
        ),
        (
            lambda f: spoilt(f, rows=holed(-np.inf)),
            r"number 3 of item 'coat' .* float32 \(-inf",
        ),
        (
            lambda f: spoilt(f, rows=ROWS + np.full(1, 1e300)),
            r"number 1 of item 'cap' .* \(1e\+300\)",
        ),
        (lambda f: spoilt(f, rows=ROWS[:, :0]), r"expected one row of numbers an item"),
        (lambda f: spoilt(f, rows=ROWS[:, 0]), r"expected one array of features"),
        (lambda f: spoilt(f, rows=ROWS.astype(object)), r"is refused|cannot read"),
        (
            lambda f: as_npy(f, ORDERS[0]) | {"ids": f / "no.txt"},
            r"no file .*no.txt: set dataset\.ids to one with one id a line",
        ),
        (lambda f: {"path": f / "no.npz"}, r"no file or folder .*no.npz: set dataset\.path to"),
        (
            lambda f: spoilt(f, np.array(NAMES, dtype=object)),
            r"type object, which are not read: save texts as such, array\.astype\(str\)",
        ),
        (lambda f: {"path": as_npy(f, ORDERS[0])["path"]}, r"which item is each row\? Set"),
        (lambda f: {"path": f / "no.pt"}, r"expected a folder, or a file that ends in \.npy"),
        (lambda f: {"path": f}, r"no file ID\.npy in"),
    ],
)
def test_every_mistake_is_one_line(spoil, message, tmp_path):
    with pytest.raises((ConfigError, DataError, MissingDataError), match=message) as told:
        attached(**spoil(tmp_path))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("column", ["", "Unnamed: 0"])
def test_the_numbers_of_rows_are_no_feature(tmp_path, column):
    given = as_csv(tmp_path, ORDERS[0])
    head, *lines = given["path"].read_text().split("\n")
    numbered = [f"{n},{line}" for n, line in enumerate(lines)]
    given["path"].write_text("\n".join([f"{column},{head}", *numbered]))
    with pytest.raises(DataError, match=f"column '{column}' numbers the rows"):
        attached(**given)


def test_the_index_of_pandas_is_no_feature(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"item": NAMES, "a": 1.0, "b": 2.0}, index=[3, 1, 2, 7])
    table.to_parquet(tmp_path / "f.parquet")
    with pytest.raises(DataError, match="column '__index_level_0__' numbers the rows"):
        attached(path=tmp_path / "f.parquet")


def test_semicolons_are_named(tmp_path):
    (tmp_path / "f.csv").write_text("item_id;a;b\ncap;1,5;2\n", encoding="utf-8-sig")
    with pytest.raises(DataError, match="semicolons separate its values: save it with commas"):
        attached(path=tmp_path / "f.csv")


def test_the_folder_one_stands_in_is_read(tmp_path, monkeypatch):
    given = as_ducho(tmp_path, ORDERS[0])
    monkeypatch.chdir(given["path"])
    assert np.array_equal(rows_of(attached(**given | {"path": "."})), ROWS)


def test_a_file_shorter_than_it_says_is_refused(tmp_path):
    given = as_npy(tmp_path, ORDERS[0])
    whole = given["path"].read_bytes()
    given["path"].write_bytes(whole.replace(b"(4, 3)", b"(4, 9)"))
    with pytest.raises(DataError, match=r"its shape needs 144 bytes, it has 48"):
        attached(**given)


@pytest.mark.parametrize("value", ["red", "", "nan"])
def test_a_cell_that_is_no_number_is_named(value, tmp_path):
    given = as_csv(tmp_path, ORDERS[0])
    given["path"].write_text(given["path"].read_text().replace("4.0", value), encoding="utf-8")
    with pytest.raises(DataError, match=r"line 3: '.*' in column 'b'|number 2 of item 'coat'"):
        attached(**given)


def test_ducho_files_of_two_models_are_told_apart(tmp_path):
    given = as_ducho(tmp_path, ORDERS[0])
    np.save(given["path"] / "coat.npy", np.ones((1, 5)))
    with pytest.raises(DataError, match=r"coat.npy: 5 numbers, and cap.npy has 3"):
        attached(**given)
