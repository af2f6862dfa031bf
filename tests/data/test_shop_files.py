"""A data set written as the files of a business is read back as the same shop."""

import csv

import pytest
import torch

from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError
from vrbench.data.shop_files import write_shop
from vrbench.data.sources.boutique import boutique
from vrbench.data.sources.shop import shop


def bought(data):
    """Every purchase by names and time, whatever part it is in."""
    return {
        (data.user_ids[u], data.item_ids[i], t)
        for part in (data.train, data.valid, data.test)
        for u, i, t in zip(
            part.users.tolist(), part.items.tolist(), part.timestamps.tolist(), strict=True
        )
    }


@pytest.fixture
def drawn():
    return boutique(num_items=32, num_users=10, size=32)


def test_it_is_read_back_as_it_was(tmp_path, drawn):
    write_shop(tmp_path / "shop", drawn)
    read = shop(path=str(tmp_path / "shop"), size=32)
    assert bought(read) == bought(drawn)
    here, there = read.catalogue, drawn.catalogue
    for n in (0, 7, 31):
        same = drawn.item_ids.index(read.item_ids[n])
        assert here.names[here.categories[n]] == there.names[there.categories[same]]
        pair = here.images[torch.tensor([n])], there.images[torch.tensor([same])]
        torch.testing.assert_close(*pair, atol=0.5 / 255, rtol=0)


def test_the_log_is_in_the_order_of_time(tmp_path, drawn):
    write_shop(tmp_path / "shop", drawn)
    with open(tmp_path / "shop" / "purchases.csv", newline="") as file:
        dates = [row["date"] for row in csv.DictReader(file)]
    assert dates == sorted(dates)
    assert len(dates) == sum(map(len, (drawn.train, drawn.valid, drawn.test)))


def test_nothing_that_is_there_is_written_over(tmp_path, drawn):
    (tmp_path / "mine.csv").touch()
    with pytest.raises(ConfigError, match="is there already; name a new folder"):
        write_shop(tmp_path, drawn)


def test_the_command_says_what_comes_next(tmp_path, capsys):
    small = ["dataset.num_items=32", "dataset.num_users=10", "dataset.size=32"]
    assert COMMANDS["shop"](["draw", str(tmp_path / "new"), *small]) == 0
    told = capsys.readouterr().out
    assert f"next: python -m vrbench shop check {tmp_path / 'new'}" in told
    assert len(list((tmp_path / "new" / "photos").iterdir())) == 32
