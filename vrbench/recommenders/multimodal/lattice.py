"""LATTICE: a graph of similar items, half given by features and half learnt."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes
from vrbench.recommenders.multimodal.base import (
    Multimodal,
    MultimodalSettings,
    directions,
    matrix,
)
from vrbench.recommenders.multimodal.item_graph import Graph, Neighbours, linked, moved
from vrbench.recommenders.sparse_matrix import SparseRows
from vrbench.recommenders.training.epochs import Optimisers
from vrbench.recommenders.training.pairwise import half_square

Links = dict[str, tuple[Neighbours, Neighbours]]  # by modality: those of features, of views


class LATTICE(Multimodal):
    """Latent structure mining (Zhang et al., MM 2021, sections 3.1-3.3), on LightGCN.

    ``x_ui = e_u . (e_i + h_i / |h_i|)``, where ``h`` are the learnt rows of items after
    ``item_layers`` steps on the graph of similar items. The graph of a modality is ``given`` times
    that of the features and the rest that of their linear views, which are learnt; each joins an
    item to its ``neighbours`` nearest by cosine, itself among them, and is normalised by degrees.
    Modalities are blended by learnt weights (here after, in the authors' code before the learnt
    graphs are normalised). As there, the learnt graph is found once an epoch, and its views learn
    from that epoch's first step. Negative cosines count as 0, and views have no constant.

    With ``graph="frozen"`` a score uses the graph as it stood at the end of training, and a picture
    changed afterwards moves nothing. With "rebuilt", what the authors' code does when it ranks,
    neighbours are found among the pictures served, and the score has an exact gradient in them
    through the weights of edges.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        neighbours: of an item in the graph of a modality.
        item_layers: steps of propagation on the graph of items.
        given: share of the graph of the features themselves.
        graph: whether items' neighbours are those of the training, or of what is served.
        layers, scale, factors and how it is trained: see ``Multimodal``.

    Example:
        >>> from vrbench.recommenders import LATTICE
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(LATTICE, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Zhang et al., MM 2021"
    defaults = MultimodalSettings(l2=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        neighbours: int = 10,
        item_layers: int = 1,
        given: float = 0.9,
        graph: Graph = "frozen",
        **training: Unpack[MultimodalSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(min(neighbours, item_layers) < 1, "neighbours, item_layers >= 1")
        self.refuse_if(not 0 <= given <= 1, "given in [0, 1]")
        self.kept = one_of(f"{self.name}.graph", graph, Graph) == "frozen"
        self.neighbours, self.item_layers, self.given = neighbours, item_layers, given
        self.own_picture = not self.kept
        self.own_words = self.own_picture and "text" in self.modalities
        self.blend = nn.Parameter(torch.zeros(len(self.modalities)))
        if len(self.modalities) == 1:
            self.blend.requires_grad_(False)
        self.similar = SparseRows(sizes.num_items, sizes.num_items)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        self.freeze(visuals)

    @torch.no_grad()
    def freeze(self, visuals: Visuals) -> None:
        """Keep the graph of items as features and views make it now."""
        was = self.training
        self.eval()  # of whole views
        share = self.blend.softmax(0).tolist()
        total = None
        for weight, pair in zip(share, self.links(visuals).values(), strict=True):
            for part, of in zip((self.given, 1 - self.given), pair, strict=True):
                made = matrix(of, weight * part * of.cosines, len(of.items))
                total = made if total is None else total + made
        self.similar.hold(total)
        self.train(was)

    def links(self, visuals: Visuals) -> Links:
        """Return the edges that features and their views make, by modality."""
        made = {}
        every = torch.arange(self.item.num_embeddings, device=self.device)
        for name, table in self.tables(visuals).items():
            views = F.normalize(self.modality(name)(every, table), dim=1)
            given = directions(table, self.device)
            made[name] = linked(given, self.neighbours), linked(views, self.neighbours)
        return made

    def smooth(self, links: Links) -> Tensor:
        """Return ``(I, K)``: the learnt rows of items after the steps on a graph."""
        table: Tensor = self.item.weight
        for _ in range(self.item_layers):
            parts = [
                self.missing(
                    self.given * moved(given, table) + (1 - self.given) * moved(learnt, table)
                )
                for given, learnt in links.values()
            ]
            table = torch.einsum("m,mik->ik", self.blend.softmax(0), torch.stack(parts))
        return table

    def kept_rows(self) -> Tensor:
        """Return the same on the graph as it was kept."""
        table: Tensor = self.item.weight
        for _ in range(self.item_layers):
            table = self.similar.times_all(table)
        return table

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        user, item = self.propagate()
        smooth = self.kept_rows() if self.kept else self.smooth(self.links(visuals))
        return Nodes(user, item[items] + F.normalize(smooth[items], dim=1))

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        vars(self)["_links"] = None  # found anew in the epoch's first step
        yield from super().batches(train, rng)

    def _epoch(
        self, train: Interactions, visuals: Visuals, optimisers: Optimisers, rng: torch.Generator
    ) -> float:
        loss = super()._epoch(train, visuals, optimisers, rng)
        self.freeze(visuals)
        return loss

    def _trained_on(self, visuals: Visuals) -> Links:
        """Return the links of an epoch; those of its first step learn."""
        known: Links | None = vars(self).get("_links") if self.training else None
        if known is not None:
            return known
        made = self.links(visuals)
        if self.training:
            vars(self)["_links"] = {
                name: tuple(Neighbours(of.items, of.cosines.detach()) for of in pair)
                for name, pair in made.items()
            }
        return made

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        user, item = self.propagate()
        item = item + F.normalize(self.smooth(self._trained_on(visuals)), dim=1)
        margin = (user[users] * (item[liked] - item[other])).sum(1)
        return margin, self.l2 * half_square(user[users], item[liked], item[other])
