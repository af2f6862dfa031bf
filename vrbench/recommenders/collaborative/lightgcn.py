"""LightGCN: embeddings averaged over the graph of users and items, and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pairwise import (
    FactorModel,
    FactorSettings,
    half_square,
)


class Nodes(NamedTuple):
    """The final rows of users and items."""

    user: Tensor
    item: Tensor


class LightGCN(FactorModel):
    """Light graph convolution (He et al., SIGIR 2020, eq. 3-15), trained by BPR.

    ``E^(k+1) = D^-1/2 A D^-1/2 E^k`` over the graph ``A`` of train, the final rows are the *mean*
    of ``E^0 .. E^layers``, and ``x_ui`` is the product of the final rows. Only ``E^0`` is learnt,
    by Adam, through the propagation; the penalty is on the ``E^0`` rows of a triple. (In Elliot
    ``E^0`` is zero and the propagated rows are assigned, so nothing can ever be learnt.)

    Args:
        sizes: users and items.
        factors: length of a row.
        layers: steps of propagation; 0 is a matrix factorisation without biases.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import LightGCN
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(LightGCN, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "He et al., SIGIR 2020"
    version = 2
    signal: ClassVar[Signal | None] = None

    defaults = FactorSettings(epochs=400, batch_size=2048, lr=0.005, l2=0.001, eval_every=5)

    def __init__(
        self, sizes: Sizes, *, layers: int = 3, **training: Unpack[FactorSettings]
    ) -> None:
        super().__init__(**self.with_defaults(FactorSettings, training))
        self.refuse_if(layers < 0, "layers >= 0")
        self.layers = layers
        self.user = nn.Embedding(sizes.num_users, self.factors)
        self.item = nn.Embedding(sizes.num_items, self.factors)
        nodes = sizes.num_users + sizes.num_items
        self.graph = SparseRows(nodes, nodes)

    def take(self, train: Interactions) -> None:
        self.graph.hold(normalised(train))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        for table in (self.user, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))

    def propagate(self, graph: SparseRows | None = None) -> Nodes:
        """Return the final rows of all users and items, over ``graph`` in place of train's."""
        rows = total = torch.cat([self.user.weight, self.item.weight])
        for _ in range(self.layers):
            rows = times_graph(rows, graph or self.graph)
            total = total + rows
        user, item = (total / (self.layers + 1)).split(
            [self.user.num_embeddings, self.item.num_embeddings]
        )
        return Nodes(user, item)

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        nodes = self.propagate()
        return Nodes(nodes.user, nodes.item[items])

    def score(self, users: Tensor, encoded: Nodes) -> Tensor:
        return encoded.user[users] @ encoded.item.T

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        nodes = self.propagate()
        return (nodes.user[users] * nodes.item[items]).sum(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        nodes = self.propagate()
        margin = (nodes.user[users] * (nodes.item[liked] - nodes.item[other])).sum(1)
        rows = self.user(users), self.item(liked), self.item(other)
        return margin, self.l2 * half_square(*rows)


class _Product(torch.autograd.Function):
    """A symmetric matrix times rows: its gradient is the same product, and as quick."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, graph: SparseRows) -> Tensor:
        ctx.graph = graph
        return graph.times_all(rows)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        return ctx.graph.times_all(upstream[0].contiguous()), None


def times_graph(rows: Tensor, graph: SparseRows) -> Tensor:
    """Return a symmetric matrix times ``rows``."""
    product: Tensor = _Product.apply(rows, graph)
    return product


def normalised(train: Interactions) -> sparse.csr_matrix:
    """Return ``D^-1/2 A D^-1/2`` of the graph in which users and their items are neighbours."""
    matrix = matrix_of(train)
    graph = sparse.vstack(
        [
            sparse.hstack([sparse.csr_matrix((train.num_users, train.num_users)), matrix]),
            sparse.hstack([matrix.T, sparse.csr_matrix((train.num_items, train.num_items))]),
        ]
    )
    scale = sparse.diags(np.maximum(np.asarray(graph.sum(1)).ravel(), 1) ** -0.5)
    return (scale @ graph @ scale).tocsr()
