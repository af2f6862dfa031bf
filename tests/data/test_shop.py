"""A shop as a business has it: a product list, one purchase log, pictures; and what is odd."""

import csv
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.spec import digest
from vrbench.data.oddities import oddities
from vrbench.data.sources.shop import shop
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import RandomHoldOut

ITEMS = {f"0{n}": ("hat", "bag", "sock")[n % 3] for n in range(12)}
BOUGHT = [
    (f"user {u}", f"0{(u + 5 * n) % 12}", f"2024-0{n + 1}-1{u % 10} 18:00:00")
    for u in range(6)
    for n in range(5)
]
HEADER = ["customer_id", "article_id", "t_dat"]


def write(path, header, rows, delimiter=","):
    with open(path, "w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])


@pytest.fixture
def place(tmp_path):
    """A folder whose pictures are named like the items, in folders of their own."""
    for n, item in enumerate(ITEMS):
        folder = tmp_path / "photos" / item[:2]
        folder.mkdir(parents=True, exist_ok=True)
        noise = torch.randint(0, 256, (20, 20, 3), generator=torch.Generator().manual_seed(n))
        Image.fromarray(noise.byte().numpy()).save(folder / f"{item}.png")
    write(tmp_path / "products.csv", ["Article_ID", "name", "Product Type"],
          [(item, "a, b", kind) for item, kind in ITEMS.items()])  # fmt: skip
    write(tmp_path / "orders.csv", HEADER, BOUGHT)
    return tmp_path


def read(place, **settings):
    return shop(path=str(place), size=16, **settings)


def pairs(data):
    """Every purchase by names, whatever its part."""
    return {
        (data.user_ids[u], data.item_ids[i])
        for part in (data.train, data.valid, data.test)
        for u, i in zip(part.users.tolist(), part.items.tolist(), strict=True)
    }


def test_tables_and_columns_are_found_by_their_names(place, caplog):
    with caplog.at_level("INFO"):
        data = read(place)
    assert "orders.csv: user 'customer_id', bought 'article_id', time 't_dat'" in caplog.text
    assert list(data.item_ids) == sorted(ITEMS)
    names = [data.catalogue.names[c] for c in data.catalogue.categories.tolist()]
    assert dict(zip(data.item_ids, names, strict=True)) == ITEMS
    assert pairs(data) == {(user, item) for user, item, _ in BOUGHT}
    last = {user: item for user, item, _ in BOUGHT}  # the last fifth of five is one
    tested = zip(data.test.users.tolist(), data.test.items.tolist(), strict=True)
    assert {(data.user_ids[u], data.item_ids[i]) for u, i in tested} == set(last.items())


def test_each_picture_is_that_of_its_item(place):
    data = read(place)
    n = data.item_ids.index("07")
    file = next((place / "photos").rglob("07.png"))
    with Image.open(file) as opened:
        expected = torch.tensor(np.asarray(opened.resize((16, 16), Image.Resampling.LANCZOS)))
    found = (data.catalogue.images[torch.tensor([n])][0] * 255).round().long()
    assert torch.equal(found.permute(1, 2, 0), expected.long())


def test_paths_that_windows_wrote_are_read(place):
    files = {item: next((place / "photos").rglob(f"{item}.png")) for item in ITEMS}
    paths = {item: str(file.relative_to(place)) for item, file in files.items()}
    rows = [(item, path.replace("/", "\\"), ITEMS[item]) for item, path in paths.items()]
    write(place / "products.csv", ["item_id", "image", "category"], rows)
    data = read(place)
    assert list(data.item_ids) == sorted(ITEMS)


@pytest.mark.parametrize("kind", ["tsv", "parquet", "sqlite"])
def test_every_kind_of_table_gives_the_same_shop(place, kind):
    expected = read(place)
    (place / "orders.csv").unlink()
    if kind == "tsv":
        write(place / "orders.tsv", HEADER, BOUGHT, "\t")
        data = read(place)
    elif kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = zip(
            ("customer_id", "article_id", "t_dat"), zip(*BOUGHT, strict=True), strict=True
        )
        parquet.write_table(pyarrow.table(dict(columns)), place / "orders.parquet")
        data = read(place)
    else:
        with sqlite3.connect(place / "shop.db") as database:
            database.execute("CREATE TABLE log (who TEXT, what TEXT, at TEXT)")
            database.executemany("INSERT INTO log VALUES (?, ?, ?)", BOUGHT)
        database.close()
        query = "SELECT who AS user, what AS item, at AS time FROM log"
        data = read(place, purchases="shop.db", query=query)
    for part in ("train", "valid", "test"):
        one, other = getattr(data, part), getattr(expected, part)
        assert torch.equal(one.users, other.users)
        assert torch.equal(one.items, other.items)
        assert torch.equal(one.timestamps, other.timestamps)


@pytest.mark.parametrize("kind", ["sqlite", "sqlite+pysqlite"])
def test_a_database_is_asked_by_its_address(place, kind):
    """The first is read without SQLAlchemy, the second through it."""
    if kind != "sqlite":
        pytest.importorskip("sqlalchemy")
    whole = read(place)
    with sqlite3.connect(place / "elsewhere") as database:
        database.execute("CREATE TABLE log (who, what, at)")
        database.executemany("INSERT INTO log VALUES (?, ?, ?)", BOUGHT)
    database.close()
    address = f"{kind}:///{place / 'elsewhere'}"
    query = "SELECT who AS user, what AS item, at AS time FROM log"
    data = read(place, purchases=address, query=query)
    assert pairs(data) == pairs(whole)
    assert data.test.items.tolist() == whole.test.items.tolist()
    with pytest.raises(ConfigError, match=r"needs dataset.query=SELECT"):
        read(place, purchases=address)
    for wrong in ("DROP TABLE log", "DELETE FROM log", ""):
        with pytest.raises(ConfigError, match="expected one SELECT"):
            read(place, purchases=address, query=wrong)
    with pytest.raises(DataError, match="no such table: nowhere"):
        read(place, purchases=address, query="SELECT * FROM nowhere")
    assert pairs(read(place, purchases=address, query=query)) == pairs(whole)


def test_a_password_stands_in_no_message(place):
    pytest.importorskip("sqlalchemy")
    for address in ("nonsense://me:secret@host/db", "sqlite+pysqlite://me:secret@host/db"):
        with pytest.raises(DataError) as refused:
            read(place, purchases=address, query="SELECT 1 AS user")
        assert "secret" not in str(refused.value)


def test_a_query_can_only_read(place):
    with sqlite3.connect(place / "shop.db") as database:
        database.execute("CREATE TABLE log (who TEXT)")
    database.close()
    before = (place / "shop.db").read_bytes()
    for query in ("DROP TABLE log", "INSERT INTO log VALUES ('x')"):
        with pytest.raises(DataError, match=r"readonly|read-only|attempt to write"):
            read(place, purchases="shop.db", query=query)
    assert (place / "shop.db").read_bytes() == before


def test_what_cannot_count_is_left_out_and_counted(place, caplog):
    next((place / "photos").rglob("03.png")).unlink()
    rows = [*BOUGHT, ("", "04", "2024-01-01"), ("user 1", "unheard of", "2024-01-01")]
    write(place / "orders.csv", HEADER, rows)
    data = read(place)
    assert "03" not in data.item_ids
    assert pairs(data) == {(user, item) for user, item, _ in BOUGHT if item != "03"}
    assert "left out: 1 product without a picture (03)" in caplog.text
    assert "left out: 1 purchase without a user or an item" in caplog.text
    gone = sum(item == "03" for _, item, _ in BOUGHT)
    assert f"{gone + 1} purchases of products without a picture" in caplog.text
    assert "or not on the list (03, unheard of)" in caplog.text


def test_a_column_of_files_and_one_of_stars(place):
    rows = [(i, f"photos/{i[:2]}/{i}.png", k) for i, k in ITEMS.items()]
    write(place / "products.csv", ["id of it", "image", "category"], rows)
    with pytest.raises(ConfigError, match=r"which column is the item\? Set dataset\.item_column"):
        read(place)
    stars = [(user, item, n % 5) for n, (user, item, _) in enumerate(BOUGHT)]
    write(place / "orders.csv", ["user", "item", "stars"], stars)
    data = read(place, item_column="id of it", split=Split(test=RandomHoldOut()))
    assert data.train.timestamps is None
    assert pairs(data) == {(user, item) for user, item, star in stars if star > 0}


def no_time(place):
    write(place / "orders.csv", ["user", "item"], [row[:2] for row in BOUGHT])


def bad_time(place):
    rows = [*BOUGHT[:3], (*BOUGHT[3][:2], "31/05/2024"), *BOUGHT[4:]]
    write(place / "orders.csv", ["user", "item", "date"], rows)


def two_logs(place):
    write(place / "sales.csv", ["user", "item"], BOUGHT)


def two_users(place):
    write(
        place / "orders.csv",
        ["Customer ID", "customer_id", "item"],
        [("a", *r[:2]) for r in BOUGHT],
    )


def other_ids(place):
    write(place / "orders.csv", ["user", "item"], [(u, i.lstrip("0") + "x") for u, i, _ in BOUGHT])


def two_pictures(place):
    Image.new("RGB", (20, 20)).save(place / "photos" / "05.jpg")


def twice(place):
    rows = [(i, k) for i, k in ITEMS.items()]
    write(place / "products.csv", ["item", "category"], [*rows, rows[0]])


def out_of_it(place):
    outside = place.parent / "outside.png"
    Image.new("RGB", (20, 20)).save(outside)
    file = next((place / "photos").rglob("05.png"))
    file.unlink()
    file.symlink_to(outside)


@pytest.mark.parametrize(
    ("spoil", "error", "why"),
    [
        (no_time, DataError, "needs timestamps.*split at random"),
        (bad_time, DataError, "orders.csv, line 5: '31/05/2024' is neither a number nor a date"),
        (
            two_logs,
            MissingDataError,
            "orders.csv and sales.csv could both be meant.*purchases=FILE",
        ),
        (two_users, ConfigError, "Customer ID and customer_id could both be the user: set dataset"),
        (other_ids, DataError, "no purchase is of a product on the list, as of '.*leading zeros"),
        (two_pictures, DataError, "two pictures of item '05'"),
        (twice, DataError, "products.csv, line 14: item '00' stands twice, first in line 2"),
        (out_of_it, DataError, "leads out of the folder.*dataset.root"),
    ],
)
def test_what_cannot_be_understood_is_one_line_that_says_what_to_do(place, spoil, error, why):
    spoil(place)
    with pytest.raises(error, match=why) as told:
        read(place)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"items": "none.csv"}, "no file .*none.csv"),
        ({"items": "list.xlsx"}, "expected a file that ends in .csv"),
        ({"user_column": "customer"}, "no column 'customer'.*did you mean 'customer_id'"),
        ({"query": "SELECT 1"}, "is no database for a query"),
        ({"pictures": "pics"}, "no folder .*pics: set dataset.pictures"),
    ],
)
def test_settings_that_name_nothing_say_what_there_is(place, settings, why):
    with pytest.raises((ConfigError, DataError, MissingDataError), match=why):
        read(place, **settings)


