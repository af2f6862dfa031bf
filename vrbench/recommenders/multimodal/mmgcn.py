"""MMGCN: a graph of users and items of its own for each modality, and their mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes, times_graph
from vrbench.recommenders.multimodal.base import Modality, Multimodal, MultimodalSettings
from vrbench.recommenders.training.pairwise import half_square


class MMGCN(Multimodal):
    """Multi-modal graph convolution (Wei et al., MM 2019, sections 3.1-3.3).

    ``x_ui = e_u . e_i``, ``e`` being the mean of what the modalities' graphs end with. The graph of
    a modality starts from users' learnt preferences for it and from the linear views of items'
    features, each divided by its length. A step makes of the rows ``x``
    ``act(W h + w + act(V x + v) + id)`` with ``h = act(mean of Z x over neighbours)``: of the
    paper's two ways to combine, the sum; ``id`` are rows of users and items that all modalities
    share, ``act`` the leaky ReLU. The loss is BPR's.

    A changed picture moves the rows of its item, of whoever has it, and of what they have: an
    attack reaches a score through the item and through the users.

    In the authors' code neither preferences nor ``id`` are given to the optimiser: they stay as
    they were drawn. Here they are learnt, and the penalty is on those of a triple.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        latent: length of a view, and of a preference.
        layers: steps on the graph of a modality; at least 1.
        scale, factors and how it is trained: see ``Multimodal``.

    Example:
        >>> from vrbench.recommenders import MMGCN
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(MMGCN, factors=8, latent=8, **BRISK)) > 0.8
        True
    """

    paper = "Wei et al., MM 2019"
    defaults = MultimodalSettings(l2=0.0001)

    def __init__(
        self, sizes: Sizes, *, latent: int = 256, **training: Unpack[MultimodalSettings]
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(min(latent, self.layers) < 1, "latent, layers >= 1")
        self.latent = latent
        self.own_words = "text" in self.modalities
        nodes = sizes.num_users + sizes.num_items
        self.register_buffer("root", torch.ones(nodes, 1))
        wide = [latent] + [self.factors] * (self.layers - 1)
        self.preference, self.steps = nn.ModuleDict(), nn.ModuleDict()
        for name in list(self.modalities):
            self.modalities[name] = Modality(
                len(self.modality(name).centre), latent, self.modality_dropout
            )
            self.preference[name] = nn.Embedding(sizes.num_users, latent)
            self.steps[name] = nn.ModuleList(Step(width, self.factors) for width in wide)

    root: Tensor  # (U + I, 1): of degrees

    def take(self, train: Interactions) -> None:
        super().take(train)
        degrees = torch.cat([train.counts, train.popularity])
        self.root.copy_(degrees.clamp(min=1).sqrt()[:, None])

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean of ``(U + I, K)`` rows over each node's neighbours, 0 without any."""
        return times_graph(rows * self.root, self.graph) / self.root

    def taste(self, name: str) -> nn.Embedding:
        """Return users' preferences for a modality."""
        found = self.preference[name]
        assert isinstance(found, nn.Embedding)
        return found

    def rows_of(self, name: str, table: Visuals) -> Tensor:
        """Return ``(U + I, K)``: what the graph of a modality ends with."""
        every = torch.arange(self.item.num_embeddings, device=self.device)
        shared = torch.cat([self.user.weight, self.item.weight])
        views = self.modality(name)(every, table)
        rows: Tensor = F.normalize(torch.cat([self.taste(name).weight, views]), dim=1)
        steps = self.steps[name]
        assert isinstance(steps, nn.ModuleList)
        for step in steps:
            rows = step(rows, shared, self.mean)
        return rows

    def nodes_of(self, visuals: Visuals) -> Nodes:
        """Return the rows of all users and items."""
        found = [self.rows_of(name, table) for name, table in self.tables(visuals).items()]
        rows = torch.stack(found).mean(0)
        return Nodes(*rows.split([self.user.num_embeddings, self.item.num_embeddings]))

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        nodes = self.nodes_of(visuals)
        return Nodes(nodes.user, nodes.item[items])

    def profile(self, users: Tensor, encoded: Nodes) -> Tensor:
        return encoded.user[users]

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        nodes = self.nodes_of(visuals)
        margin = (nodes.user[users] * (nodes.item[liked] - nodes.item[other])).sum(1)
        tastes = half_square(*(self.taste(name)(users) for name in self.preference))
        shared = half_square(self.user(users), self.item(liked), self.item(other))
        return margin, self.l2 * (shared + tastes)


class Step(nn.Module):
    """A step on the graph of a modality; see ``MMGCN``.

    Args:
        width: length of a row before it.
        factors: and after it.
    """

    def __init__(self, width: int, factors: int) -> None:
        super().__init__()
        self.told = nn.Linear(width, width, bias=False)
        self.heard, self.own = nn.Linear(width, factors), nn.Linear(width, factors)

    def forward(self, rows: Tensor, shared: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the rows after the step, given those that modalities share and the mean."""
        heard = F.leaky_relu(mean(self.told(rows)))
        own = F.leaky_relu(self.own(rows)) + shared
        return F.leaky_relu(self.heard(heard) + own)
