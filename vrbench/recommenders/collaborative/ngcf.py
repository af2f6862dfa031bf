"""NGCF: rows of users and items, changed by a network at every step along their graph."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import LightGCN, Nodes, times_graph
from vrbench.recommenders.sparse_matrix import SparseRows
from vrbench.recommenders.training.pairwise import FactorSettings


class NGCF(LightGCN):
    """Neural graph collaborative filtering (Wang et al., SIGIR 2019, eq. 7-11), trained by BPR.

    ``E^(k+1) = leaky_relu((L + I) E^k W1 + (L E^k * E^k) W2)`` with ``L = D^-1/2 A D^-1/2``, with
    biases and a slope of .2, thinned by dropout; the final rows are ``E^0`` and every ``E^k`` of
    length one, behind each other. The penalty is on the ``E^0`` rows of a triple. (In Elliot the
    propagated rows are assigned, so nothing behind ``E^0`` is ever learnt.)

    Args:
        sizes: users and items.
        factors: length of ``E^0`` and of every layer.
        layers: steps of propagation.
        dropout: share of a layer's numbers left out in training.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import NGCF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(NGCF, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Wang et al., SIGIR 2019"
    version = 1
    defaults = FactorSettings(lr=0.001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        layers: int = 3,
        dropout: float = 0.1,
        **training: Unpack[FactorSettings],
    ) -> None:
        super().__init__(sizes, layers=layers, **self.with_defaults(FactorSettings, training))
        self.dropout = dropout
        self.summed = nn.ModuleList(nn.Linear(self.factors, self.factors) for _ in range(layers))
        self.mixed = nn.ModuleList(nn.Linear(self.factors, self.factors) for _ in range(layers))
        self.drop = Dropout(dropout)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super(LightGCN, self).begin(visuals, rng)
        super().begin(visuals, rng)
        seed_dropout(self, rng)

    def propagate(self, graph: SparseRows | None = None) -> Nodes:
        rows = torch.cat([self.user.weight, self.item.weight])
        found = [rows]
        for summed, mixed in zip(self.summed, self.mixed, strict=True):
            around = times_graph(rows, graph or self.graph)
            made: Tensor = summed(around + rows) + mixed(around * rows)
            rows = self.drop(F.leaky_relu(made, 0.2))
            found.append(F.normalize(rows, dim=1))
        sizes = [self.user.num_embeddings, self.item.num_embeddings]
        return Nodes(*torch.cat(found, 1).split(sizes))
