"""Names are kept as they are, in every reader and back; what is none is named by its line."""

import pytest
import torch

from tests.data.test_folder import shop, write  # noqa: F401
from vrbench.cli import conf_dir
from vrbench.config import choices, make
from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.export import write_lists, write_splits
from vrbench.data.readers.csv_files import read_items
from vrbench.data.sources.folder import folder
from vrbench.data.sources.interactions_only import amazon, movielens
from vrbench.data.sources.ratings_files import prepared, ratings
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.per_user import TemporalLeaveOut

NAMES = [
    '"ann',
    "NA",
    "null",
    "nan",
    "None",
    "007",
    "7",
    "1.0",
    "1",
    "Bob",
    "bob",
    "a b",
    "é",
    "#x",
    "'",
]
ROWS = [f" {u}\t{i} \t{1 + n % 5}\t{n}" for u in NAMES for n, i in enumerate(NAMES[:6])]
LAST = Split(test=TemporalLeaveOut(n=1), valid=TemporalLeaveOut(n=1))


def test_names_are_letters(tmp_path):
    write(tmp_path, "a.tsv", ROWS)
    data = ratings(path=str(tmp_path / "a.tsv"), split=LAST)
    assert data.user_ids == tuple(sorted(NAMES))
    assert data.item_ids == tuple(sorted(NAMES[:6]))
    write(tmp_path, "a.inter", ["user_id:token\titem_id:token\trating:float\ttime:float", *ROWS])
    assert movielens(path=str(tmp_path)).user_ids == data.user_ids
    write_splits(tmp_path / "out", data)
    back = prepared(path=str(tmp_path / "out"), format="hierarchy")
    assert (back.user_ids, back.item_ids) == (data.user_ids, data.item_ids)
    assert torch.equal(back.train.items, data.train.items)
    write_lists(tmp_path / "l.tsv", torch.tensor([[0]] * 15), torch.tensor([[0.5]] * 15), data)
    lines = (tmp_path / "l.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == list(data.user_ids)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_and_marks_of_byte_order_are_no_letters(tmp_path, end):
    for name, part in (("train", ROWS[:4]), ("validation", ROWS[4:5]), ("test", ROWS[5:6])):
        text = "\ufeff" + end.join(part) + end + end
        (tmp_path / f"{name}.tsv").write_bytes(text.encode())
    data = amazon(path=str(tmp_path))
    assert data.user_ids == ('"ann',)
    assert [len(p) for p in (data.train, data.valid, data.test)] == [4, 1, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            b"user_id\titem_id\tx\ty\n1\t2\t3\t4\n",
            r"line 1: a header \(user_id item_id",
        ),
        (b"userId\tmovieId\n1\t2\n", "line 1: a header"),
        (b"customer\tproduct\n1\t2\n3\t4\n", "line 1: a header"),
        (b"a\tb\n\na\n", r"line 3: expected 2 columns as in line 1, got 1"),
        (b"a\tb\t1\t2\t3\n", "expected 2 to 4 tab-separated columns, got 5"),
        (b"a\tb\n\tb\n", "line 2: no user"),
        (b"a\tb\t\n", "line 1: rating '' is not a number"),
        (b"a\tb\t1\t1e30\n", "line 1: timestamp '1e30' is not a number"),
        (b"a\tb\t1e39\n", "line 1: rating '1e39' is not a number"),
        (b"a\tb\na\tc\0\n", "line 2: a byte of zero"),
        (b"a\tb\na\tcaf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("a\tb\n".encode("utf-16"), "line 1: a byte of zero"),
        (b"", "empty split"),
        (b"\n\n", "empty split"),
    ],
)
def test_what_is_no_feedback_is_named_by_its_line(shop, text, says):  # noqa: F811
    (shop / "train.tsv").write_bytes(text)
    for read in (folder, amazon, prepared):
        with pytest.raises(DataError, match=says) as raised:
            read(path=str(shop))
        assert "train.tsv" in str(raised.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('"x,p.png,hat\ny,p.png,hat', r"items\.csv, line 2: .* is a quote not closed"),
        ('x,p.png,"hat\ny,p.png,hat"', "line 2: a quoted value goes on to line 3"),
        ("x,p.png,hat,more", "line 2: expected 3 values as in line 1, got 4"),
        ("x,p.png", "line 2: expected 3 values as in line 1, got 2"),
        ("x,p.png,hat\n x ,p.png,hat", "line 3: item 'x' stands twice, first in line 2"),
        ('"a\tb",p.png,hat', "line 2: a tab in item"),
    ],
)
def test_what_is_no_item_is_named_by_its_line(tmp_path, line, says):
    (tmp_path / "items.csv").write_text(f"item_id,image,category\n{line}\n")
    with pytest.raises(DataError, match=says):
        read_items(tmp_path / "items.csv")


def test_quotes_of_csv(tmp_path):
    (tmp_path / "items.csv").write_text(
        'category,item_id,image,price\n"hats, ""big""",NA,a.png,3\n\n5" heel,null,b.png,4\n'
    )
    assert read_items(tmp_path / "items.csv") == (
        ["NA", "null"],
        ["a.png", "b.png"],
        ['hats, "big"', '5" heel'],
    )


SETS = (
    "aip_amazon_men aip_tradesy amazon_men amazon_women clothing_men dvbpr_npy ml_100k ml_100k_8020"
)


@pytest.mark.parametrize("name", [*SETS.split(), "pinterest", "tradesy", "var"])
def test_what_is_not_there_names_where_it_comes_from(name, tmp_path, monkeypatch):
    monkeypatch.setenv("VRBENCH_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"https?://|dataset=clothing") as raised:
        make(choices("dataset", conf_dir())[name])
    assert str(tmp_path) in str(raised.value)
    assert "`" in str(raised.value) or name == "clothing_men"
    assert "\n" not in str(raised.value)
