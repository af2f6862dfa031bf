"""A sparse matrix inside a model's state, such as what every user has in train."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn

from vrbench.data.interactions import Interactions
from vrbench.recommenders.training.distinct import distinct


class SparseRows(nn.Module):
    """A sparse matrix of float32, by rows; empty until ``hold`` fills it.

    Three dense buffers, so that the state can be stored anywhere; how many entries there are is
    part of the state, not of the shape.

    Args:
        rows, columns: of the matrix.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.shape = (rows, columns)
        self.register_buffer("start", torch.zeros(rows + 1, dtype=torch.int64))
        self.register_buffer("column", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("value", torch.zeros(0))
        self._most = np.zeros(rows + 1, np.int64)

    start: Tensor
    column: Tensor
    value: Tensor

    def hold(self, matrix: sparse.csr_matrix) -> None:
        """Take over the entries of ``matrix``, columns ascending within a row."""
        assert matrix.shape == self.shape
        made = sparse.csr_matrix(matrix)
        made.sort_indices()
        device = self.start.device
        self.start.copy_(torch.from_numpy(made.indptr.astype(np.int64)))
        self.column = torch.from_numpy(made.indices.astype(np.int64)).to(device)
        self.value = torch.from_numpy(made.data.astype(np.float32)).to(device)
        self._most = _most(made.indptr)

    def count(self, rows: Tensor) -> Tensor:
        """Return the number of entries of each of ``rows``."""
        return self.start[rows + 1] - self.start[rows]

    def contains(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return, for pairs, whether the matrix has an entry at ``(rows[b], columns[b])``."""
        if not len(self.column):
            return torch.zeros_like(rows, dtype=torch.bool)
        every = torch.arange(self.shape[0], device=rows.device)
        row = every.repeat_interleave(self.start.diff(), output_size=len(self.column))
        key = row * self.shape[1] + self.column
        wanted = rows * self.shape[1] + columns
        return key[torch.searchsorted(key, wanted).clamp_(max=len(key) - 1)] == wanted

    def select(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(place, entry)`` of the entries of ``rows``; place indexes ``rows``."""
        count = self.count(rows)
        place = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
        nth = torch.arange(len(place), device=rows.device) - (count.cumsum(0) - count)[place]
        return place, self.start[rows][place] + nth

    def times(self, table: Tensor, rows: Tensor, once: bool = False) -> Tensor:
        """Return ``(len(rows), K)``: these rows of the matrix times ``table``, ``(columns, K)``.

        Differentiable in ``table``; a row without entries gives zeros. For ``once`` see ``dense``.
        """
        if once and rows.is_cuda:
            _, entry, start = self._ahead(rows)
            return weighted_sums(table, self.column[entry], self.value[entry], start)[:-1]
        _, entry = self.select(rows)
        count = self.count(rows)
        return weighted_sums(table, self.column[entry], self.value[entry], count.cumsum(0) - count)

    def sums(self, table: Tensor, rows: Tensor) -> Tensor:
        """Return what ``times`` does, made once for a row however often it is asked for."""
        known, where = distinct(rows)
        return self.times(table, known, once=True)[where]

    def sums_without(self, table: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return sums of zeros and ones without a column, and how many entries are left.

        Args:
            table: ``(columns, K)``.
            rows: ``(B,)``.
            columns: ``(B, M)``, of which each is left out of its row's sum.

        Returns:
            ``(B, M, K)`` sums, zeros where nothing is left, and ``(B, M)`` counts.
        """
        many = rows[:, None].expand_as(columns).flatten()
        owned = self.contains(many, columns.flatten()).view(columns.shape)
        count = self.count(rows)[:, None] - owned.long()
        rest = self.sums(table, rows)[:, None] - owned[..., None] * F.embedding(columns, table)
        return rest * (count > 0)[..., None], count  # what is left of one entry is rounding

    def times_all(self, table: Tensor) -> Tensor:
        """Return ``(rows, K)``: the whole matrix times ``table``, ``(columns, K)``."""
        return weighted_sums(table, self.column, self.value, self.start[:-1])

    def dense(self, rows: Tensor, once: bool = False) -> Tensor:
        """Return these rows of the matrix with their zeros, ``(len(rows), columns)``.

        Args:
            rows: of the matrix.
            once: whether they are distinct ones as ``distinct`` gives them, the first again behind
                the others or not: how many entries they have is not asked of a GPU then. Where the
                first comes again, what is returned is not its row.
        """
        place, entry = self._ahead(rows)[:2] if once and rows.is_cuda else self.select(rows)
        made = torch.zeros(len(rows) + 1, self.shape[1], device=rows.device)
        made[place, self.column[entry]] = self.value[entry]
        return made[:-1]

    def _ahead(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(place, entry, start)`` of distinct rows, of a number that the host knows.

        There are as many as ``len(rows)`` rows have at the most. Those behind the last are of one
        more place, ``len(rows)``; ``start``, ``(len(rows) + 1,)``, says where a place's begin.
        """
        count = self.count(rows)
        count[1:] *= rows[1:] != rows[:1]  # behind the distinct ones the first may come again
        start = F.pad(count.cumsum(0), (1, 0))
        most = int(self._most[min(len(rows), self.shape[0])])
        nth = torch.arange(most, device=rows.device)
        place = torch.searchsorted(start[1:], nth, right=True)
        return place, F.pad(self.start[rows] - start[:-1], (0, 1))[place] + nth, start

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("column", "value"):  # as long as what is loaded
            if prefix + name in state:
                like = torch.empty_like(state[prefix + name], device=self.start.device)
                setattr(self, name, like)
        super()._load_from_state_dict(state, prefix, *rest)
        self._most = _most(self.start.cpu().numpy())


def _most(start: np.ndarray) -> np.ndarray:
    """Return how many entries no, one, two ... distinct rows have at the most, int64."""
    return np.append(0, np.sort(np.diff(start).astype(np.int64))[::-1].cumsum())


def weighted_sums(table: Tensor, index: Tensor, weight: Tensor, start: Tensor) -> Tensor:
    """Return for each row ``r`` the sum of ``weight[n] * table[index[n]]`` over its ``n``.

    The ``n`` of row ``r`` are those from ``start[r]`` up to the next row's start.
    """
    if not len(index):  # nobody has anything; the sum still depends on the table
        return table[:1].expand(len(start), -1) * 0
    return F.embedding_bag(index, table, start, mode="sum", per_sample_weights=weight)


def matrix_of(feedback: Interactions) -> sparse.csr_matrix:
    """Return the zeros and ones of ``feedback``, ``(num_users, num_items)`` float64."""
    ones = np.ones(len(feedback))
    return sparse.csr_matrix(
        (ones, feedback.items.numpy(), feedback.indptr.numpy()),
        (feedback.num_users, feedback.num_items),
    )
