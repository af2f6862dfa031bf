"""Feedback files in the layouts of Elliot, RecBole and MMRec."""

import logging

import pytest
import torch

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.data.export import write_lists, write_splits
from vrbench.data.filters import GlobalThreshold, IterativeCore, UserCore
from vrbench.data.sources.ratings_files import prepared, ratings
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import RandomHoldOut, TemporalLeaveOut

ROWS = [(u, i, 1 + (u * i) % 5, 100 * u + (7 * i) % 11) for u in range(9) for i in range(u, u + 8)]


def lines(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def named(data, part):
    return {
        (data.user_ids[u], data.item_ids[i])
        for u, i in zip(part.users.tolist(), part.items.tolist(), strict=True)
    }


def all_of(data):
    return named(data, data.train) | named(data, data.valid) | named(data, data.test)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "all.tsv").write_text(lines(ROWS))
    return tmp_path / "all.tsv"


LAST = Split(test=TemporalLeaveOut(n=1), valid=TemporalLeaveOut(n=1))


def test_a_whole_file_is_filtered_and_split(file):
    data = ratings(path=str(file), split=LAST, filters={"likes": GlobalThreshold(threshold=2)})
    liked = [r for r in ROWS if r[2] >= 2]
    assert all_of(data) == {(str(u), str(i)) for u, i, _, _ in liked}
    for user in {r[0] for r in liked}:
        mine = sorted((t, i) for u, i, _, t in liked if u == user)
        place = data.user_ids.index(str(user))
        assert data.item_ids[data.test.items[data.test.users == place]] == str(mine[-1][1])
        assert data.item_ids[data.valid.items[data.valid.users == place]] == str(mine[-2][1])
    stars = {(str(u), str(i)): float(s) for u, i, s, _ in ROWS}
    for u, i, s in zip(data.train.users, data.train.items, data.train.ratings, strict=True):
        assert stars[data.user_ids[u], data.item_ids[i]] == s
    assert ratings(path=str(file.parent), split=LAST, binarise=True).train.ratings is None


def test_every_setting_is_in_the_key(file):
    core, likes = UserCore(core=2), GlobalThreshold(threshold=2)
    folds = Split(test=KFold(folds=3), valid=RandomHoldOut(folds=2))
    made = [
        {},
        {"binarise": True},
        {"filters": {"a": core}},
        {"filters": {"a": core, "b": likes}},
        {"filters": {"a": likes, "b": core}},
        {"split": LAST},
        {"split": folds},
        {"split": folds, "fold": 1},
        {"split": folds, "fold": 1, "valid_fold": 1},
    ]
    specs = [str(ratings(path=str(file), **settings).train.spec) for settings in made]
    assert len(set(specs)) == len(specs)
    named_so = ratings(path=str(file), filters={"else": core})
    assert str(named_so.train.spec) == specs[2], "what a filter is called changes nothing"
    file.write_text(lines(ROWS[::-1]))
    assert str(ratings(path=str(file)).train.spec) != specs[0]


def test_of_repeated_rows_the_last_is_kept(file, caplog):
    file.write_text(lines([(0, 0, 1, 5), (0, 1, 2, 6), (0, 2, 2, 6), (0, 0, 4, 7)]))
    with caplog.at_level(logging.WARNING):
        data = ratings(path=str(file), split=Split(test=TemporalLeaveOut(n=1)))
    assert "1 row repeats a user and item: the last is kept" in caplog.text
    assert named(data, data.test) == {("0", "0")}
    assert data.test.ratings.tolist() == [4]
    assert len(data.train) == 2


