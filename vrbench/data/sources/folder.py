"""A data set in a folder of plain files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import torch
from typing_extensions import Unpack

from vrbench.core.dice import Dice
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import Confined
from vrbench.core.plurals import how_many
from vrbench.core.shared_settings import sharing
from vrbench.core.visuals import BLOCK
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.images import Fit, Photos
from vrbench.data.interactions import Interactions
from vrbench.data.published import kept, source_of
from vrbench.data.readers.csv_files import Feedback, index_of, read_feedback, read_items
from vrbench.data.readers.formats import Parts
from vrbench.data.sources.shoppers import VERSION, ShopperSettings, simulate, tastes_of
from vrbench.data.splits.assignment import apart, last_two_out

log = logging.getLogger(__name__)


class PictureSettings(TypedDict, total=False):
    """Where the pictures of a folder lie, and how they are read; see ``folder``."""

    root: str | None
    size: int
    fit: Fit
    redistributable: bool


class ShopSettings(PictureSettings, ShopperSettings, total=False):
    """Pictures of a folder, and the shoppers who come there; see ``shoppers``."""


PICTURES = PictureSettings(root=None, size=64, fit="pad", redistributable=True)
SHOPPERS = ShopperSettings(num_users=2000, mean_items=9.0, skew=0.6, focus=1.0, seed=0)


@sharing(PICTURES)
def folder(*, path: str, source: str | None = None, **pictures: Unpack[PictureSettings]) -> Dataset:
    """Return the catalogue and the feedback of a folder.

    ``items.csv`` has a header ``item_id,image,category``; pictures are relative to it, and lie in
    this folder or in another data set beside it, whatever links say.
    ``train.tsv``, ``validation.tsv`` (optional) and ``test.tsv`` have no header and hold user,
    item, and optionally rating and timestamp, separated by tabs. Ids are names: items are
    numbered in the sorted order of their ids, users likewise, whatever the order of lines or
    files. Items without feedback stay in the catalogue. What cannot count is left out with a
    warning, see ``assembled``.

    Args:
        path: the folder.
        root: another folder in which pictures may lie, by absolute paths or links.
        size: height and width to which pictures are brought, in pixels.
        fit: how, see ``Photos``.
        redistributable: whether its pictures may be passed on, see ``Catalogue``. Those of data
            sets that are known to forbid it (``hm``, ``ml_posters``) are not, in any case.
        source: what it is and where from, told where it is missing.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used; the text names file and line.

    Example:
        >>> from vrbench.datasets import folder
        >>> from vrbench.testing.world import toy_folder
        >>> place = toy_folder()
        >>> shop = folder(path=place, size=16)
        >>> shop.item_ids, shop.train.items.tolist(), shop.test.items.tolist()
        (('cap', 'coat', 'shoe', 'sock'), [0, 0, 2], [1, 3])
    """
    place = Path(path)
    if source is not None and not (place / "items.csv").is_file():
        raise MissingDataError(
            f"no data set {place}: it is {source}; if you have it, give its folder as dataset.path"
        )
    catalogue, ids = _catalogue(place, pictures)
    if not (place / "train.tsv").is_file():
        raise MissingDataError(
            f"no file {place / 'train.tsv'}: put the purchases there (user, item, rating, "
            f"timestamp), or simulate some with dataset=shoppers{source_of(place)}"
        )
    read = {
        name: read_feedback(place / f"{name}.tsv")
        for name in ("train", "validation", "test")
        if name != "validation" or (place / "validation.tsv").is_file()
    }
    return assembled(catalogue, ids, {name: (place / f"{name}.tsv", r) for name, r in read.items()})


def assembled(catalogue: Catalogue, ids: list[str], parts: Parts) -> Dataset:
    """Return a catalogue with the feedback of ``train``, ``test`` and, if there, ``validation``.

    Users are numbered in the sorted order of their names; feedback of users who have none in
    train is left out, and so are lines rated zero or less, lines that repeat an earlier one, and
    pairs that an earlier part holds; each with a warning that counts them.

    Args:
        catalogue: the items.
        ids: their names, in order.
        parts: file and feedback of each part.

    Raises:
        DataError: if an item is not in the catalogue, or nobody is left to test.
    """
    parts = {name: (file, read.liked(file).once(file)) for name, (file, read) in parts.items()}
    users = sorted(set(parts["train"][1].users))
    number = {user: n for n, user in enumerate(users)}
    known = {item: n for n, item in enumerate(ids)}
    told = numbering(ids)

    def part(name: str) -> Interactions:
        if name not in parts:
            none = torch.empty(0, dtype=torch.int64)
            return Interactions.of(none, none, len(users), len(ids), ["none"])
        file, read = parts[name]
        return interactions(read, file, number, known, ["tsv", read.sha256[:16], told])

    train, test = part("train"), part("test")
    if not len(test):
        raise DataError(
            f"{parts['test'][0]}: no user of it has feedback in {parts['train'][0].name}"
        )
    valid, test = apart(train, part("validation"), test, named(parts))
    return Dataset(catalogue, train, valid, test, tuple(users), tuple(ids))


def numbering(names: Sequence[str]) -> str:
    """Return a digest of names in the order of their numbers, for specs of what is numbered."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def named(parts: Parts) -> tuple[str, str, str]:
    """Return the files of train, validation and test, for messages."""
    train, test = str(parts["train"][0]), str(parts["test"][0])
    return train, str(parts["validation"][0]) if "validation" in parts else "validation", test