def test_the_key_follows_the_files_and_what_is_read_of_them(place):
    first = read(place).spec
    assert read(place).spec == first
    assert read(place, split=Split(test=RandomHoldOut())).spec != first
    write(place / "orders.csv", HEADER, BOUGHT[1:])
    assert read(place).spec != first


def test_oddities_of_a_shop(place):
    told = list(oddities(read(place)))
    assert [line for line in told if "picture" in line] == []
    assert any(line.startswith("3 of 3 categories have fewer than 10 items") for line in told)
    assert any("only 6 users have a purchase to test on" in line for line in told)
    files = [next(Path(place / "photos").rglob(f"0{n}.png")) for n in range(3)]
    files[1].write_bytes(files[0].read_bytes())
    Image.new("RGB", (20, 20), "white").save(files[2])
    told = list(oddities(read(place)))
    assert any(
        line.startswith("2 items share their picture") and "00 = 01" in line for line in told
    )
    assert any(line.startswith("1 picture shows one colour only (02)") for line in told)


def test_the_command_says_what_was_understood_and_draws_a_sheet(place, capsys, monkeypatch):
    from vrbench.cli.commands import COMMANDS

    monkeypatch.chdir(place)
    assert COMMANDS["shop"](["check", ".", "dataset.size=32", "--picture", "sheet.png"]) == 0
    told = capsys.readouterr().out
    assert "12 items with a picture, in 3 categories" in told
    assert "30 purchases of 6 users, 2024-01-10 to 2024-05-15" in told
    assert "test 6; 6 users have a purchase to test on" in told
    assert "next: python -m vrbench dataset=shop dataset.path=." in told
    assert "extractor=efficientnet_lite0 scenario=any_items objective=promote_lists" in told
    with Image.open(place / "sheet.png") as sheet:
        assert sheet.height > 3 * 96


