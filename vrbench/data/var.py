"""The data sets of TAaMR, VAR and AMR, in the folders their code reads."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import torch

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import sha256
from vrbench.data.dataset import Dataset
from vrbench.data.folder import assembled, catalogue_of
from vrbench.data.formats import Parts
from vrbench.data.images import Fit
from vrbench.data.splits import leave_one_out
from vrbench.data.tables import Feedback, read_raw

log = logging.getLogger(__name__)
SPLITS = {"train": "trainingset.tsv", "validation": "validationset.tsv", "test": "testset.tsv"}
BASES = ("original", "original_images")  # of VAR, of TAaMR; AMR's authors publish no pictures
PICTURES = (".jpg", ".jpeg", ".png", ".tiff")
UNKNOWN = "item"  # the category of whatever no classes.csv names


def var(*, path: str, size: int = 224, fit: Fit = "stretch") -> Dataset:
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
        size, fit: of the pictures, see ``Photos``; VAR reads them as they are.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used; the text names file and line.
    """
    root = Path(path)
    base = next((root / name for name in BASES if (root / name).is_dir()), root)
    if not (base / "images").is_dir():
        raise MissingDataError(
            f"no folder {base / 'images'}: put the published pictures there, named <id>.jpg "
            "(`python -m vrbench reproduce var --dry-run` says where they are published)"
        )
    files = sorted(p for p in (base / "images").iterdir() if p.suffix.lower() in PICTURES)
    if not files:
        raise DataError(f"{base / 'images'}: no picture")
    kinds = _kinds(base / "classes.csv")
    ids = [file.stem for file in files]
    catalogue, ids = catalogue_of(ids, files, [kinds.get(i, UNKNOWN) for i in ids], size, fit)
    return assembled(catalogue, ids, _feedback(root))


def _feedback(root: Path) -> Parts:
    if (root / SPLITS["train"]).is_file():
        files = {name: root / file for name, file in SPLITS.items()}
        if not files["validation"].is_file():
            del files["validation"]
        return {name: (file, _pairs(file)) for name, file in files.items()}
    if not (root / "pos.txt").is_file():
        raise MissingDataError(
            f"no file {root / SPLITS['train']} (VAR) nor {root / 'pos.txt'} (TAaMR, AMR): "
            "put the published feedback there"
        )
    pos, neg = root / "pos.txt", root / "neg.txt"
    read = _pairs(pos)
    if neg.is_file():
        return {"train": (pos, read), "test": (neg, _first_of_rows(neg, set(read.users)))}
    log.warning("%s: TAaMR has no split; the last two items of a user are held out", pos)
    users = sorted(set(read.users))
    number = {user: n for n, user in enumerate(users)}
    part = leave_one_out(
        torch.tensor([number[u] for u in read.users]), torch.arange(len(read.users))
    ).tolist()

    def kept(which: int) -> Feedback:
        rows = [n for n, p in enumerate(part) if p == which]
        return Feedback(
            [read.users[n] for n in rows], [read.items[n] for n in rows], None, None, read.sha256
        )

    return {name: (pos, kept(n)) for n, name in enumerate(("train", "validation", "test"))}


def _pairs(path: Path) -> Feedback:
    """Return users and items, the first two columns; tabs or blanks between them."""
    table = read_raw(path, "user and item (no header)", r"\s+", header=False)
    if table.shape[1] not in (2, 4):
        raise DataError(f"{path}: expected 2 or 4 columns, got {table.shape[1]}")
    broken = table.index[table.isna().any(axis=1)]
    if len(broken):
        raise DataError(f"{path}, line {broken[0] + 1}: fewer columns than in line 1")
    return Feedback(table[0].tolist(), table[1].tolist(), None, None, sha256(path))


def _first_of_rows(path: Path, known: set[str]) -> Feedback:
    """Return the first item of row ``u`` as the item of user ``u``."""
    users, items = [], []
    for n, line in enumerate(path.read_text().splitlines()):
        if not line.split():
            raise DataError(f"{path}, line {n + 1}: no item")
        if str(n) in known:
            users.append(str(n))
            items.append(line.split()[0])
    return Feedback(users, items, None, None, sha256(path))


def _kinds(path: Path) -> dict[str, str]:
    """Return the class of each picture's stem, from a ``classes.csv``; none if there is none."""
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"ImageID", "ClassStr"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path}: expected columns ImageID, ClassStr, ClassNum, Prob")
        for n, row in enumerate(rows):
            if not row["ImageID"] or not row["ClassStr"]:
                raise DataError(f"{path}, line {n + 2}: no ImageID or ClassStr")
            name = row["ImageID"]
            found[Path(name).stem if Path(name).suffix in PICTURES else name] = row["ClassStr"]
    return found