@sharing({**PICTURES, **SHOPPERS})
def shoppers(*, path: str, **shop: Unpack[ShopSettings]) -> Dataset:
    """Return the pictures of a folder with simulated shoppers, who like categories and colours.

    The folder needs an ``items.csv`` as for ``folder``; other files are not read. The colour of an
    item is the mean of its picture's middle.

    Args:
        path: the folder.
        root, size, fit, redistributable: of the pictures, see ``folder``.
        num_users, mean_items, skew, focus: of the shoppers, see ``simulate``.
        seed: of the shoppers.

    Example:
        >>> from vrbench.datasets import shoppers
        >>> from vrbench.testing.world import toy_folder
        >>> shoppers(path=toy_folder(), size=16)
        Traceback (most recent call last):
            ...
        vrbench.core.errors.ConfigError: 4 pictures are too few for shoppers with 9 ...
    """
    catalogue, ids = _catalogue(Path(path), shop)
    images, size, num_users = catalogue.images, shop["size"], shop["num_users"]
    assert isinstance(images, Photos)
    edge = size // 4
    middle = slice(edge, size - edge)
    blocks = torch.arange(len(images)).split(BLOCK)
    # Sums of integers are exact; a mean of floats would round by its machine.
    sums = [images.decode(b)[:, :, middle, middle].long().sum((2, 3)) for b in blocks]
    colours = torch.cat(sums).double() / (255 * (size - 2 * edge) ** 2)
    tastes = tastes_of(shop)
    dice = Dice(shop["seed"], "shoppers")
    users, items, times = simulate(catalogue.categories, colours, **tastes, dice=dice)
    spec = ["shoppers", VERSION, catalogue.spec, *tastes.values(), shop["seed"]]
    parts = last_two_out(users, items, times, num_users, len(ids), spec)
    names = tuple(f"shopper {n}" for n in range(num_users))
    return Dataset(catalogue, *parts, names, tuple(ids))


def _catalogue(place: Path, pictures: PictureSettings) -> tuple[Catalogue, list[str]]:
    """Return the catalogue of ``items.csv``, items in the sorted order of their ids."""
    ids, names, kinds = read_items(place / "items.csv")
    paths = confined(place, names, pictures["root"])
    catalogue, order = catalogue_of(ids, paths, kinds, pictures["size"], pictures["fit"])
    return replace(catalogue, redistributable=may_be_passed_on(place, paths, pictures)), order


def may_be_passed_on(place: Path, paths: Sequence[Path], pictures: PictureSettings) -> bool:
    """Return whether pages and exports may show the pictures of a folder.

    Not those of a data set that forbids it, whatever choice it was read by.
    """
    if not pictures["redistributable"]:
        return False
    name = kept(place, paths)
    if name is not None:
        log.warning("pictures of %s may not be passed on: pages and exports leave them out", name)
    return name is None


def confined(place: Path, names: list[str], root: str | None) -> list[Path]:
    """Return where pictures lie that a list, or the folder itself, names.

    Data sets may share pictures: ``../OTHER/...`` is right where ``OTHER`` is a data set, too,
    with an ``items.csv`` of its own.

    Raises:
        DataError: if one lies neither there, nor in this folder, nor in ``root``.
    """
    beside = {
        name.split("/")[1] for name in names if name.startswith("../") and name.count("/") > 1
    }
    others = [place / ".." / name for name in sorted(beside - {"..", "."})]
    others = [other for other in others if (other / "items.csv").is_file()]
    own = [] if root is None else [Path(root)]
    inside = Confined(place, *own, *others, absolute=root is not None)
    try:
        return [inside.path(name) for name in names]
    except DataError as error:
        raise DataError(
            f"the picture {error}; if it is meant to, set dataset.root to where the pictures lie"
        ) from None


def catalogue_of(
    ids: list[str], files: list[Path], kinds: list[str], size: int, fit: Fit
) -> tuple[Catalogue, list[str]]:
    """Return the items, their pictures and categories, and their names in sorted order."""
    order = sorted(range(len(ids)), key=lambda n: ids[n])
    names = tuple(sorted(set(kinds)))
    images = Photos([files[n] for n in order], size=size, fit=fit)
    categories = torch.tensor([names.index(kinds[n]) for n in order])
    lines = [f"{ids[n]}\t{kinds[n]}" for n in order]
    told = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    catalogue = Catalogue(images, categories, names, ["items", told, images.spec])
    return catalogue, [ids[n] for n in order]


def interactions(
    read: Feedback, path: Path, users: dict[str, int], items: dict[str, int], spec: list[Any]
) -> Interactions:
    """Return feedback by numbers, without users that are not known, with a warning.

    Raises:
        DataError: if an item is not known.
    """
    item = index_of(read, items, path, "item (it is not in the catalogue)")
    there = torch.tensor([user in users for user in read.users], dtype=torch.bool)
    if not there.all():
        lines = how_many(int((~there).sum()), "line")
        log.warning("%s: left out: %s of users without train", path, lines)
    return Interactions.of(
        torch.tensor([users[u] for u in read.users if u in users], dtype=torch.int64),
        item[there],
        len(users),
        len(items),
        spec,
        None if read.ratings is None else read.ratings[there],
        None if read.timestamps is None else read.timestamps[there],
    )
