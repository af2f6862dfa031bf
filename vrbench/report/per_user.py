"""Per-user metric values, averaged over seeds and folds."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrbench.report.identity import Repeat

Values = NDArray[np.float64]
Users = NDArray[np.int64]


class OfUsers(NamedTuple):
    """What one run measured of each user, and who they are.

    Attributes:
        values: ``(U,)``, NaN where undefined.
        users: ``(U,)``, the same number for a user on every fold; None: there are no folds, and
            users are told by their place.
    """

    values: Values
    users: Users | None


def everybody(runs: Iterable[OfUsers]) -> Users | None:
    """Return the users of all runs, ascending; None where they are told by their place."""
    known = [run.users for run in runs if run.users is not None]
    return np.unique(np.concatenate(known)) if known else None


def averaged(runs: Mapping[Repeat, OfUsers], everybody: Users | None) -> Values:
    """Return one number per user: the mean over seeds of each fold, then over the user's folds.

    A user counts once, however many folds test him; on those that do not he has no number, and a
    fold does not count for who is not in it.

    Args:
        runs: of one model, by seeds and fold.
        everybody: the users of all models, see ``everybody``.
    """
    by_fold: dict[tuple[int, ...], list[OfUsers]] = defaultdict(list)
    for (*_, fold, valid), run in sorted(runs.items(), key=lambda run: run[0]):
        by_fold[fold, valid].append(run)
    if everybody is None:
        (alike,) = by_fold.values()
        return np.mean([run.values for run in alike], axis=0)
    table = np.full((len(by_fold), len(everybody)), np.nan)
    for row, of_fold in zip(table, by_fold.values(), strict=True):
        users = of_fold[0].users
        assert users is not None
        row[np.searchsorted(everybody, users)] = np.mean([run.values for run in of_fold], axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # whom no fold tests
        return np.nanmean(table, axis=0)


def folds(runs: Iterable[Repeat]) -> tuple[tuple[int, int], ...]:
    """Return the folds that a model was run on, ascending."""
    return tuple(sorted({(fold, valid) for *_, fold, valid in runs}))
