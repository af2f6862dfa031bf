"""What a split may not count is left out and counted aloud, or refused; in every reader."""

import logging

import pytest
import torch

from tests.data.test_folder import ITEMS, shop, write  # noqa: F401
from vrbench.core.errors import DataError
from vrbench.data.sources.folder import folder
from vrbench.data.sources.interactions_only import amazon, movielens
from vrbench.data.sources.ratings_files import prepared, ratings
from vrbench.data.sources.var import var
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.fixed_timestamp import FixedTimestamp
from vrbench.data.splits.strategies.per_user import TemporalLeaveOut

LAST = Split(test=TemporalLeaveOut(n=1))


def pairs(data, part):
    return {
        (data.user_ids[u], data.item_ids[i])
        for u, i in zip(part.users.tolist(), part.items.tolist(), strict=True)
    }


def add(root, text):
    with (root / "train.tsv").open("a") as file:
        file.write(text)


def read(kind, root):
    if kind == "folder":
        return folder(path=str(root), size=16)
    if kind == "amazon":
        return amazon(path=str(root))
    for name, other in (("train", "training"), ("validation", "validation"), ("test", "test")):
        (root / f"{other}set.tsv").write_text((root / f"{name}.tsv").read_text())
    (root / "photos").rename(root / "images")
    return var(path=str(root), size=16)


@pytest.mark.parametrize("kind", ["folder", "amazon", "var"])
def test_a_pair_counts_in_its_first_part_only(shop, caplog, kind):  # noqa: F811
    write(shop, "train.tsv", ["u1\tb7", "u2\ta1", "u1\ta1"])
    write(shop, "validation.tsv", ["u1\tb7", "u2\tb7", "u1\tc"])
    write(shop, "test.tsv", ["u1\tc", "u2\t10", "u2\ta1"])
    data = read(kind, shop)
    assert pairs(data, data.train) == {("u1", "b7"), ("u2", "a1"), ("u1", "a1")}
    assert pairs(data, data.valid) == {("u2", "b7"), ("u1", "c")}
    assert pairs(data, data.test) == {("u2", "10")}
    assert caplog.text.count("left out: 1 of 3 pairs, in ") == 2
    assert caplog.text.count("left out: 1 of 2 pairs, in ") == 1
    assert not data.seen.contains(data.test.users, data.test.items).any()


def test_the_key_tells_what_was_left_out(shop):  # noqa: F811
    before = folder(path=str(shop), size=16).test.spec
    add(shop, "u2\tc\t1\t9\n")
    other = folder(path=str(shop), size=16)
    assert pairs(other, other.test) == {("u1", "10")}
    assert other.test.spec != before


def test_a_test_that_stands_in_train_as_a_whole_is_refused(shop):  # noqa: F811
    add(shop, (shop / "test.tsv").read_text())
    with pytest.raises(DataError, match=r"test\.tsv: every pair stands in .*train\.tsv"):
        folder(path=str(shop), size=16)


def test_splits_of_elliot_and_mmrec_may_not_overlap(tmp_path):
    fold = tmp_path / "0"
    fold.mkdir()
    for name, lines in (("train", "a\t1\na\t2\n"), ("val", "a\t3\n"), ("test", "a\t2\n")):
        (fold / f"{name}.tsv").write_text(lines)
    with pytest.raises(DataError, match=r"1 pair stands in .* too, as of user 'a' and item '2'"):
        prepared(path=str(tmp_path), format="hierarchy")
    (tmp_path / "x.inter").write_text(
        "userID\titemID\tx_label\na\t1\t0\na\t2\t0\na\t3\t1\na\t3\t2\n"
    )
    with pytest.raises(DataError, match=r"1 pair stands in .* too, as of user 'a' and item '3'"):
        prepared(path=str(tmp_path), format="mmrec")


def test_a_rating_of_zero_is_no_like(shop, tmp_path, caplog):  # noqa: F811
    add(shop, "u1\tc\t0\t9\nu2\tb7\t-1\t9\n")
    data = folder(path=str(shop), size=16)
    assert pairs(data, data.train) == {("u1", "b7"), ("u2", "a1"), ("u1", "a1")}
    assert "left out: 2 ratings of zero or less" in caplog.text
    write(shop, "validation.tsv", ["u1\tc\t0\t1", "u2\tb7\t4\t1"])
    assert len(amazon(path=str(shop)).valid) == len(prepared(path=str(shop)).valid) == 1
    rows = [f"u\t{i}\t{i % 3}\t{i}" for i in range(12)]
    write(tmp_path, "all.tsv", rows)
    data = ratings(path=str(tmp_path / "all.tsv"), split=LAST)
    assert len(data.train) + len(data.test) == len(data.item_ids) == 8
    write(tmp_path, "x.inter", ["user_id:token\titem_id:token\trating:float\tx:float", *rows])
    assert movielens(path=str(tmp_path)).train.ratings.min() > 0
    write(shop, "train.tsv", ["u1\tb7\t0"])
    with pytest.raises(DataError, match=r"train\.tsv: no rating is above zero"):
        folder(path=str(shop), size=16)


def test_repeated_lines_are_counted(shop, caplog):  # noqa: F811
    add(shop, "u1\tb7\t3\t8\n")
    data = folder(path=str(shop), size=16)
    assert "1 line repeats a user and item: the last is kept" in caplog.text
    assert sorted(data.train.timestamps.tolist()) == [6, 7, 8]
    write(shop, "x.inter", ["user_id\titem_id", *(f"u\t{n}" for n in [*range(20), *range(20)])])
    caplog.clear()
    data = movielens(path=str(shop))
    assert len(data.train) + len(data.valid) + len(data.test) == 20
    assert "20 lines repeat" in caplog.text


def test_fractions_of_a_second_have_an_order(tmp_path):
    file = tmp_path / "all.tsv"
    write(tmp_path, "all.tsv", ["a\t1\t1\t5.9", "a\t2\t1\t5.25", "a\t3\t1\t5.5", "b\t2\t1\t4"])
    data = ratings(path=str(file), split=LAST)
    assert pairs(data, data.test) == {("a", "1")}
    data = ratings(path=str(file), split=Split(test=FixedTimestamp()))
    assert pairs(data, data.test) == {("a", "1")}
    base = 1_700_000_000_000_000_000  # nanoseconds, too long for float64
    write(tmp_path, "all.tsv", [f"a\t{n}\t1\t{base + (7 * n) % 5}" for n in range(5)])
    data = ratings(path=str(file), split=LAST)
    assert pairs(data, data.test) == {("a", "2")}
    assert data.test.timestamps.tolist() == [base + 4]


def test_vars_own_preparation_is_read(shop):  # noqa: F811
    """It leaves rating and time empty where it moves an item from test to train."""
    write(shop, "train.tsv", ["1\tb7\t1.0\t0", "2\ta1\t1.0\t0", "1\tc\t\t"])
    write(shop, "validation.tsv", ["1\ta1\t1.0\t0"])
    write(shop, "test.tsv", ["2\t10\t1.0\t0"])
    data = read("var", shop)
    assert ("1", "c") in pairs(data, data.train)
    with pytest.raises(DataError, match=r"train\.tsv, line 3: rating '' is not a number"):
        amazon(path=str(shop))


def test_nothing_is_said_where_nothing_is_left_out(shop, caplog):  # noqa: F811
    with caplog.at_level(logging.WARNING):
        data = folder(path=str(shop), size=16)
    assert not caplog.text
    assert len(data.catalogue) == len(ITEMS)
    assert torch.equal(data.train.counts, torch.tensor([2, 1]))
