import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.imported import Imported
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import describe, digest
from vrbench.report.picture_dataset import write_pictures
from vrbench.testing.attacks import AttackContract, Redder

FREE = L2(eps=float("inf"))


def pictures(n=40, size=16, seed=0):
    return torch.randint(0, 256, (n, 3, size, size), generator=stream(seed)).float() / 255


class TestImported(AttackContract):
    beats_noise = False

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        write_pictures(pictures(), torch.arange(40), tmp_path)
        self.make = lambda: Imported(path=str(tmp_path))


def bring(path, items, clean=None, budget=FREE):
    clean = torch.full((len(items), 3, 16, 16), 0.4) if clean is None else clean
    return Imported(path=str(path))(clean, items, Redder(), budget, Streams(0))


def test_what_is_exported_comes_back(tmp_path):
    x, items = pictures(3), torch.tensor([7, 2, 30])
    write_pictures(x, items, tmp_path, names=[f"shoe {n}" for n in range(40)])
    assert (tmp_path / "metadata.csv").read_text().splitlines() == [
        "file_name,position,item_id,category",
        "7.png,7,shoe 7,",
        "2.png,2,shoe 2,",
        "30.png,30,shoe 30,",
    ]
    assert torch.equal(bring(tmp_path, items), x)
    assert torch.equal(bring(tmp_path, items[[2, 0]]), x[[2, 0]])


def test_files_may_have_any_names_that_items_csv_gives_them(tmp_path):
    x = pictures(2)
    write_pictures(x, torch.tensor([4, 9]), tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "4.png").rename(tmp_path / "deep" / "shoe.png")
    (tmp_path / "metadata.csv").write_text("position,file_name\n4,deep/shoe.png\n9,9.png\n")
    assert torch.equal(bring(tmp_path, torch.tensor([9, 4])), x[[1, 0]])
    (tmp_path / "metadata.csv").unlink()
    assert torch.equal(bring(tmp_path, torch.tensor([9])), x[[1]])


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
@pytest.mark.parametrize("whole", [True, False])
def test_tensors_come_back_too(tmp_path, kind, whole):
    x, items, path = pictures(3), torch.tensor([7, 2, 30]), tmp_path / f"made.{kind}"
    held = {"items": items, "pixels": (x * 255).round().byte() if whole else x}
    if kind == "npz":
        np.savez(path, **{name: value.numpy() for name, value in held.items()})
    else:
        save_file(held, path)
    assert torch.equal(bring(path, items[[1, 2]]), x[[1, 2]])


def test_pictures_are_brought_into_the_budget(tmp_path):
    clean = torch.full((1, 3, 16, 16), 100 / 255)
    write_pictures(torch.full((1, 3, 16, 16), 130 / 255), torch.tensor([5]), tmp_path)
    x = bring(tmp_path, torch.tensor([5]), clean, Linf(eps=8))
    assert (x * 255).round().unique().tolist() == [108]


