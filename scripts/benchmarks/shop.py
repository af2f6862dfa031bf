"""Measure how long a shop takes to read and to check: pictures, a product list, a purchase log.

    python scripts/benchmarks/shop.py --photos 5000 --purchases 200000

Photos are JPEG of 480 x 360 pixels (coloured clouds, no two alike), products of 40 categories,
purchases by chance, a few items far more often than most. Writing them is not counted.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from vrbench.cli.commands.shop import told
from vrbench.datasets import shop

T = TypeVar("T")
WIDE, HIGH, CATEGORIES, USERS = 480, 360, 40, 20_000


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--purchases", type=int, default=200_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write(place, chosen.photos, chosen.purchases)
        read, of_tables = timed(lambda: shop(path=str(place)))
        lines, of_check = timed(lambda: list(told(place, [], place / "sheet.png")))
    print("\n".join(lines[:3]))
    print(f"tables: {of_tables:.1f} s ({len(read.catalogue)} items)")
    print(f"shop check, tables and every picture: {of_check:.1f} s")
    print(f"most held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what was made, and the seconds of one processor that it took."""
    began = time.process_time()
    made = work()
    return made, time.process_time() - began


def write(place: Path, photos: int, purchases: int) -> None:
    """Write a shop as a business has it."""
    rng = np.random.default_rng(0)
    (place / "photos").mkdir()
    for item in range(photos):
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        picture = small.resize((WIDE, HIGH), Image.Resampling.BILINEAR)
        picture.save(place / "photos" / f"p{item}.jpg", quality=85)
    table(
        place / "items.csv",
        ["item_id", "category"],
        [(f"p{item}", f"kind {item % CATEGORIES}") for item in range(photos)],
    )
    weight = 1 / np.arange(1, photos + 1) ** 0.8
    what = rng.choice(photos, purchases, p=weight / weight.sum())
    who, day = rng.integers(0, USERS, purchases), rng.integers(0, 365, purchases)
    when = np.datetime64("2025-01-01") + day.astype("timedelta64[D]")
    rows = zip(who.tolist(), what.tolist(), when.astype(str).tolist(), strict=True)
    table(
        place / "purchases.csv",
        ["customer", "product", "date"],
        [(f"u{user}", f"p{item}", date) for user, item, date in rows],
    )


def table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    """Write a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


if __name__ == "__main__":
    main()
