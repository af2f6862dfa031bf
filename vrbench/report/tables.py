"""Tables for people: aligned text, Markdown, CSV. Reads plain data; computes nothing anew."""

from __future__ import annotations

import csv
import io
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 4) -> str:
    """Return ``value`` with so many significant digits, or ``-`` where there is none.

    Large ones are rounded to whole numbers and printed in full: no powers of ten.
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def signed(value: float | None) -> str:
    """Return a change with its sign and three significant digits, as ``number`` does."""
    if value is None:
        return "-"
    return ("-" if value < 0 else "+") + number(abs(value), 3)


def change(before: float | None, after: float | None) -> str:
    """Return the relative change in percent, signed; ``-`` where it has no meaning."""
    if before is None or after is None or before == 0:
        return "-"
    return f"{100 * (after - before) / abs(before):+.1f} %"


def probability(p: float | None) -> str:
    """Return a p-value with two significant digits; ``-`` where nothing was tested."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.2g}"


def plain(cell: str) -> str:
    r"""Return ``cell`` on one line: what is not printed (escape sequences, ...) as ``\x1b``."""
    return "".join(c if c.isprintable() else _visible(c) for c in cell)


def _visible(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else ascii(character)[1:-1]


def text(heads: Sequence[str], lines: Sequence[Sequence[str]], *, words: bool = False) -> str:
    """Return a table for a terminal: the first column flush left, the others flush right.

    ``words`` sets all columns flush left.
    """
    table = [[plain(cell) for cell in row] for row in (heads, *lines)]
    widths = [max(len(row[n]) for row in table) for n in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(widths[0])
        set_flush = str.ljust if words else str.rjust
        rest = [set_flush(cell, w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    rule = "  ".join("-" * w for w in widths)
    return "\n".join([line(table[0]), rule, *map(line, table[1:])])


def folded(
    heads: Sequence[str], lines: Sequence[Sequence[str]], named: int, width: int | None
) -> str:
    """Return ``text`` of a table; where it is wider than ``width``, as several below each other.

    Each has the first ``named`` columns, which say what its lines are, and as many of the others
    as fit, one at least. A ``width`` of None: as wide as it comes.
    """
    if width is None:
        return text(heads, lines)
    wide = [max(len(plain(row[n])) for row in (heads, *lines)) + 2 for n in range(len(heads))]
    start = sum(wide[:named]) - 2
    parts: list[list[int]] = [[]]
    for n in range(named, len(heads)):
        if parts[-1] and start + sum(wide[m] for m in (*parts[-1], n)) > width:
            parts.append([])
        parts[-1].append(n)
    kept = [[*range(named), *part] for part in parts]
    return "\n\n".join(text(_of(heads, part), [_of(row, part) for row in lines]) for part in kept)


def _of(row: Sequence[str], columns: Sequence[int]) -> list[str]:
    return [row[n] for n in columns]


def in_columns(pairs: Sequence[tuple[str, str]], width: int) -> str:
    """Return names and what they are, in two columns of at most ``width`` letters together."""
    told = [(plain(name), plain(what)) for name, what in pairs]
    left = max((len(name) for name, _ in told), default=0) + 2
    lines = []
    for name, what in told:
        first, *more = textwrap.wrap(what, max(width - left, 20)) or [""]
        lines.append(f"{name.ljust(left)}{first}".rstrip())
        lines += [" " * left + line for line in more]
    return "\n".join(lines)


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    shown = [[_in_markdown(cell) for cell in row] for row in (heads, *lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (shown[0], rule, *shown[1:]))


def _in_markdown(cell: str) -> str:
    told = plain(cell).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|$~]|(?<!\w)_|_(?!\w))", r"\\\1", told)


def comma_separated(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return the table as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_in_a_sheet(cell) for cell in row] for row in (heads, *lines))
    return out.getvalue().rstrip("\n")


_FORMULA = re.compile(r"\s*[=+\-@]")  # what a spreadsheet would run
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?( %)?( ± [\d.e+-]+)?|-")


def _in_a_sheet(cell: str) -> str:
    told = plain(cell)
    return f"'{told}" if _FORMULA.match(told) and not _NUMBER.fullmatch(told) else told


def latex(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    r"""Return the table for LaTeX, which needs ``\usepackage{booktabs}``."""
    rows = [" & ".join(map(_escaped, row)) + r" \\" for row in (heads, *lines)]
    body = [rows[0], r"\midrule", *rows[1:]]
    columns = "l" + "r" * (len(heads) - 1)
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    )


_LATEX = {c: rf"\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"$\vert$",
    "±": r"$\pm$",
    MINUS: "$-$",
}


def _escaped(cell: str) -> str:
    """Return ``cell`` as LaTeX text; a minus sign before a digit is set as one."""
    told = "".join(_LATEX.get(c, c) for c in plain(cell))
    told = re.sub(r"^([\[*])", r"{\1}", told)  # or it would belong to the line break before it
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", told)


FORMATS = {"text": text, "markdown": markdown, "csv": comma_separated, "latex": latex}


def result_table(entry: dict[str, Any], title: str) -> str:
    """Return the rows of one run as a table for a terminal.

    "p (users)" is a paired t-test over users with model and pictures held fixed: it says nothing of
    another seed, as the clean retrain does. "p (random)" is that of attacked against random fill.
    """
    if all(row["after"] is None or row["per"] == "extractor" for row in entry["rows"]):
        lines = [
            [
                row["metric"],
                number(row["after"] if row["before"] is None else row["before"]),
                str(row["n"]),
            ]
            for row in entry["rows"]
        ]
        return f"{title}\n\n{text(['metric', 'value', 'n'], lines)}"
    heads = ["metric", "clean", "attacked", "change", "p (users)"]
    has_control = any(row["control"] is not None for row in entry["rows"])
    heads += ["retrained"] if has_control else []
    has_random = any(row.get("random") is not None for row in entry["rows"])
    heads += ["random fill", "p (random)"] if has_random else []
    heads += ["n"]
    lines = []
    for row in entry["rows"]:
        cells = [
            row["metric"],
            number(row["before"]),
            number(row["after"]),
            change(row["before"], row["after"]),
            probability(row.get("p")),
        ]
        cells += [number(row["control"])] if has_control else []
        if has_random:
            cells += [number(row.get("random")), probability(row.get("p_random"))]
        lines.append([*cells, str(row["n"])])
    return f"{title}\n\n{text(heads, lines)}"
