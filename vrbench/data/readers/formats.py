"""Feedback file formats of other frameworks: file names and columns."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.spec import digest
from vrbench.data.published import source_of
from vrbench.data.readers.csv_files import Feedback, feedback_of, numbers, read_feedback
from vrbench.data.readers.movielens import read_movielens
from vrbench.data.readers.remembered import remembered
from vrbench.data.readers.text import read_tabs

Parts = dict[str, tuple[Path, Feedback]]
Whole = Literal["tsv", "atomic", "movielens"]
LABEL = "x_label"  # MMRec: 0 train, 1 validation, 2 test
FIELDS = {
    "user": ("user_id", "userID"),
    "item": ("item_id", "itemID"),
    "rating": ("rating",),
    "timestamp": ("timestamp",),
    LABEL: (LABEL,),
}
THREE = {  # the last of each as Elliot's demos and VAR have it
    "train": ("train.tsv", "trainingset.tsv"),
    "validation": ("validation.tsv", "val.tsv", "validationset.tsv"),
    "test": ("test.tsv", "testset.tsv"),
}
BENCHMARK = {"train": "train", "validation": "valid", "test": "test"}  # RecBole's names


@remembered
def read_atomic(path: Path) -> tuple[Feedback, Tensor | None]:
    """Return the feedback of a RecBole or MMRec ``.inter`` file, and MMRec's labels if any.

    Tab-separated with a header whose fields may carry a type: ``user_id:token``, ``userID``.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if a column is missing, or a value is missing or no number.
    """
    lines, rows = read_tabs(path, "user_id:token, item_id:token, ... (RecBole's atomic file)")
    header = [name.partition(":")[0] for name in rows[0]] if rows else []
    columns: dict[str, list[str]] = {}
    for column, known in FIELDS.items():
        found = [n for n, name in enumerate(header) if name in known]
        if len(found) > 1:
            raise DataError(f"{path}, line {lines[0]}: two columns of {column}s")
        if found:
            columns[column] = [row[found[0]] for row in rows[1:]]
        elif column in ("user", "item"):
            raise DataError(f"{path}: no column {' or '.join(known)}")
    if len(rows) < 2:
        raise DataError(f"{path}: no rows")
    label = numbers(columns.pop(LABEL, None), lines[1:], path, LABEL)
    return feedback_of(path, lines[1:], columns), label


def whole(path: Path, format: Whole) -> tuple[Path, Feedback]:
    """Return one file of feedback, not yet split; ``path`` is the file or its only folder.

    Raises:
        MissingDataError, DataError: as ``read_feedback``, ``read_atomic`` and ``read_movielens``.
    """
    if format == "movielens":
        return read_movielens(path)
    file = _only(path, "*.tsv" if format == "tsv" else "*.inter")
    return file, read_feedback(file) if format == "tsv" else read_atomic(file)[0]


def three_files(folder: Path) -> Parts:
    """Return train, test and, if it is there, validation, by the names of ``THREE``."""
    files = {}
    for part, names in THREE.items():
        found = [folder / name for name in names if (folder / name).is_file()]
        if found or part != "validation":
            files[part] = found[0] if found else folder / names[0]
    return {name: (file, read_feedback(file)) for name, file in files.items()}


def hierarchy(root: Path, fold: int, valid_fold: int) -> Parts:
    """Return one fold of Elliot's layout.

    ``<fold>/test.tsv`` beside ``<fold>/train.tsv`` (and ``val.tsv``), or beside folders
    ``<fold>/<valid_fold>/`` that hold ``train.tsv`` and ``val.tsv``. Folders count in the order of
    their numbers, so the eleventh is number 10.

    Raises:
        MissingDataError: if a folder or file is missing.
        ConfigError: if there is no such fold.
    """
    outer = _nth(root, fold, "fold")
    if (outer / "train.tsv").is_file():
        return three_files(outer)
    inner = _nth(outer, valid_fold, "valid_fold")
    test = outer / "test.tsv"
    files = {"train": inner / "train.tsv", "validation": inner / "val.tsv", "test": test}
    return {name: (file, read_feedback(file)) for name, file in files.items()}


def folds_of(root: Path, fold: int) -> tuple[int, int]:
    """Return how many folds Elliot's layout has, and in this one of the validation."""
    outer = _nth(root, fold, "fold")
    inside = 1 if (outer / "train.tsv").is_file() else len(_numbered(outer))
    return len(_numbered(root)), inside


def all_rows(parts: Parts) -> str:
    """Return the digest of all rows of all parts, in whichever of them they stand."""
    rows = []
    for _, part in parts.values():
        stars = [None] * len(part.users) if part.ratings is None else part.ratings.tolist()
        rows += list(zip(part.users, part.items, map(str, stars), strict=True))
    return digest(sorted(rows))


def benchmark(folder: Path) -> Parts:
    """Return RecBole's pre-split ``NAME.train.inter``, ``NAME.valid.inter``, ``NAME.test.inter``.

    The validation may be missing.

    Raises:
        MissingDataError: if there is none, or not one data set only.
    """
    parts = {}
    for name, part in BENCHMARK.items():
        if part == "valid" and not list(folder.glob("*.valid.inter")):
            continue
        file = _only(folder, f"*.{part}.inter")
        parts[name] = (file, read_atomic(file)[0])
    return parts


def labelled(path: Path) -> Parts:
    """Return the three parts of MMRec's ``.inter`` file by its column ``x_label``.

    Raises:
        DataError: if the column is missing or holds other than 0, 1, 2.
    """
    file = _only(path, "*.inter")
    feedback, label = read_atomic(file)
    if label is None or not set(label.unique().tolist()) <= {0, 1, 2}:
        raise DataError(f"{file}: expected a column x_label of 0 (train), 1 (validation), 2 (test)")
    parts = {}
    for which, name in enumerate(("train", "validation", "test")):
        mask = label == which
        if mask.any():
            parts[name] = (file, feedback.keep(mask))
    return parts


def _only(path: Path, pattern: str) -> Path:
    holds = "RecBole's atomic file" if pattern.endswith("inter") else "one"
    if path.is_file():
        return path
    found = sorted(path.glob(pattern))
    if len(found) != 1:
        raise MissingDataError(
            f"no file {path}, and no single {pattern} in it: put {holds} there, or name the file"
            f"{source_of(path)}"
        )
    return found[0]


def _nth(folder: Path, n: int, name: str) -> Path:
    inside = _numbered(folder)
    if not inside:
        raise MissingDataError(f"no folder {folder / '0'}: expected one per {name}, 0, 1, ...")
    if not 0 <= n < len(inside):
        raise ConfigError(f"{folder}: expected {name} in 0..{len(inside) - 1}, got {n}")
    return sorted(inside, key=lambda p: int(p.name))[n]


def _numbered(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*") if p.is_dir() and p.name.isdecimal()]


def names_of(parts: Parts) -> tuple[list[str], list[str]]:
    """Return the users of the train and the items of all parts, ascending."""
    users = sorted(set(parts["train"][1].users))
    return users, sorted({item for _, part in parts.values() for item in part.items})


def indices(names: list[str], known: dict[str, int]) -> Tensor:
    """Return the ``(N,)`` indices of ``names``; -1 of those not known."""
    return torch.tensor([known.get(name, -1) for name in names], dtype=torch.int64)
