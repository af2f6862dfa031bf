"""MovieLens as GroupLens publishes it, and what is said of a file that is another."""

import pytest
import torch

from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.readers.movielens import read_movielens

ROWS = [("1", "1193", 5.0, 978300760), ("1", "661", 3.0, 978302109), ("20", "1193", 0.5, 9)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n\n20::1193::0.5::9\n"),
        (
            "ratings.csv",
            "userId,movieId,rating,timestamp\r\n1,1193,5,978300760\r\n1,661,3.0,978302109\r\n"
            "20,1193,0.5,9\r\n",
        ),
    ],
)
def test_both_layouts_are_read_by_file_and_by_folder(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    for path in (tmp_path, tmp_path / name):
        file, told = read_movielens(path)
        assert file == tmp_path / name
        columns = (told.users, told.items, told.ratings.tolist(), told.timestamps.tolist())
        assert list(zip(*columns, strict=True)) == ROWS
        assert told.timestamps.dtype == torch.int64


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("ratings.dat", "1::2::3::4\n1::2::3\n", "line 2: expected user::movie::rating::timestamp"),
        ("ratings.dat", "1::2::x::4\n", "line 1"),
        ("ratings.csv", "1,2,3,4\n", "line 1: expected userId,movieId,rating,timestamp"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n", "no rows"),
        ("ratings.dat", "", "no rows"),
    ],
)
def test_another_file_is_refused_by_line(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        read_movielens(tmp_path)


def test_where_it_is_missing_one_line_says_where_it_comes_from(tmp_path):
    for folder in ("ml-1m", "ml-latest-small"):
        with pytest.raises(MissingDataError, match=rf"no ratings\.dat .*{folder}\.zip") as told:
            read_movielens(tmp_path / folder)
        assert "\n" not in str(told.value)
