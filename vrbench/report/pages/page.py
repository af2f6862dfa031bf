"""Self-contained HTML pages: style, scripts and pictures inside one file."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from vrbench.report.tables import number, plain

NOTHING = "-"
_PERCENT = re.compile(r"(?<=\d) %")


@dataclass(frozen=True)
class Head:
    """A column's head.

    Attributes:
        name: what stands there.
        axis: by which a filter knows it; "": by none.
        hint: what it means.
        words: whether its values are read, not compared: they stand on the left.
        unfolds: whether its values are commands that are shown when asked for; print leaves it out.
    """

    name: str
    axis: str = ""
    hint: str = ""
    words: bool = False
    unfolds: bool = False


@dataclass(frozen=True)
class Value:
    """A table's value.

    Attributes:
        text: what is read.
        sort: what it is sorted by; None: the text.
        kind: its CSS class.
        command: what a reader may run, shown when he asks for it; "": nothing.
    """

    text: str
    sort: float | str | None = None
    kind: str = ""
    command: str = ""


@dataclass(frozen=True)
class Table:
    """Heads and lines; ``anchor`` is how lines are called that a plot leads to."""

    heads: Sequence[Head]
    lines: Sequence[Sequence[Value]]
    anchor: str = ""


def filled(table: Table) -> Table:
    """Return a table without the columns in which no line has a value."""
    kept = [
        n
        for n in range(len(table.heads))
        if not table.lines or any(line[n].text != NOTHING for line in table.lines)
    ]
    lines = [[line[n] for n in kept] for line in table.lines]
    return Table([table.heads[n] for n in kept], lines, table.anchor)


@dataclass(frozen=True)
class Picture:
    """A picture inside the page."""

    uri: str
    alt: str
    caption: str
    width: int
    height: int


def measured(value: float | None, told: str | None = None, kind: str = "") -> Value:
    """Return a number as a value that sorts as one, and last where there is none."""
    if value is None:
        return Value(told or NOTHING, "", kind)
    return Value(told or number(value), value, kind)


def picture(path: Path, alt: str, caption: str, height: int | None = None) -> Picture:
    """Return the file's picture, cut off below ``height`` pixels.

    Raises:
        OSError: if it is missing, or no PNG.
    """
    with Image.open(path, formats=("PNG",)) as image:  # what runs write, and nothing else
        image.load()
    whole = image.convert("RGB")
    shown = whole.crop((0, 0, whole.width, min(height or whole.height, whole.height)))
    return embedded(shown, alt, caption)


def embedded(image: Image.Image, alt: str, caption: str, *, exact: bool = False) -> Picture:
    """Return ``image`` as a picture of the page, to look at; ``exact`` keeps every pixel."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=92, lossless=exact)
    uri = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    return Picture(uri, alt, caption, *image.size)


def render(template: str, scripts: Sequence[str], **context: Any) -> str:
    """Return the page; whatever the context says is escaped.

    Args:
        template: a file of ``report/pages/templates``.
        scripts: other files there, put into the page.
        **context: what the template asks for; a name it asks for in vain is an error.
    """
    import vrbench

    return (
        _environment()
        .get_template(template)
        .render(
            css=_read("page.css"),
            scripts=[_read(name) for name in scripts],
            version=vrbench.__version__,
            **context,
        )
    )


@cache
def _environment() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typed"] = _typed
    return environment


def _shown(value: Any) -> Any:
    """Return text with what is not printed made visible; lines, and what is HTML, stay.

    No line breaks between a number and its percent sign.
    """
    from markupsafe import Markup

    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", _visible(value))


def _typed(value: str) -> Any:
    """Return what a reader copies to a shell: as ``_shown``, with every space as it is."""
    from markupsafe import escape

    return escape(_visible(value))


def _visible(value: str) -> str:
    return "\n".join(plain(line) for line in value.split("\n"))


def _read(name: str) -> str:
    return (files("vrbench.report.pages") / "templates" / name).read_text(encoding="utf-8")
