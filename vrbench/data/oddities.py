"""Data quality checks of one's own shop."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from vrbench.core.plurals import how_many
from vrbench.core.progress import progress
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset

SMALL = 10  # items of a category; fewer are not attacked
BLANK = 2.0  # grey levels: the standard deviation of a picture that shows nothing
WHALE = 0.05  # of all purchases, by one user


def oddities(data: Dataset, blocks: int = 64) -> Iterator[str]:
    """Yield one line per data quality problem.

    Pictures that are equal or show one colour; categories that are large or small; users with very
    many purchases; items that nobody bought; a test of few users.

    Args:
        data: the shop.
        blocks: pictures looked at together.
    """
    yield from _of_pictures(data, blocks)
    yield from _of_categories(data)
    yield from _of_purchases(data)


def _of_pictures(data: Dataset, blocks: int) -> Iterator[str]:
    catalogue, ids = data.catalogue, data.item_ids
    equal, blank = _pictures(catalogue.images, blocks)
    if equal:
        told = "; ".join(" = ".join(ids[n] for n in group[:4]) for group in equal[:3])
        more = f"; and {len(equal) - 3} more" if len(equal) > 3 else ""
        yield f"{sum(map(len, equal))} items share their picture with another one ({told}{more})"
    if blank:
        told = ", ".join(ids[n] for n in blank[:5])
        show = how_many(len(blank), "picture shows", "pictures show")
        yield f"{show} one colour only ({told}{', ...' * (len(blank) > 5)})"


def _of_categories(data: Dataset) -> Iterator[str]:
    catalogue = data.catalogue
    counts = torch.bincount(catalogue.categories, minlength=len(catalogue.names)).tolist()
    small = [n for n, count in zip(catalogue.names, counts, strict=True) if 0 < count < SMALL]
    if small:
        yield (
            f"{len(small)} of {len(catalogue.names)} categories have fewer than {SMALL} items, and "
            f"are not attacked ({', '.join(small[:5])}{', ...' * (len(small) > 5)})"
        )
    most = max(range(len(counts)), key=lambda n: counts[n])
    if counts[most] > len(catalogue) / 2:
        yield f"more than half of the items are {catalogue.names[most]!r}"


def _of_purchases(data: Dataset) -> Iterator[str]:
    bought = data.train.counts + data.valid.counts + data.test.counts
    total = int(bought.sum())
    whales = (bought > WHALE * total).nonzero().squeeze(1).tolist()
    if whales and len(bought) > 1 / WHALE:
        names = ", ".join(data.user_ids[n] for n in whales[:3])
        who = how_many(len(whales), "user")
        yield f"{who} made more than {WHALE:.0%} of all purchases each ({names})"
    count = len(data.catalogue)
    unsold = int((torch.bincount(data.train.items, minlength=count) == 0).sum())
    if unsold > count / 2:
        yield f"{unsold} of {count} items are bought by nobody in the training part"
    tested = int((data.test.counts > 0).sum())
    if tested < 100:
        have = how_many(tested, "user has", "users have")
        yield f"only {have} a purchase to test on: numbers will be rough"


def _pictures(images: Visuals, blocks: int) -> tuple[list[list[int]], list[int]]:
    """Return groups of items whose pictures are equal, and items whose picture shows nothing."""
    same: dict[bytes, list[int]] = {}
    blank: list[int] = []
    for items in progress(torch.arange(len(images)).split(blocks), "looking at pictures"):
        pixels = (images[items] * 255).round()
        spread = pixels.flatten(2).std(2).amax(1)
        blank += items[spread < BLANK].tolist()
        for item, picture in zip(items.tolist(), pixels.byte(), strict=True):
            same.setdefault(picture.numpy().tobytes(), []).append(item)
    return [group for group in same.values() if len(group) > 1], blank
