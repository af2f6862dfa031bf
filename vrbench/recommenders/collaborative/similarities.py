"""How alike two rows of feedback are: the similarities of kNN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vrbench.core.extras import extra

Similarity = Literal[
    "cosine",
    "dot",
    "jaccard",
    "dice",
    "pearson",
    "adjusted_cosine",
    "correlation",
    "euclidean",
    "manhattan",
]
CENTRED = ("pearson", "adjusted_cosine")  # of ratings alone: ones have no deviation from a mean
BLOCK = 1024  # rows of a similarity that are whole at once; bounds the memory, changes nothing


class Pairs(NamedTuple):
    """Pairs of rows ``(a[n], b[n])``, and sums over what they hold."""

    dot: NDArray[np.float64]  # of the products of their numbers
    common: NDArray[np.float64]  # columns in which both have one
    a: NDArray[np.int64]
    b: NDArray[np.int64]


class Sums(NamedTuple):
    """Of every row: how many numbers it has, their sum, and the sum of their squares."""

    number: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    width: int


def _cosine(p: Pairs, s: Sums) -> NDArray[np.float64]:
    length = np.sqrt(np.maximum(s.square, 1e-300))
    return p.dot / length[p.a] / length[p.b]


def _correlation(p: Pairs, s: Sums) -> NDArray[np.float64]:
    away = p.dot - s.total[p.a] * s.total[p.b] / s.width
    spread = np.sqrt(np.maximum(s.square - s.total**2 / s.width, 1e-300))
    return away / spread[p.a] / spread[p.b]


def _euclidean(p: Pairs, s: Sums) -> NDArray[np.float64]:
    return 1 / (1 + np.sqrt(np.maximum(s.square[p.a] + s.square[p.b] - 2 * p.dot, 0)))


OF_PAIRS: dict[str, Callable[[Pairs, Sums], NDArray[np.float64]]] = {
    "cosine": _cosine,
    "pearson": _cosine,  # of rows less their means
    "adjusted_cosine": _cosine,  # of columns less their means
    "dot": lambda p, s: p.dot,
    "jaccard": lambda p, s: p.common / (s.number[p.a] + s.number[p.b] - p.common),
    "dice": lambda p, s: 2 * p.common / (s.number[p.a] + s.number[p.b]),
    "correlation": _correlation,
    "euclidean": _euclidean,
}


def similarities(
    rows: sparse.csr_matrix, kind: Similarity, shrink: float
) -> Iterator[sparse.coo_matrix]:
    """Yield consecutive rows of the similarities of all pairs of ``rows``; 0 where there are none.

    Args:
        rows: zeros and ones, or ratings; unknowns are zeros but for the means of ``pearson`` and
            ``adjusted_cosine``, which run over what is known.
        kind: "cosine"; "dot"; "jaccard" and "dice", of which columns are taken; "pearson", of
            deviations from each row's mean; "adjusted_cosine", from each column's; "correlation",
            Pearson's over all columns, unknowns zeros; "euclidean" and "manhattan", one over one
            and the distance. The last two are of all pairs, the others of those with a column in
            common.
        shrink: similarities are multiplied by ``n / (n + shrink)``, ``n`` the columns in common.
    """
    known = sparse.csr_matrix(rows, copy=True)
    known.data = np.ones_like(known.data)
    values = _centred(sparse.csr_matrix(rows, copy=True), kind)
    count = known.sum(1).A1
    square = values.multiply(values).sum(1).A1
    sums = Sums(count, values.sum(1).A1, square, rows.shape[1])
    columns, both = values.T.tocsr(), known.T.tocsr()
    ones = bool((values.data == 1).all())
    every = kind in ("euclidean", "manhattan")
    for first in range(0, rows.shape[0], BLOCK):
        block = slice(first, first + BLOCK)
        common = sparse.coo_matrix(known[block] @ both)
        if every:
            common = _with_zeros(common)
        dot = common.data
        if not ones:
            products = sparse.csr_matrix(values[block] @ columns)
            dot = products[common.row, common.col].A1 if common.nnz else np.zeros(0)
        pairs = Pairs(dot, common.data, first + common.row, common.col)
        if kind == "manhattan":
            found = _manhattan(values[block], values)
        else:
            found = OF_PAIRS[kind](pairs, sums)
        weight = common.data / np.maximum(common.data + shrink, 1e-300) if shrink else 1.0
        common.data = found * weight
        yield common


def _centred(values: sparse.csr_matrix, kind: Similarity) -> sparse.csr_matrix:
    """Return ``values`` less the mean of what is known of each row, or column, where asked."""
    if kind not in CENTRED:
        return values
    row = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    place = row if kind == "pearson" else values.indices
    known, total = np.bincount(place), np.bincount(place, weights=values.data)
    values.data = values.data - (total / np.maximum(known, 1))[place]
    return values


def _with_zeros(block: sparse.coo_matrix) -> sparse.coo_matrix:
    """Return ``block`` with every pair in it."""
    a, b = np.indices(block.shape)
    dense = block.toarray()
    return sparse.coo_matrix((dense.ravel(), (a.ravel(), b.ravel())), block.shape)


def _manhattan(block: sparse.csr_matrix, rows: sparse.csr_matrix) -> NDArray[np.float64]:
    pairwise = extra("sklearn.metrics.pairwise", needed_by="manhattan", group="collaborative")
    distance: NDArray[np.float64] = pairwise.manhattan_distances(block, rows)
    return 1 / (1 + distance.ravel())
