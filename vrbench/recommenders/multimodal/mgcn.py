"""MGCN: items' rows gated by their features, smoothed over similar items, fused by behaviour."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes, times_graph
from vrbench.recommenders.multimodal.base import (
    Multimodal,
    MultimodalSettings,
    directions,
    matrix,
)
from vrbench.recommenders.multimodal.item_graph import Graph, linked, moved
from vrbench.recommenders.sparse_matrix import SparseRows
from vrbench.recommenders.training.pairwise import half_square


class Views(NamedTuple):
    """The rows of all users, then of all items, ``(U + I, K)``, as two views have them."""

    behaviour: Tensor
    content: Tensor


class MGCN(Multimodal):
    """Multi-view graph convolution (Yu et al., MM 2023, sections 3.1-3.4).

    ``x_ui = (b_u + c_u) . (b_i + c_i)``. ``b`` are LightGCN rows. The view ``c`` starts, for each
    modality, from an item's learnt row times a gate of its features, ``sigmoid(V f + v)``
    (behaviour-guided purifier); takes ``item_layers`` steps on the graph of items with similar
    features, that of LATTICE without its learnt part; and gives a user the sum over items owned,
    each over the root of both degrees. The fuser takes from modalities what they share, their mean
    by attention, and what each has of its own, gated by ``b``, and divides the sum of all by their
    number, as the authors' code does (of two modalities, by 3); one modality is taken as it is. The
    loss is BPR's, and ``contrast`` times InfoNCE between ``c`` and ``b`` of a batch's users and
    items. The penalty is on final rows.

    A changed picture moves its item's gate, and through it neighbours and whoever owns them, even
    where the graph is ``frozen``; with ``graph="rebuilt"`` its neighbours as well, with an exact
    gradient through the weights of edges.

    Features are constant: the authors' code trains them as if they were rows.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        neighbours: of an item in the graph of a modality.
        item_layers: steps of propagation on the graph of items.
        graph: whether items' neighbours are those of the training, or of what is served.
        contrast: weight of InfoNCE.
        temperature: of InfoNCE.
        layers, scale, factors and how it is trained: see ``Multimodal``.

    Example:
        >>> from vrbench.recommenders import MGCN
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(MGCN, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Yu et al., MM 2023"
    version = 2
    defaults = MultimodalSettings(l2=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        neighbours: int = 10,
        item_layers: int = 1,
        graph: Graph = "frozen",
        contrast: float = 0.01,
        temperature: float = 0.2,
        **training: Unpack[MultimodalSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(min(neighbours, item_layers) < 1, "neighbours, item_layers >= 1")
        self.refuse_if(contrast < 0 or temperature <= 0, "contrast >= 0, temperature > 0")
        self.kept = one_of(f"{self.name}.graph", graph, Graph) == "frozen"
        self.neighbours, self.item_layers = neighbours, item_layers
        self.contrast, self.temperature = contrast, temperature
        self.similar = nn.ModuleDict(
            {name: SparseRows(sizes.num_items, sizes.num_items) for name in self.modalities}
        )
        self.own_words = "text" in self.modalities
        self.gates = self._of_each()
        self.fuser = Fuser(self.factors, self._of_each()) if len(self.modalities) > 1 else None

    def _of_each(self) -> nn.ModuleDict:
        """Return a linear layer for each modality."""
        return nn.ModuleDict({n: nn.Linear(self.factors, self.factors) for n in self.modalities})

    @torch.no_grad()
    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for name, table in self.tables(visuals).items():
            found = linked(directions(table, self.device), self.neighbours)
            self.edges_of(name).hold(matrix(found, found.cosines, len(found.items)))

    def edges_of(self, name: str) -> SparseRows:
        """Return the graph of items by a modality, as it was in training."""
        found = self.similar[name]
        assert isinstance(found, SparseRows)
        return found

    def content(self, name: str, table: Visuals) -> Tensor:
        """Return ``(I, K)``: the gated rows of items after the steps on a modality's graph."""
        every = torch.arange(self.item.num_embeddings, device=self.device)
        gate = torch.sigmoid(self.gates[name](self.modality(name)(every, table)))
        rows: Tensor = self.item.weight * gate
        same = name != "image" and not self.rereads
        if self.kept or self.training or same:
            for _ in range(self.item_layers):
                rows = self.edges_of(name).times_all(rows)
            return self.missing(rows)
        links = linked(directions(table, self.device), self.neighbours)
        for _ in range(self.item_layers):
            rows = moved(links, rows)
        return rows

    def owned(self, rows: Tensor) -> Tensor:
        """Return ``(U, K)``: the sum of the rows of what each user has, over roots of degrees."""
        nobody = rows.new_zeros(self.user.num_embeddings, self.factors)
        return times_graph(torch.cat([nobody, rows]), self.graph)[: len(nobody)]

    def views(self, visuals: Visuals) -> Views:
        """Return both views of all users and items."""
        behaviour = torch.cat(self.propagate())
        seen = []
        for name, table in self.tables(visuals).items():
            rows = self.content(name, table)
            seen.append(torch.cat([self.owned(rows), rows]))
        if self.fuser is None:
            return Views(behaviour, seen[0])
        return Views(behaviour, self.fuser(torch.stack(seen, 1), behaviour))

    def _split(self, rows: Tensor) -> Nodes:
        return Nodes(*rows.split([self.user.num_embeddings, self.item.num_embeddings]))

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        views = self.views(visuals)
        nodes = self._split(views.behaviour + views.content)
        return Nodes(nodes.user, nodes.item[items])

    def profile(self, users: Tensor, encoded: Nodes) -> Tensor:
        return encoded.user[users]

    def _compare(self, views: Views, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return what ``compare`` does, of views that are known."""
        nodes, (users, liked, other) = self._split(views.behaviour + views.content), batch
        user, yes, no = nodes.user[users], nodes.item[liked], nodes.item[other]
        return (user * (yes - no)).sum(1), self.l2 * half_square(user, yes, no)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        return self._compare(self.views(visuals), (users, liked, other))

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        views = self.views(visuals)
        margin, penalty = self._compare(views, batch)
        loss = (F.softplus(-margin) + penalty).mean()
        if self.contrast == 0:
            return loss
        of_behaviour, of_content = self._split(views.behaviour), self._split(views.content)
        for content, behaviour, rows in zip(of_content, of_behaviour, batch[:2], strict=True):
            loss = loss + self.contrast * info_nce(content[rows], behaviour[rows], self.temperature)
        return loss


class Fuser(nn.Module):
    """What modalities share, and what each has of its own, as far as behaviour asks for it.

    Args:
        factors: length K of a row.
        prefer: a linear layer of behaviour for each of M modalities, in their order.
    """

    def __init__(self, factors: int, prefer: nn.ModuleDict) -> None:
        super().__init__()
        self.attend, self.prefer = nn.Linear(factors, factors), prefer
        self.query = nn.Linear(factors, 1, bias=False)

    def forward(self, seen_NMK: Tensor, behaviour_NK: Tensor) -> Tensor:
        """Return the fused rows, ``(N, K)``."""
        share_NM1 = self.query(torch.tanh(self.attend(seen_NMK))).softmax(1)
        shared_NK = (share_NM1 * seen_NMK).sum(1)
        asked = [torch.sigmoid(layer(behaviour_NK)) for layer in self.prefer.values()]
        own_NMK = torch.stack(asked, 1) * (seen_NMK - shared_NK[:, None])
        fused: Tensor = (shared_NK + own_NMK.sum(1)) / (1 + len(asked))
        return fused


def info_nce(rows: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of picking ``targets[b]`` for ``rows[b]``, by cosine."""
    cosine = F.normalize(rows, dim=1) @ F.normalize(targets, dim=1).T
    return F.cross_entropy(cosine / temperature, torch.arange(len(rows), device=rows.device))