def test_what_cannot_be_used_is_named(file):
    with pytest.raises(DataError, match=r"ratings out of 1\.\.4, the first is 5"):
        ratings(path=str(file), lowest=1, highest=4)
    with pytest.raises(DataError, match="a scale is to be checked, and there are no ratings"):
        prepared(path=str(bare(file.parent / "bare")), lowest=1)
    with pytest.raises(DataError, match=r"filter 'core' \(IterativeCore\(core=50\)\) leaves none"):
        ratings(path=str(file), filters={"core": IterativeCore(core=50)})
    with pytest.raises(MissingDataError, match=r"no single \*\.inter in it"):
        ratings(path=str(file.parent), format="atomic")
    file.write_text(lines([(u, i) for u, i, _, _ in ROWS]))
    with pytest.raises(DataError, match="needs timestamps, and there are none: add the column"):
        ratings(path=str(file), split=LAST)
    with pytest.raises(DataError, match="there are no ratings: add the column"):
        ratings(path=str(file), filters={"x": GlobalThreshold(threshold=3)})
    assert ratings(path=str(file)).train.ratings is None


def bare(folder):
    """Return a folder of splits without ratings."""
    split_files(folder, [("a", 1), ("a", 2)], None, [("a", 3)])
    return folder


def split_files(folder, train, valid, test, suffix="validation"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", train), (suffix, valid), ("test", test)):
        if rows:
            (folder / f"{name}.tsv").write_text(lines(rows))


PARTS = ([("b", 10, 3), ("a", 2, 5), ("b", 2, 1)], [("a", 10, 2)], [("b", 7, 4), ("z", 2, 1)])


@pytest.mark.parametrize("suffix", ["validation", "val"])
def test_own_splits(tmp_path, caplog, suffix):
    split_files(tmp_path, *PARTS, suffix)
    with caplog.at_level(logging.WARNING):
        data = prepared(path=str(tmp_path))
    assert "left out: 1 row of users without train" in caplog.text
    assert data.user_ids == ("a", "b")
    assert data.item_ids == ("10", "2", "7")
    assert named(data, data.train) == {("b", "10"), ("a", "2"), ("b", "2")}
    assert named(data, data.valid) == {("a", "10")}
    assert named(data, data.test) == {("b", "7")}
    assert data.test.ratings.tolist() == [4]


def test_own_splits_may_lack_validation_and_may_not_overlap(tmp_path):
    split_files(tmp_path, PARTS[0], None, PARTS[2])
    assert len(prepared(path=str(tmp_path)).valid) == 0
    (tmp_path / "validation.tsv").write_text(lines([("b", 2, 1)]))
    with pytest.raises(DataError, match=r"1 pair stands in .*train\.tsv too, as of user 'b'"):
        prepared(path=str(tmp_path))
    (tmp_path / "validation.tsv").unlink()
    (tmp_path / "test.tsv").write_text(lines([("z", 2, 1)]))
    with pytest.raises(DataError, match="no user of it has feedback for training"):
        prepared(path=str(tmp_path))
    (tmp_path / "test.tsv").unlink()
    with pytest.raises(MissingDataError, match=r"test\.tsv"):
        prepared(path=str(tmp_path))


def test_the_eleventh_fold_is_not_the_second(tmp_path):
    for fold in range(12):
        split_files(tmp_path / str(fold), *PARTS[:2], [("a", 100 + fold, 1)], "val")
    data = prepared(path=str(tmp_path), format="hierarchy", fold=10)
    assert named(data, data.test) == {("a", "110")}
    with pytest.raises(ConfigError, match=r"expected fold in 0\.\.11, got 12"):
        prepared(path=str(tmp_path), format="hierarchy", fold=12)
    with pytest.raises(MissingDataError, match="one per fold, 0, 1"):
        prepared(path=str(tmp_path / "none"), format="hierarchy")


def test_validation_folds_lie_inside_a_fold(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "test.tsv").write_text(lines(PARTS[2]))
    for n in range(2):
        split_files(tmp_path / "0" / str(n), PARTS[0], [("a", 50 + n, 1)], None, "val")
    data = prepared(path=str(tmp_path), format="hierarchy", valid_fold=1)
    assert named(data, data.valid) == {("a", "51")}


@pytest.mark.parametrize("split", [LAST, Split(test=TemporalLeaveOut(n=1))])
def test_written_splits_are_read_back(file, tmp_path, split):
    data = ratings(path=str(file), split=split)
    write_splits(tmp_path / "out", data)
    back = prepared(path=str(tmp_path / "out"), format="hierarchy")
    assert (back.user_ids, back.item_ids) == (data.user_ids, data.item_ids)
    for part in ("train", "valid", "test"):
        one, other = getattr(data, part), getattr(back, part)
        assert torch.equal(one.indptr, other.indptr)
        assert torch.equal(one.items, other.items)
        if len(one):
            assert torch.equal(one.ratings, other.ratings)
            assert torch.equal(one.timestamps, other.timestamps)


def test_lists_are_written_by_name(file, tmp_path):
    data = ratings(path=str(file), split=LAST)
    ranking = torch.full((len(data.user_ids), 2), -1)
    ranking[0], ranking[2, 0] = torch.tensor([3, 1]), 0
    write_lists(tmp_path / "l.tsv", ranking, torch.tensor([[0.5, 0.25]] * 9), data)
    a, b, c = data.item_ids[3], data.item_ids[1], data.item_ids[0]
    expected = f"0\t{a}\t0.5\t1\n0\t{b}\t0.25\t2\n2\t{c}\t0.5\t1\n"
    assert (tmp_path / "l.tsv").read_text() == expected


HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def test_atomic_files_whole_and_split_before(tmp_path):
    (tmp_path / "x.inter").write_text(HEADER + lines(ROWS))
    data = ratings(path=str(tmp_path), format="atomic", split=LAST)
    (tmp_path / "x.tsv").write_text(lines(ROWS))
    same = ratings(path=str(tmp_path / "x.tsv"), split=LAST)
    for part in ("train", "valid", "test"):
        assert named(data, getattr(data, part)) == named(same, getattr(same, part))
    folder = tmp_path / "benchmark"
    folder.mkdir()
    for name, rows in zip(("train", "valid", "test"), PARTS, strict=True):
        (folder / f"y.{name}.inter").write_text(
            "user_id:token\titem_id:token\trating:float\n" + lines(rows)
        )
    split = prepared(path=str(folder), format="atomic")
    assert named(split, split.train) == {("b", "10"), ("a", "2"), ("b", "2")}
    assert named(split, split.valid) == {("a", "10")}
    assert named(split, split.test) == {("b", "7")}
    (folder / "y.valid.inter").unlink()
    assert not len(prepared(path=str(folder), format="atomic").valid)
    (tmp_path / "x.inter").write_text("user_id:token\trating:float\n1\t2\n")
    with pytest.raises(DataError, match="no column item_id or itemID"):
        ratings(path=str(tmp_path), format="atomic")
    (tmp_path / "x.inter").write_text(HEADER + "1\t2\t3\t4\n1\t3\tmany\t4\n")
    with pytest.raises(DataError, match="line 3: rating 'many' is not a number"):
        ratings(path=str(tmp_path), format="atomic")


def test_mmrec_labels_rows(tmp_path):
    rows = [(0, 5, 4, 9, 0), (1, 5, 3, 9, 0), (0, 6, 1, 9, 1), (1, 7, 2, 9, 2), (0, 7, 2, 9, 2)]
    header = "userID\titemID\trating\ttimestamp\tx_label\n"
    (tmp_path / "baby.inter").write_text(header + lines(rows))
    data = prepared(path=str(tmp_path), format="mmrec")
    assert named(data, data.train) == {("0", "5"), ("1", "5")}
    assert named(data, data.valid) == {("0", "6")}
    assert named(data, data.test) == {("1", "7"), ("0", "7")}
    (tmp_path / "baby.inter").write_text(header + lines([(0, 5, 4, 9, 3)]))
    with pytest.raises(DataError, match=r"x_label of 0 \(train\), 1 \(validation\), 2 \(test\)"):
        prepared(path=str(tmp_path), format="mmrec")
    (tmp_path / "baby.inter").write_text(header + lines([(0, 5, 4, 9, 0)]))
    with pytest.raises(DataError, match="no row is for test"):
        prepared(path=str(tmp_path), format="mmrec")