def test_its_key_holds_what_the_files_contain_not_where_they_lie(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_pictures(pictures(2, seed=seed), torch.arange(2), tmp_path / name)
    keys = [digest(Imported(path=str(tmp_path / name))) for name in "abc"]
    assert keys[0] == keys[1] != keys[2]
    assert str(tmp_path) not in str(describe(Imported(path=str(tmp_path / "a"))))


def test_pictures_named_by_id_are_read_by_the_ids_of_the_catalogue(tmp_path):
    """Ids 1 to 12 are at positions 0, 3, 4, ... : in the order of strings."""
    x = pictures(12)
    write_pictures(x, torch.arange(1, 13), tmp_path / "att", names=[f"{n}" for n in range(13)])
    order = sorted(range(1, 13), key=str)
    (tmp_path / "items.csv").write_text(
        "".join(f"{line}\n" for line in ["item_id,image", *[f"{n},a" for n in range(1, 13)]])
    )
    (tmp_path / "photos").mkdir()
    for n in range(1, 13):
        (tmp_path / "photos" / f"{n}.jpg").touch()

    def read(ids):
        made = Imported(path=str(tmp_path / "att"), ids=ids and str(tmp_path / ids))
        return made(x, torch.arange(12), Redder(), FREE, Streams(0))

    wanted = x[torch.tensor(order) - 1]
    assert torch.equal(read("items.csv"), wanted), "the list that save=[pictures] writes has ids"
    (tmp_path / "att" / "metadata.csv").unlink()
    assert torch.equal(read("items.csv"), wanted)
    assert torch.equal(read("photos"), wanted)
    with pytest.raises(MissingDataError, match="item at position 0"):
        read(None)
    (tmp_path / "items.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match="expected a column item_id"):
        read("items.csv")


def test_pictures_of_other_items_are_said_aloud(tmp_path, caplog):
    clean = torch.cat([torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)])
    write_pictures(clean, torch.arange(2), tmp_path)
    bring(tmp_path, torch.arange(2), clean)
    assert "far from" not in caplog.text
    bring(tmp_path, torch.arange(2), clean.flip(0), Linf(eps=8))
    assert "2 of 2 pictures are far from those of their items" in caplog.text
    assert "set attack.ids" in caplog.text


def test_a_folder_of_pictures_stays_in_its_folder(tmp_path):
    x, secret = pictures(1), tmp_path / "secret.png"
    write_pictures(x, torch.tensor([4]), tmp_path / "att")
    (tmp_path / "att" / "4.png").rename(secret)
    for name in ("../secret.png", str(secret)):
        (tmp_path / "att" / "metadata.csv").write_text(f"file_name,position\n{name},4\n")
        with pytest.raises(DataError, match="leads out of the folder"):
            bring(tmp_path / "att", torch.tensor([4]))
    (tmp_path / "att" / "metadata.csv").unlink()
    (tmp_path / "att" / "4.png").symlink_to(secret)
    with pytest.raises(DataError, match="leads out of the folder"):
        bring(tmp_path / "att", torch.tensor([4]))
    for name in ("4.png", "04.png"):
        (tmp_path / "att" / name).unlink(missing_ok=True)
        (tmp_path / "att" / name).write_bytes(secret.read_bytes())
    with pytest.raises(DataError, match=r"04\.png and 4\.png are of one item"):
        bring(tmp_path / "att", torch.tensor([4]))


def test_mistakes_are_named(tmp_path):
    items = torch.tensor([3])
    with pytest.raises(MissingDataError, match="no file or folder"):
        bring(tmp_path / "nowhere", items)
    with pytest.raises(MissingDataError, match="no pictures in"):
        bring(tmp_path, items)
    write_pictures(pictures(1), torch.tensor([8]), tmp_path)
    with pytest.raises(MissingDataError, match=r"item at position 3: put it at .*3\.png"):
        bring(tmp_path, items)
    (tmp_path / "metadata.csv").write_text("position,file_name\n3,three.png\n8,8.png\n")
    with pytest.raises(MissingDataError, match=r"item at position 3: put it at .*three\.png"):
        bring(tmp_path, items)
    with pytest.raises(DataError, match="position 8 is 3 x 16 x 16, expected 3 x 20 x 20"):
        bring(tmp_path, torch.tensor([8]), torch.zeros(1, 3, 20, 20))
    Image.new("L", (16, 16)).save(tmp_path / "three.png")
    with pytest.raises(DataError, match="expected an RGB picture, got L"):
        bring(tmp_path, items)
    (tmp_path / "three.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="cannot decode"):
        bring(tmp_path, items)
    (tmp_path / "metadata.csv").write_text("item,file\n3,three.png\n")
    with pytest.raises(DataError, match="expected lines of file_name,position"):
        bring(tmp_path, items)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"items": np.arange(2)}, "no tensor 'pixels'"),
        ({"items": np.arange(2), "pixels": np.zeros((3, 3, 4, 4))}, "2 items and 3 pictures"),
        (
            {"items": np.arange(2), "pixels": np.full((2, 3, 4, 4), 7.0)},
            r"float pixels in \[0, 1\]",
        ),
        ({"items": np.arange(2), "pixels": np.zeros((2, 3, 4, 4), int)}, "as uint8 or float"),
        ({"items": np.zeros(2, int), "pixels": np.zeros((2, 3, 4, 4))}, "stands twice"),
        ({"items": np.array([{}, {}]), "pixels": np.zeros((2, 3, 4, 4))}, "cannot read"),
    ],
)
def test_mistakes_in_tensors_are_named(tmp_path, held, message):
    np.savez(tmp_path / "made.npz", **held)
    with pytest.raises(DataError, match=message):
        bring(tmp_path / "made.npz", torch.tensor([0]))


def test_a_table_stands_for_the_same_files_as_a_folder(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    x, items = pictures(3), torch.tensor([7, 2, 30])
    write_pictures(x, items, tmp_path / "attacked")
    files = [(tmp_path / "attacked" / f"{n}.png").read_bytes() for n in items.tolist()]
    rows = [{"image": {"bytes": f}, "position": n} for n, f in zip([7, 2, 30], files, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "made.parquet")
    assert torch.equal(bring(tmp_path / "made.parquet", items[[2, 0]]), x[[2, 0]])
    keys = {digest(Imported(path=str(tmp_path / p))) for p in ("made.parquet", "attacked", "")}
    assert len(keys) == 1, "the folder, the table, and the data set that holds the folder"
    with pytest.raises(MissingDataError, match="no picture of the item at position 3"):
        bring(tmp_path / "made.parquet", torch.tensor([3]))
    with pytest.raises(MissingDataError, match="no file"):
        bring(tmp_path / "none.parquet", items)
    pq.write_table(pa.Table.from_pylist([*rows, rows[0]]), tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="stands twice"):
        bring(tmp_path / "twice.parquet", items)
    pq.write_table(pa.Table.from_pylist([{"pixels": 1}]), tmp_path / "other.parquet")
    (tmp_path / "none.parquet").write_bytes(b"PAR1")
    for wrong in ("other.parquet", "none.parquet"):
        with pytest.raises(DataError, match=r"cannot read image\.bytes and position"):
            bring(tmp_path / wrong, items)
    rows[0]["image"]["bytes"] = b"not a picture"
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"bad\.parquet, position 7"):
        bring(tmp_path / "bad.parquet", items)
