"""MovieLens as GroupLens publishes it: ``ratings.dat`` of 1M and 10M, ``ratings.csv`` of later."""

from __future__ import annotations

from pathlib import Path

from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.published import source_of
from vrbench.data.readers.csv_files import COLUMNS, Feedback, feedback_of
from vrbench.data.readers.text import read_commas, read_lines

HEADER = ["userId", "movieId", "rating", "timestamp"]
HOLDS = "MovieLens' user::movie::rating::timestamp, or a CSV file of userId,movieId,..."
FILES = ("ratings.dat", "ratings.csv")


def read_movielens(path: Path) -> tuple[Path, Feedback]:
    """Return the ratings of MovieLens, and the file they stand in.

    Args:
        path: ``ratings.dat`` (``user::movie::rating::timestamp``), ``ratings.csv`` (with the header
            ``userId,movieId,rating,timestamp``), or the folder that holds one of them.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if a line is another.
    """
    file = next((path / name for name in FILES if (path / name).is_file()), path)
    if file.is_dir() or not file.exists():
        raise MissingDataError(f"no {' or '.join(FILES)} in {path}{source_of(path)}")
    lines, rows = _rows(file)
    if not rows:
        raise DataError(f"{file}: no rows")
    columns = {name: [row[n] for row in rows] for n, name in enumerate(COLUMNS)}
    return file, feedback_of(file, lines, columns)


def _rows(file: Path) -> tuple[list[int], list[list[str]]]:
    """Return the numbers of the lines, and the four fields of each."""
    if file.suffix == ".csv":
        numbers, rows = read_commas(file, HOLDS)
        if not rows or rows[0] != HEADER:
            raise DataError(f"{file}, line 1: expected {','.join(HEADER)}")
        return numbers[1:], rows[1:]
    numbers, rows = [], []
    for number, line in enumerate(read_lines(file, HOLDS), 1):
        if line.strip():
            numbers.append(number)
            rows.append([field.strip() for field in line.split("::")])
            if len(rows[-1]) != len(COLUMNS):
                raise DataError(
                    f"{file}, line {number}: expected user::movie::rating::timestamp, got "
                    f"{len(rows[-1])} values"
                )
    return numbers, rows
