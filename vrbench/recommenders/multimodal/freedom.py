"""FREEDOM: item embeddings averaged over items with similar features, on a frozen graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes, normalised
from vrbench.recommenders.multimodal.base import (
    Multimodal,
    MultimodalSettings,
    directions,
    matrix,
)
from vrbench.recommenders.multimodal.item_graph import Edges, Graph, mixed, nearest, weights
from vrbench.recommenders.sparse_matrix import SparseRows
from vrbench.recommenders.training.pairwise import half_square


class FREEDOM(Multimodal):
    """Freezing and denoising graph structures (Zhou and Shen, MM 2023, sections 3.1-3.4).

    ``x_ui = e_u . (e_i + h_i)``: the LightGCN rows of a user and an item, the mean of ``layers``
    steps, and ``h_i``, the mean of the learnt rows of the ``neighbours`` items whose features are
    most similar to those of ``i``, itself among them. Of the edges of users and items only
    ``1 - drop`` are trained on, drawn anew for every epoch in proportion to
    ``1 / sqrt(degree degree)``. The loss is BPR's, and ``alignment`` times BPR's with the linear
    view of each modality in the item's place.

    Pictures speak in a score through the *graph* alone. With ``graph="frozen"``, as published, it
    is that of the training: a picture changed afterwards moves nothing, and promotion is possible
    by poisoning only. With "rebuilt" the shop looks for neighbours among the pictures that it
    serves: a changed picture changes its item's neighbours, and an item's place with them.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        neighbours: of an item in the graph of a modality.
        item_layers: steps of propagation on the graph of items.
        image_share: of the graph of pictures, where there are words, too.
        edges: "binary", as published, or "cosine": a neighbour counts by its similarity.
        graph: whether items' neighbours are those of the training, or of what is served.
        drop: share of the edges of users and items that an epoch does without.
        alignment: weight of the loss of each modality.
        layers, scale, factors and how it is trained: see ``Multimodal``.

    Example:
        >>> from vrbench.recommenders import FREEDOM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(FREEDOM, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Zhou and Shen, MM 2023"

    def __init__(
        self,
        sizes: Sizes,
        *,
        neighbours: int = 10,
        item_layers: int = 1,
        image_share: float = 0.1,
        edges: Edges = "binary",
        graph: Graph = "frozen",
        drop: float = 0.8,
        alignment: float = 0.001,
        **training: Unpack[MultimodalSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(
            min(neighbours, item_layers) < 1 or alignment < 0,
            "neighbours, item_layers >= 1 and alignment >= 0",
        )
        self.refuse_if(
            not (0 <= image_share <= 1 and 0 <= drop < 1), "image_share in [0, 1], drop in [0, 1)"
        )
        self.edges = one_of(f"{self.name}.edges", edges, Edges)
        self.kept = one_of(f"{self.name}.graph", graph, Graph) == "frozen"
        self.neighbours, self.item_layers = neighbours, item_layers
        self.image_share = image_share if "text" in self.modalities else 1.0
        self.drop, self.alignment = drop, alignment
        self.own_picture = not self.kept and self.image_share > 0
        self.own_words = not self.kept and self.image_share < 1
        self.similar = torch.nn.ModuleDict(
            {name: SparseRows(sizes.num_items, sizes.num_items) for name in self.modalities}
        )

    @torch.no_grad()
    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for name, table in self.tables(visuals).items():
            unit = directions(table, self.device)
            found = nearest(unit, unit, self.neighbours)
            self.edges_of(name).hold(matrix(found, weights(found, self.edges), len(unit)))

    def edges_of(self, name: str) -> SparseRows:
        """Return the graph of items by a modality, as it was in training."""
        found = self.similar[name]
        assert isinstance(found, SparseRows)
        return found

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        if self.drop > 0:
            pruned = SparseRows(*self.graph.shape).to(self.device)
            pruned.hold(normalised(train.keep(remaining(train, self.drop, rng), None)))
            vars(self)["_pruned"] = pruned  # of an epoch: no part of the state
        yield from super().batches(train, rng)

    def nodes(self) -> Nodes:
        return self.propagate(vars(self).get("_pruned") if self.training else None)

    def _step(self, table: Tensor) -> Tensor:
        """Return ``table`` after a step on the graph of the training, for all items."""
        moved = self.image_share * self.missing(self.edges_of("image").times_all(table))
        if self.image_share < 1:
            words = self.missing(self.edges_of("text").times_all(table))
            moved = moved + (1 - self.image_share) * words
        return moved

    def smooth(self) -> Tensor:
        """Return ``(I, K)``: the learnt rows of items after the steps on the frozen graph."""
        table: Tensor = self.item.weight
        for _ in range(self.item_layers):
            table = self._step(table)
        return table

    def served(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return ``(B, K)``: the same of ``items``, on the graph of the pictures ``visuals``."""
        unit, count = directions(visuals, self.device), self.neighbours
        table: Tensor = self.item.weight
        every = torch.arange(len(unit), device=self.device)
        for layer in range(1, self.item_layers + 1):
            some = items if layer == self.item_layers else every
            found = self.image_share * mixed(unit[some], unit, table, count, self.edges)
            if self.image_share < 1:
                words = self._by_words(some, table)
                found = found + (1 - self.image_share) * words
            table = found
        return table

    def _by_words(self, items: Tensor, table: Tensor) -> Tensor:
        """Return the mean of ``table`` over the neighbours of ``items`` by words."""
        if not self.rereads:
            return self.edges_of("text").times(table, items)
        assert self.text is not None
        unit = F.normalize(self.text, dim=1)
        return mixed(unit[items], unit, table, self.neighbours, self.edges)

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        nodes = self.nodes()
        if self.kept:
            return Nodes(nodes.user, nodes.item[items] + self.smooth()[items])
        return Nodes(nodes.user, nodes.item[items] + self.served(items, visuals))

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        nodes = self.nodes()
        item, user = nodes.item + self.smooth(), nodes.user[users]
        margin = (user * (item[liked] - item[other])).sum(1)
        penalty = self.l2 * half_square(self.user(users), self.item(liked), self.item(other))
        for name, table in self.tables(visuals).items():
            views = self.modality(name).difference(liked, other, table)
            penalty = penalty + self.alignment * F.softplus(-(user * views).sum(1))
        return margin, penalty


def remaining(train: Interactions, drop: float, rng: torch.Generator) -> Tensor:
    """Return ``(N,)`` bool: the interactions that an epoch keeps, ``1 - drop`` of all.

    Drawn without replacement in proportion to ``1 / sqrt(degree degree)``, in one go (Efraimidis
    and Spirakis, 2006).
    """
    degrees: Any = train.counts[train.users] * train.popularity[train.items]
    waits = torch.empty(len(train), dtype=torch.float64).exponential_(generator=rng)
    first = (waits * degrees.double().sqrt()).argsort()[: int(len(train) * (1 - drop))]
    kept = torch.zeros(len(train), dtype=torch.bool)
    kept[first] = True
    return kept
