"""File format of records: a header of shared values, then one line per cell.

The first line is ``{"record": 1, "same": ..., "listed": ..., "rows": ...}``: what is equal in all
cells, the values that several cells have, by field, and the kinds of rows. A line after it has the
other fields as they are; a number in place of a listed field, the position in its list; and of each
row the position of its kind, then its numbers. Fields of ``parts`` are called ``parts.attack``.
Records of earlier versions, in which each line is whole, are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vrbench.core.errors import DataError

FORMAT = 1
LISTED = ("case", "extractor", "features", "machine", "metrics", "versions")
PARTS = "parts."
Fields = dict[str, Any]


def packed(cells: Iterable[Fields]) -> str:
    """Return the lines of a record, in an order that depends on nothing but the cells.

    Args:
        cells: what runs left, each with ``parts`` and perhaps with ``rows``.
    """
    told = [_flat(cell) for cell in sorted(cells, key=lambda c: json.dumps(c, sort_keys=True))]
    same = _shared(told)
    listed: dict[str, _Positions] = {}
    kinds = _Positions()
    lines = []
    for cell in told:
        line = {key: value for key, value in cell.items() if key not in same}
        for key in filter(_is_listed, line):
            if line[key] is not None:
                line[key] = listed.setdefault(key, _Positions()).of(line[key])
        if "rows" in line:
            line["rows"] = [_numbers(row, kinds) for row in line["rows"]]
        lines.append(json.dumps(line, separators=(",", ":")))
    header = {
        "record": FORMAT,
        "same": same,
        "listed": {key: positions.values for key, positions in listed.items()},
        "rows": kinds.values,
    }
    return "\n".join([json.dumps(header), *lines]) + "\n"


def _shared(cells: Sequence[Fields]) -> Fields:
    """Return the fields that are equal in all cells, but for rows."""
    first, *others = cells or [{}]
    return {
        key: value
        for key, value in first.items()
        if key != "rows" and all(key in o and _text(o[key]) == _text(value) for o in others)
    }


def _is_listed(field: str) -> bool:
    return field in LISTED or field.startswith(PARTS)


def unpacked(text: str) -> Iterator[Any | DataError]:
    """Yield each cell of a record as the run left it, or the reason why it cannot be had.

    Of a first line that is wrong, the cells after it are not named: there is one reason for all.
    """
    header: _Header | None = None
    skipping = False
    for line in text.splitlines():
        try:
            if line.startswith('{"record"'):
                skipping = True  # unless it can be read
            told = parsed(line)
            if isinstance(told, dict) and "record" in told:
                skipping = True
                header = _Header(told)
                skipping = False
            elif not skipping:
                yield told if header is None else header.whole(told)
        except DataError as reason:
            yield reason


def parsed(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        DataError: if it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"half written, or no JSON ({error}): run that cell again") from None


def lacks_its_header(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell is a line of which the first of its record is missing."""
    rows = cell.get("rows")
    numbered = isinstance(rows, list) and any(isinstance(row, list) for row in rows)
    return "parts" not in cell and (numbered or any(key.startswith(PARTS) for key in cell))


class _Positions:
    """Values, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}
        self.values: list[Any] = []

    def of(self, value: Any) -> int:
        text = _text(value)
        if text not in self._found:
            self._found[text] = len(self.values)
            self.values.append(value)
        return self._found[text]


class _Header:
    """What the first line says of the others."""

    def __init__(self, told: Fields) -> None:
        """Read a first line.

        Raises:
            DataError: if it is of another format, or no header.
        """
        if told["record"] != FORMAT:
            raise DataError(
                f"a record of format {told['record']!r:.20}, and this version reads {FORMAT}"
            )
        self.same: Fields = told.get("same")  # type: ignore[assignment]  # checked below
        self.listed: dict[str, list[Any]] = told.get("listed")  # type: ignore[assignment]
        self.kinds: list[Any] = told.get("rows")  # type: ignore[assignment]
        right = {
            "same": isinstance(self.same, dict),
            "listed": isinstance(self.listed, dict)
            and all(isinstance(values, list) for values in self.listed.values()),
            "rows": isinstance(self.kinds, list) and all(map(_is_kind, self.kinds)),
        }
        if wrong := [key for key, fits in right.items() if not fits]:
            raise DataError(f"its first line, {', '.join(wrong)}: missing, or of another kind")

    def whole(self, line: Any) -> Fields:
        """Return a cell as the run left it.

        Raises:
            DataError: if the line refers to what the header does not list.
        """
        if not isinstance(line, dict):
            raise DataError("no rows of vrbench")
        flat = self.same | {key: self._value(key, value) for key, value in line.items()}
        parts = {k.removeprefix(PARTS): v for k, v in flat.items() if k.startswith(PARTS)}
        cell = {key: value for key, value in flat.items() if not key.startswith(PARTS)}
        return cell | {"parts": parts}

    def _value(self, key: str, value: Any) -> Any:
        if key == "rows":
            return self._rows(value)
        if value is None or key not in self.listed:
            return value
        return _at(self.listed[key], value, key)

    def _rows(self, told: Any) -> list[Fields]:
        if not isinstance(told, list) or not all(isinstance(row, list) and row for row in told):
            raise DataError("rows: of another kind than a record has them")
        return [self._row(_at(self.kinds, row[0], "rows"), row[1:]) for row in told]

    def _row(self, kind: Sequence[Any], numbers: Sequence[Any]) -> Fields:
        texts, names = kind
        if len(numbers) != len(names):
            raise DataError(f"rows: {len(numbers)} numbers in place of {len(names)}")
        return texts | dict(zip(names, numbers, strict=True))


def _at(values: Sequence[Any], position: Any, key: str) -> Any:
    if type(position) is not int or not 0 <= position < len(values):
        raise DataError(f"{key}: its first line lists {len(values)}, and this is {position!r:.40}")
    return values[position]


def _is_kind(told: Any) -> bool:
    if not isinstance(told, list) or len(told) != 2:
        return False
    texts, names = told
    return (
        isinstance(texts, dict)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    )


def _flat(cell: Fields) -> Fields:
    parts = {f"{PARTS}{axis}": made for axis, made in cell.get("parts", {}).items()}
    return parts | {key: value for key, value in cell.items() if key != "parts"}


def _numbers(row: Fields, kinds: _Positions) -> list[Any]:
    """Return the position of a row's texts, then what is no text."""
    texts = {key: value for key, value in row.items() if isinstance(value, str)}
    names = [key for key in row if key not in texts]
    return [kinds.of([texts, names]), *(row[name] for name in names)]


def _text(value: Any) -> str:
    return json.dumps(value)
