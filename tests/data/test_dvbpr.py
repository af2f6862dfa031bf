"""DVBPR's archives, made small; and what must not be let in."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.readers.object_arrays import load_objects
from vrbench.data.sources.dvbpr import dvbpr_npy


def jpeg(grey):
    held = io.BytesIO()
    Image.new("RGB", (20, 20), (grey,) * 3).save(held, "JPEG", quality=100)
    return held.getvalue()


def parts(key=str.encode, count=6):
    """``[user_train, user_validation, user_test, Item, usernum, itemnum]``."""
    bought = {0: [0, 1, 2], 1: [3, 4]}
    train = {u: [{key("productid"): i, key("asin"): b"x"} for i in of] for u, of in bought.items()}
    valid = {u: [{key("productid"): i}] for u, i in ((0, 3), (1, 0))}
    test = {u: [{key("productid"): i}] for u, i in ((0, 4), (1, 1))}
    kinds = np.eye(6)
    items = {
        i: {key("imgs"): jpeg(40 * i), key("c"): kinds[i % 2]} | {key("asin"): b"a%d" % i}
        for i in range(count)
    }
    return [train, valid, test, items, 2, count]


def save(path, held, protocol=2):
    """As NumPy of its time did: the pickle of an object array."""
    array = np.empty(len(held), dtype=object)
    array[:] = held
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"shape": array.shape, "fortran_order": False, "descr": "|O"}
        )
        pickle.dump(array, file, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("key", [str.encode, str])
def test_an_archive_becomes_a_data_set(tmp_path, protocol, key):
    archive = save(tmp_path / "MenImgPartitioned.npy", parts(key), protocol)
    data = dvbpr_npy(path=str(archive), size=16)
    assert len(data.catalogue) == 6
    assert data.train.matrix().int().tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]
    assert data.valid.items.tolist() == [3, 0]
    assert data.test.items.tolist() == [4, 1]
    assert data.catalogue.names == ("category 0", "category 1")
    assert data.catalogue.categories.tolist() == [0, 1, 0, 1, 0, 1]
    seen = (data.catalogue.images[torch.arange(6)][:, 0, 8, 8] * 255).round()
    assert seen.tolist() == [0, 40, 80, 120, 160, 200]
    archive.unlink()  # a second time the folder is read
    assert torch.equal(dvbpr_npy(path=str(archive), size=16).train.items, data.train.items)


def test_new_items_are_in_no_split(tmp_path):
    save(tmp_path / "a.npy", parts())
    np.save(tmp_path / "cold.npy", np.array([5, 2]))
    data = dvbpr_npy(path=str(tmp_path / "a.npy"), cold=str(tmp_path / "cold.npy"), size=16)
    assert data.cold_items.tolist() == [2, 5]
    assert data.train.matrix().int().tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]]
    np.save(tmp_path / "cold.npy", np.array([6]))
    with pytest.raises(DataError, match="'0000006' is no item"):
        dvbpr_npy(path=str(tmp_path / "a.npy"), cold=str(tmp_path / "cold.npy"), size=16)


class Evil:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('executed').touch()",))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_archive_executes_nothing(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    archive = save(tmp_path / "evil.npy", [*parts()[:5], Evil()], protocol)
    with pytest.raises(DataError, match=r"is refused: it asks for \w+.exec"):
        dvbpr_npy(path=str(archive))
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path / "evil").exists()
    np.load(archive, allow_pickle=True)  # NumPy's own reader does run it
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.getattr", "numpy.load", "numpy.core.multiarray.fromfile"],
)
def test_every_other_name_is_refused(tmp_path, name):
    module, _, function = name.rpartition(".")
    archive = save(tmp_path / "a.npy", [0])
    head = archive.read_bytes()[:128]
    archive.write_bytes(head + f"c{module}\n{function}\n.".encode())
    with pytest.raises(DataError, match=f"asks for {name}"):
        load_objects(archive)


def broken(**changes):
    held = parts()
    for at, value in changes.items():
        held[int(at[1:])] = value
    return held


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (parts()[:5], "expected .user_train"),
        (broken(_0={0: [{b"productid": 6}]}), "user_train, user 0, entry 0: .*got 6"),
        (broken(_2={1: [{b"asin": b"x"}]}), "user_test, user 1, entry 0: .*got None"),
        (broken(_3={0: {b"imgs": b""}}), "Item 0: no picture"),
        (broken(_5=7), "Item 6: no picture"),
    ],
)
def test_broken_archives_are_named_and_leave_nothing(tmp_path, held, says):
    archive = save(tmp_path / "a.npy", held)
    with pytest.raises(DataError, match=says):
        dvbpr_npy(path=str(archive))
    assert not (tmp_path / "a").exists()


def test_what_is_missing_or_no_archive_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"wget http://.*/AmazonMen.npy"):
        dvbpr_npy(path=str(tmp_path / "AmazonMen.npy"))
    (tmp_path / "a.npy").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot read"):
        dvbpr_npy(path=str(tmp_path / "a.npy"))
    np.save(tmp_path / "plain.npy", np.arange(3))
    assert load_objects(tmp_path / "plain.npy").tolist() == [0, 1, 2]
