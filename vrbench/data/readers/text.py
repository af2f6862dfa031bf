"""Lines of UTF-8 text files, without quoting or escapes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from vrbench.core.errors import DataError
from vrbench.core.files import regular
from vrbench.data.published import source_of


def read_lines(path: Path, holds: str) -> list[str]:
    """Return the lines of a file without their ends; a byte order mark at its start is skipped.

    Args:
        path: the file.
        holds: what it should hold, for the message if it is missing.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no file (a pipe, a device), cannot be read, or is not UTF-8; the text
            names the line.
    """
    regular(path, f"no file {path}: put one there that holds {holds}{source_of(path)}")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if b"\0" in raw:
        line = _line(raw, raw.index(b"\0"))
        raise DataError(f"{path}, line {line}: a byte of zero; save the file as text in UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = _line(error.object, error.start), error.object[error.start]
        raise DataError(
            f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def read_tabs(path: Path, holds: str, *, blanks: bool = False) -> tuple[list[int], list[list[str]]]:
    """Return the numbers of the lines that are not empty, from 1, and their fields, stripped.

    Tabs separate, and quotes are letters.

    Args:
        path: the file.
        holds: what it should hold, for the message if it is missing.
        blanks: whether blanks separate where a line has no tab.

    Raises:
        MissingDataError, DataError: as ``read_lines``; and if a line has other than as many fields
            as the first.
    """
    numbers, rows = [], []
    for number, line in enumerate(read_lines(path, holds), 1):
        if line.strip(" "):
            fields = line.split() if blanks and "\t" not in line else line.split("\t")
            numbers.append(number)
            rows.append([field.strip() for field in fields])
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{path}, line {number}: expected {len(rows[0])} columns as in line {numbers[0]}, "
                f"got {len(row)}"
            )
    return numbers, rows


def read_commas(path: Path, holds: str) -> tuple[list[int], list[list[str]]]:
    """Return the numbers of the lines that are not empty, from 1, and their fields, stripped.

    Commas separate, and quotes are as in RFC 4180, but no value goes over several lines.

    Raises:
        MissingDataError, DataError: as ``read_lines``; and if a quote is not closed, or a line has
            other than as many fields as the first.
    """
    numbers, rows = [], []
    for number, row in _parsed(path, read_lines(path, holds)):
        numbers.append(number)
        rows.append([field.strip() for field in row])
        if len(row) != len(rows[0]):
            raise DataError(
                f"{path}, line {number}: expected {len(rows[0])} values as in line {numbers[0]}, "
                f"got {len(row)}"
            )
    return numbers, rows


def _parsed(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line + "\n" for line in lines), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {first}: {error}; is a quote not closed, or not doubled?"
            ) from error
        if row is None:
            return
        if reader.line_num > first:
            raise DataError(
                f"{path}, line {first}: a quoted value goes on to line {reader.line_num}; is a "
                "quote not closed?"
            )
        if first == 1 and len(row) == 1 and ";" in row[0]:
            raise DataError(f"{path}: semicolons separate its values: save it with commas")
        if len(row) > 1 or any(field.strip() for field in row):
            yield first, row


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1
