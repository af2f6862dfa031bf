"""The data sets of TAaMR, VAR and AMR, in the folders their code reads."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

import torch

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.data.dataset import Dataset
from vrbench.data.images import Fit
from vrbench.data.published import source_of
from vrbench.data.readers.csv_files import Feedback, feedback_of, is_header, read_columns
from vrbench.data.readers.formats import Parts, indices
from vrbench.data.readers.text import read_lines, read_tabs
from vrbench.data.sources.folder import assembled, catalogue_of, confined
from vrbench.data.splits.assignment import leave_one_out

log = logging.getLogger(__name__)
SPLITS = {"train": "trainingset.tsv", "validation": "validationset.tsv", "test": "testset.tsv"}
BASES = ("original", "original_images")  # of VAR, of TAaMR; AMR's authors publish no pictures
PICTURES = (".jpg", ".jpeg", ".png", ".tiff")
UNKNOWN = "item"  # the category of whatever no classes.csv names


def var(*, path: str, root: str | None = None, size: int = 224, fit: Fit = "stretch") -> Dataset:
    """Return a data set in the layout of VAR, TAaMR or AMR's authors.

    Pictures are ``original/images/<id>.jpg`` (VAR), ``original_images/images/<id>.jpg`` (TAaMR) or
    ``images/<id>.jpg``. The feedback is one of

    - VAR's ``trainingset.tsv``, ``validationset.tsv`` (may be missing) and ``testset.tsv``, of two
      columns, user and item, or of four, as VAR's own preparation writes and cannot read;
    - ``pos.txt`` (user and item) with ``neg.txt``, whose row ``u`` begins with the test item of
      user ``u``, as AMR's authors have it. The items listed after it are not read: all items are
      ranked here;
    - ``pos.txt`` alone, as in TAaMR, which tests nobody: the last item of a user in the file is
      for the test here and the one before for validation, if the user has three.

    Categories are the ``ClassStr`` of ``classes.csv`` beside ``images``, which the first step of
    TAaMR and VAR writes; without it every item is of one category, and ``scenario=own_labels``
    takes those that the extractor predicts. Ids are names: gaps are allowed, and nothing is
    taken from the order of files, as there.

    Args:
        path: the folder of one data set.
        root: another folder in which pictures may lie that are links, see ``folder``.
        size, fit: of the pictures, see ``Photos``; VAR reads them as they are.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used; the text names file and line.

    Example:
        >>> from vrbench.datasets import var
        >>> var(path="nowhere")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.MissingDataError: no folder nowhere/images: put the ...
    """
    place = Path(path)
    base = next((place / name for name in BASES if (place / name).is_dir()), place)
    if not (base / "images").is_dir():
        raise MissingDataError(
            f"no folder {base / 'images'}: put the published pictures there, named <id>.jpg "
            f"(`python -m vrbench reproduce var --dry-run` says more){source_of(place)}"
        )
    files = sorted(p for p in (base / "images").iterdir() if p.suffix.lower() in PICTURES)
    if not files:
        raise DataError(f"{base / 'images'}: no picture")
    kinds = _kinds(base / "classes.csv")
    ids = [file.stem for file in files]
    for one, other in pairwise(sorted(files, key=lambda file: file.stem)):
        if one.stem == other.stem:
            raise DataError(
                f"{base / 'images'}: {one.name} and {other.name} are two pictures of one item: "
                "take one away"
            )
    files = confined(base / "images", [file.name for file in files], root)
    catalogue, ids = catalogue_of(ids, files, [kinds.get(i, UNKNOWN) for i in ids], size, fit)
    return assembled(catalogue, ids, _feedback(place))


def _feedback(root: Path) -> Parts:
    if (root / SPLITS["train"]).is_file():
        files = {name: root / file for name, file in SPLITS.items()}
        if not files["validation"].is_file():
            del files["validation"]
        return {name: (file, _pairs(file)) for name, file in files.items()}
    if not (root / "pos.txt").is_file():
        raise MissingDataError(
            f"no file {root / SPLITS['train']} (VAR) nor {root / 'pos.txt'} (TAaMR, AMR): "
            f"put the published feedback there{source_of(root)}"
        )
    pos, neg = root / "pos.txt", root / "neg.txt"
    read = _pairs(pos).once(pos)
    if neg.is_file():
        return {"train": (pos, read), "test": (neg, _first_of_rows(neg, set(read.users)))}
    log.warning("%s: TAaMR has no split; the last two items of a user are held out", pos)
    number = {user: n for n, user in enumerate(sorted(set(read.users)))}
    part = leave_one_out(indices(read.users, number), torch.arange(len(read.users)))
    names = ("train", "validation", "test")
    return {name: (pos, read.keep(part == n)) for n, name in enumerate(names)}


def _pairs(path: Path) -> Feedback:
    """Return users and items, the first two columns; tabs or blanks between them.

    Rating and time, if there, may be empty: VAR's preparation leaves them so where it moves an
    item that only the test has into the train.
    """
    lines, rows = read_tabs(path, "user and item (no header)", blanks=True)
    if not rows:
        raise DataError(f"{path}: no rows")
    if len(rows[0]) not in (2, 4):
        raise DataError(f"{path}: expected 2 or 4 columns, got {len(rows[0])}")
    if is_header(rows):
        raise DataError(f"{path}, line {lines[0]}: a header ({' '.join(rows[0])}): take it out")
    users, items = ([row[n] for row in rows] for n in (0, 1))
    return feedback_of(path, lines, {"user": users, "item": items})


def _first_of_rows(path: Path, known: set[str]) -> Feedback:
    """Return the first item of row ``u`` as the item of user ``u``."""
    users, items, lines = [], [], []
    for n, line in enumerate(read_lines(path, "a row for each user, which begins with an item")):
        if not line.split():
            raise DataError(f"{path}, line {n + 1}: no item")
        if str(n) in known:
            users.append(str(n))
            items.append(line.split()[0])
            lines.append(n + 1)
    return Feedback(users, items, None, None, sha256(path), lines)


def _kinds(path: Path) -> dict[str, str]:
    """Return the class of each picture's stem, from a ``classes.csv``; none if there is none."""
    if not path.is_file():
        return {}
    lines, columns = read_columns(path, ("ImageID", "ClassStr"))
    found: dict[str, str] = {}
    for line, name, kind in zip(lines, *columns.values(), strict=True):
        if not name or not kind:
            raise DataError(f"{path}, line {line}: no ImageID or ClassStr")
        stem = Path(name).stem if Path(name).suffix in PICTURES else name
        if found.setdefault(stem, kind) != kind:
            raise DataError(f"{path}, line {line}: another class for {name!r} than before")
    return found
