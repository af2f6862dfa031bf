"""Say what is understood of one's own shop; or draw one to try.

shop check FOLDER: it holds pictures, a product list and a purchase log (dataset=shop), or items.csv
and split files (dataset=folder). Settings as for a run say which columns are meant. A contact sheet
of its categories is drawn.

shop draw FOLDER: a new folder with the drawn products of dataset=boutique, and who bought them.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vrbench.cli import output
from vrbench.cli.audit_plan import largest
from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir
from vrbench.core.errors import ConfigError
from vrbench.core.plurals import how_many
from vrbench.data.oddities import SMALL, oddities
from vrbench.report import writing
from vrbench.report.plots.image_grid import drawn_here, strips
from vrbench.report.tables import text

if TYPE_CHECKING:
    from vrbench.data.catalogue import Catalogue
    from vrbench.data.dataset import Dataset
    from vrbench.report.plots.image_grid import Group

TAUGHT = 500  # pictures that teach a network something; of fewer, one that is taught
SHOWN, ACROSS = 12, 8  # categories in the table and on the sheet, pictures of each
YEAR_2300 = 1.05e10  # seconds; times beyond it are counted otherwise


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("check", "draw"))
    parser.add_argument("folder", type=Path, help="of the shop")
    parser.add_argument(
        "overrides", nargs="*", default=[], help="as for a run: dataset.user_column=customer"
    )
    parser.add_argument("--picture", type=Path, help="the contact sheet (shop.png)")


def main(chosen: argparse.Namespace) -> int:
    """Read the shop, print what was understood, draw the sheet; return the exit code."""
    if chosen.action == "draw":
        return _draw(chosen.folder, chosen.overrides)
    picture = chosen.picture or Path("shop.png")
    writing.check(picture)
    if chosen.picture is None and picture.exists() and not drawn_here(picture):
        raise ConfigError(f"{picture} is there and no contact sheet: name another with --picture")
    output.show_progress()
    for line in told(chosen.folder, chosen.overrides, picture):
        sys.stdout.write(line + "\n")
    return 0


def _draw(place: Path, overrides: Sequence[str]) -> int:
    """Write the embedded shop as the files a business has; return the exit code."""
    from vrbench.data.shop_files import write_shop

    write_shop(place, Composition(["dataset=boutique", *overrides], conf_dir()).make("dataset"))
    sys.stdout.write(f"{place}: items.csv, purchases.csv, photos/\n")
    sys.stdout.write(f"next: python -m vrbench shop check {shlex.quote(str(place))}\n")
    return 0


def told(place: Path, overrides: Sequence[str], picture: Path) -> Iterator[str]:
    """Yield a summary of a data set, line by line; draw its contact sheet.

    Args:
        place: the folder.
        overrides: settings of the data set, ``dataset=`` among them if another reader is meant.
        picture: the file of the contact sheet.

    Raises:
        VRBenchError: if it cannot be read; one line.
    """
    if not place.is_dir():
        raise ConfigError(f"no folder {place}")
    kind = "folder" if (place / "train.tsv").is_file() else "shop"
    chosen = [f"dataset={kind}", *overrides]
    composed = Composition([*chosen, "dataset.path=FOLDER"], conf_dir())
    with _heard() as warnings:
        data: Dataset = composed.make("dataset", {"dataset.path": str(place)})
    yield from _counts(data)
    yield from _categories(data)
    found = [*dict.fromkeys(told.getMessage() for told in warnings), *oddities(data)]
    yield "\n".join(["", *(f"odd: {line}" for line in found)] if found else ["", "nothing is odd"])
    _sheet(data, picture)
    more = "".join(f" {shlex.quote(override)}" for override in overrides)
    yield f"\npictures: {picture}"
    yield f"next: python -m vrbench dataset={composed.choices['dataset']}" + (
        f" dataset.path={shlex.quote(str(place))}{more} {_first_run(data.catalogue)}"
    )


def _first_run(catalogue: Catalogue) -> str:
    """Return what a first run takes: a network of few pictures is none, nor a pair of no two."""
    taught = len(catalogue) >= TAUGHT
    pairs = len(largest(catalogue.names, catalogue.categories, SMALL, 2)) == 2
    return " ".join(
        [
            f"extractor={'photos_standard' if taught else 'efficientnet_lite0'}",
            *([] if pairs else ["scenario=any_items", "objective=promote_lists"]),
        ]
    )


def _quiet(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING


@contextmanager
def _heard() -> Iterator[list[logging.LogRecord]]:
    """Collect what readers warn of, in place of printing it."""
    root, heard = logging.getLogger(), BufferingHandler(sys.maxsize)
    heard.setLevel(logging.WARNING)
    others = list(root.handlers)
    for handler in others:
        handler.addFilter(_quiet)
    root.addHandler(heard)
    try:
        yield heard.buffer
    finally:
        root.removeHandler(heard)
        for handler in others:
            handler.removeFilter(_quiet)


def _counts(data: Dataset) -> Iterator[str]:
    parts = {"train": data.train, "validation": data.valid, "test": data.test}
    total = sum(map(len, parts.values()))
    names = len(set(data.catalogue.categories.tolist()))
    categories = how_many(names, "category", "categories")
    yield f"{how_many(len(data.catalogue), 'item')} with a picture, in {categories}"
    users = how_many(data.train.num_users, "user")
    yield f"{how_many(total, 'purchase')} of {users}{_period(data)}"
    split = ", ".join(f"{name} {len(part)}" for name, part in parts.items())
    tested = int((data.test.counts > 0).sum())
    yield f"split: {split}; {how_many(tested, 'user has', 'users have')} a purchase to test on"


def _period(data: Dataset) -> str:
    times = [
        t for part in (data.train, data.valid, data.test) if (t := part.timestamps) is not None
    ]
    if not times or not sum(map(len, times)):
        return ", at times that are not told"
    first, last = (float(f(torch.cat([t.double() for t in times]))) for f in (torch.min, torch.max))
    if not 0 <= first <= last < YEAR_2300:
        return f", at times {first:g} to {last:g}"
    begin, end = (datetime.fromtimestamp(t, timezone.utc).date() for t in (first, last))
    return f", {begin} to {end}"


def _categories(data: Dataset) -> Iterator[str]:
    catalogue = data.catalogue
    items = torch.bincount(catalogue.categories, minlength=len(catalogue.names))
    bought = torch.cat([part.items for part in (data.train, data.valid, data.test)])
    sold = torch.bincount(catalogue.categories[bought], minlength=len(catalogue.names))
    order = items.argsort(descending=True, stable=True).tolist()[:SHOWN]
    lines = [[catalogue.names[n], str(int(items[n])), str(int(sold[n]))] for n in order]
    yield ""
    yield text(["category", "items", "purchases"], lines)
    if len(catalogue.names) > SHOWN:
        yield f"and {len(catalogue.names) - SHOWN} more"


def _sheet(data: Dataset, path: Path) -> None:
    """Draw a few pictures of each of the largest categories."""
    catalogue = data.catalogue
    counts = torch.bincount(catalogue.categories, minlength=len(catalogue.names))
    lines: list[tuple[str, list[Group]]] = []
    for n in counts.argsort(descending=True, stable=True).tolist()[:SHOWN]:
        items = (catalogue.categories == n).nonzero().squeeze(1)
        if len(items):
            spread = torch.linspace(0, len(items) - 1, min(ACROSS, len(items))).round().long()
            some = items[spread]
            notes = [data.item_ids[i][:12] for i in some.tolist()]
            lines.append(
                (f"{catalogue.names[n]} ({len(items)})", [("", catalogue.images[some], notes)])
            )
    strips(lines, path, cell=96)