def test_a_picture_of_the_user_s_own_is_not_drawn_over(place, monkeypatch):
    from vrbench.cli.commands import COMMANDS

    monkeypatch.chdir(place)
    check = ["check", ".", "dataset.size=32"]
    Image.new("RGB", (4, 4)).save(place / "shop.png")
    with pytest.raises(ConfigError, match="no contact sheet: name another with --picture"):
        COMMANDS["shop"](check)
    with Image.open(place / "shop.png") as kept:
        assert kept.size == (4, 4)
    (place / "shop.png").unlink()
    assert COMMANDS["shop"](check) == 0
    assert COMMANDS["shop"](check) == 0, "a sheet of ours takes the place of the last"


def test_what_is_left_out_is_odd_and_named(place, capsys, monkeypatch):
    from vrbench.cli.commands import COMMANDS

    monkeypatch.chdir(place)
    next((place / "photos").rglob("03.png")).unlink()
    write(place / "orders.csv", HEADER, [*BOUGHT, ("user 1", "unheard of", "2024-01-01")])
    assert COMMANDS["shop"](["check", ".", "dataset.size=32", "--picture", "sheet.png"]) == 0
    told = capsys.readouterr()
    assert "odd: left out: 1 product without a picture (03)" in told.out
    assert "(03, unheard of)" in told.out
    assert "left out" not in told.err
    assert "nothing is odd" not in told.out


def test_folds_of_a_shop_test_every_purchase_once(place):
    split = Split(test=KFold(folds=2))
    first, second = (read(place, split=split, fold=n) for n in (0, 1))
    tested = [
        set(zip(of.users.tolist(), of.items.tolist(), strict=True))
        for of in (first.test, second.test)
    ]
    assert not tested[0] & tested[1]
    assert len(tested[0] | tested[1]) == len(pairs(first))
    assert digest(first) != digest(second)
    assert digest(first.spec_of_folds) == digest(second.spec_of_folds)
