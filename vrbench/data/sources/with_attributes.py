"""Attributes of items, such as genres, joined to the items of a data set by id."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch

from vrbench.core.errors import DataError
from vrbench.core.plurals import how_many
from vrbench.data.catalogue import Attributes
from vrbench.data.dataset import Dataset
from vrbench.data.readers.text import read_lines

log = logging.getLogger(__name__)
VERSION = 1  # raise it when the same file gives other attributes or categories
NONE = "no attribute"  # the category of an item that has none


def with_attributes(dataset: Dataset, *, path: str) -> Dataset:
    r"""Return ``dataset`` with the attributes of each item, as many as it has.

    ``AttributeItemKNN``, ``AttributeUserKNN`` and ``VSM`` read all of them. What reads one category
    an item (factorisation machines, ``DeepStyle``, targets of attacks) gets the attribute of the
    item that most items have; of equally frequent ones, the first in order.

    Args:
        dataset: feedback, with or without pictures.
        path: a file with an item and its attributes a line, tab-separated without header, as
            Elliot's ``ItemAttributes``. Items of no other line have none, and stay, with a warning
            that counts them; lines of no item are left out.

    Raises:
        MissingDataError: if the file is not there.
        DataError: if it cannot be used, or no item has an attribute.

    Example:
        >>> from pathlib import Path
        >>> from vrbench.datasets import amazon, with_attributes
        >>> from vrbench.testing.world import toy_folder
        >>> folder = toy_folder()
        >>> _ = Path(f"{folder}/kinds.tsv").write_text("cap\thead\twool\nsock\tfeet\twool\n")
        >>> shop = with_attributes(amazon(path=folder), path=f"{folder}/kinds.tsv")
        >>> shop.catalogue.attributes.names, shop.catalogue.names
        (('feet', 'head', 'wool'), ('no attribute', 'wool'))
    """
    names = dataset.item_names
    of = _read(Path(path), set(names))
    told = [of.get(name, ()) for name in names]
    missing = sum(not kinds for kinds in told)
    if missing:
        log.warning("%s: %s without an attribute", path, how_many(missing, "item"))
    kinds = tuple(sorted({kind for each in told for kind in each}))
    place = {kind: n for n, kind in enumerate(kinds)}
    items = torch.tensor([n for n, each in enumerate(told) for _ in each], dtype=torch.int64)
    which = torch.tensor([place[kind] for each in told for kind in each], dtype=torch.int64)
    count = Counter(kind for each in told for kind in each)
    first = [min(each, key=lambda k: (-count[k], k), default=NONE) for each in told]
    labels = tuple(sorted(set(first)))
    hashed = hashlib.sha256(repr(told).encode()).hexdigest()[:16]
    catalogue = replace(
        dataset.catalogue,
        categories=torch.tensor([labels.index(kind) for kind in first]),
        names=labels,
        attributes=Attributes(items, which, kinds),
        spec=[dataset.catalogue.spec, "attributes", VERSION, hashed],
    )
    return replace(dataset, catalogue=catalogue)


def _read(path: Path, known: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the attributes of each known item, in order.

    Raises:
        DataError: if an item has two lines, or none of the items is there.
    """
    found: dict[str, tuple[str, ...]] = {}
    lines = read_lines(path, "an item and its attributes a line, tab-separated")
    for number, line in enumerate(lines, 1):
        item, *kinds = (value.strip() for value in line.split("\t"))
        if item in found:
            raise DataError(f"{path}, line {number}: a second line for item {item!r}: keep one")
        if item in known:
            found[item] = tuple(sorted({kind for kind in kinds if kind}))
    if not any(found.values()):
        raise DataError(f"{path}: no item of this data set has an attribute there")
    return found
