"""Data sets in the layouts they are published in."""

import hashlib
import io
import zipfile

import pytest
import torch
from PIL import Image

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.spec import digest
from vrbench.data.readers.git_tree import git_tree
from vrbench.data.sources.clothing import clothing
from vrbench.data.sources.download import download, unzip
from vrbench.data.sources.interactions_only import amazon, movielens


@pytest.fixture
def archive(tmp_path):
    """GitHub's zip of clothing-dataset, small."""
    held = io.BytesIO()
    lines = ["image,sender_id,label,kids"]
    with zipfile.ZipFile(held, "w") as made:
        for n in range(40):
            picture = io.BytesIO()
            Image.new("RGB", (20, 20), (6 * n, 200 - 5 * n, 90)).save(picture, "JPEG")
            label = ("Hat", "Dress", "Not sure", "Pants")[n % 4]
            lines.append(f"id-{n},1,{label},{n == 0}")
            made.writestr(f"clothing-dataset-master/images/id-{n}.jpg", picture.getvalue())
        made.writestr("clothing-dataset-master/images.csv", "\n".join(lines))
    path = tmp_path / "published.zip"
    path.write_bytes(held.getvalue())
    return path


def test_the_archive_is_fetched_checked_and_turned_into_items(archive, tmp_path):
    root = tmp_path / "clothing"
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    settings = {"num_users": 20, "mean_items": 6.0, "size": 16}
    data = clothing(path=str(root), url=archive.as_uri(), sha256=sha256, **settings)
    assert data.catalogue.names == ("Dress", "Hat", "Pants")
    assert len(data.catalogue) == 29  # without ten unsure ones and a child's
    (root / "clothing-dataset.zip").unlink()
    archive.unlink()  # a second time nothing is fetched
    again = clothing(path=str(root), url=archive.as_uri(), **settings)
    assert torch.equal(again.train.items, data.train.items)


def test_the_default_archive_is_held_to_its_commit_whoever_packed_it(archive, tmp_path):
    root = tmp_path / "clothing"
    root.mkdir()
    archive.rename(root / "clothing-dataset.zip")  # put there by hand, and not the right one
    with pytest.raises(DataError, match="is not the archive of commit 7ed86a9: delete it"):
        clothing(path=str(root))
    assert not (root / "unpacked").exists()


def test_a_tree_is_what_git_says_it_is(tmp_path):
    """Against ``git write-tree`` of the same two files, and Git's well-known empty tree."""
    assert git_tree(tmp_path) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("hello\n")
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "none").mkdir()
    assert git_tree(tmp_path) == "e9d00327ba627626531609529f87f79a0b097ba5"


def test_a_changed_archive_is_refused(archive, tmp_path):
    path = tmp_path / "a.zip"
    with pytest.raises(DataError, match="is not the file expected"):
        download(archive.as_uri(), path, sha256="0" * 64)
    assert not path.exists()
    first = download(archive.as_uri(), path, sha256=None)
    assert download("file:///gone", path, sha256=None) == first
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match="is not the file expected"):
        download(archive.as_uri(), path, sha256=None)


def test_offline_says_what_to_fetch_and_where(tmp_path):
    with pytest.raises(MissingDataError, match=r"run `curl -L -o a\.zip http://127\.0\.0\.1:9/x`"):
        download("http://127.0.0.1:9/x", tmp_path / "a.zip", sha256=None)
    assert not list(tmp_path.iterdir())


def test_an_archive_cannot_write_outside(tmp_path):
    for name in ("../out.txt", "/out.txt"):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as made:
            made.writestr(name, "x")
        with pytest.raises(DataError, match="leads out of the archive"):
            unzip(tmp_path / "bad.zip", tmp_path / "in")
    (tmp_path / "cut.zip").write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match="is damaged"):
        unzip(tmp_path / "cut.zip", tmp_path / "in")


def test_purchases_with_gaps_in_their_ids(tmp_path):
    (tmp_path / "train.tsv").write_text("0\t1037\t1.0\t5\n0\t682\t1.0\t6\n7\t682\t1.0\t6\n")
    (tmp_path / "validation.tsv").write_text("0\t9\t1.0\t7\n")
    (tmp_path / "test.tsv").write_text("7\t1037\t1.0\t8\n")
    data = amazon(path=str(tmp_path))
    assert data.item_ids == ("1037", "682", "9")
    assert data.train.matrix().tolist() == [[True, True, False], [False, True, False]]
    assert data.test.items.tolist() == [0]


def test_a_name_in_another_file_that_moves_numbers_moves_keys(tmp_path):
    (tmp_path / "train.tsv").write_text("u\tm\t1\t5\nv\tn\t1\t6\n")
    (tmp_path / "validation.tsv").write_text("v\tm\t1\t7\n")

    def train(test):
        (tmp_path / "test.tsv").write_text(test)
        return amazon(path=str(tmp_path)).train

    first, same = train("u\tz\t1\t8\n"), train("v\tz\t1\t9\n")
    item, user = train("u\ta\t1\t8\n"), train("a\tz\t1\t8\n")
    assert digest(first) == digest(same)
    assert (first.num_users, first.num_items) == (item.num_users, item.num_items)
    assert first.items.tolist() != item.items.tolist()
    assert len({digest(part) for part in (first, item, user)}) == 3


def test_atomic_files(tmp_path):
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    lines += [f"{u}\t{i}\t{1 + (u + i) % 5}\t0" for u in range(3) for i in range(20)]
    (tmp_path / "x.inter").write_text("\n".join(lines))
    data = movielens(path=str(tmp_path))
    assert [p.counts.tolist() for p in (data.train, data.valid, data.test)] == [
        [16] * 3,
        [2] * 3,
        [2] * 3,
    ]
    liked = movielens(path=str(tmp_path / "x.inter"), least=4.0)
    assert len(liked.train) + len(liked.valid) + len(liked.test) == 24
    with pytest.raises(MissingDataError, match="RecBole's atomic file"):
        movielens(path=str(tmp_path / "none"))


def test_the_real_ones_are_read(shared_data):
    data = amazon(path=str(shared_data / "amazon_men"))
    assert (len(data.train), len(data.valid), len(data.test)) == (
        54311,
        3026,
        2960,
    )  # one pair stands in all three
    data = movielens(path=str(shared_data / "ml-100k"))
    assert len(data.train) + len(data.valid) + len(data.test) == 100_000
    assert (data.train.num_users, data.train.num_items) == (943, 1682)
