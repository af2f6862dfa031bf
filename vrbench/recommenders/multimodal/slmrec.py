"""SLMRec: a graph of users and items for each modality, aligned from fine to coarse."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes, times_graph
from vrbench.recommenders.multimodal.base import Multimodal, MultimodalSettings
from vrbench.recommenders.multimodal.mgcn import info_nce
from vrbench.recommenders.training.pairwise import half_square


class SLMRec(Multimodal):
    """Self-supervised learning for multimedia (Tao et al., TMM 2022), fine and coarse alignment.

    ``x_ui = e_u . e_i``. Behaviour and each modality have LightGCN rows on one graph: all start
    from the same rows of users, and from items' own rows, or the linear views of their features.
    ``e`` is one linear layer of all of them side by side, of users and of items. The loss of a
    batch of purchases is InfoNCE by cosine, the other items of the batch being the negatives; and
    ``contrast`` times InfoNCE, by product, between modalities of its items: their behaviour and
    their picture, each through a linear layer, and what behaviour became there, through one more of
    half as many units, and their words.

    A changed picture moves the rows of its item, of whoever has it, and of what they have.

    Of the paper's three tasks this is the one its authors chose (FAC); feature dropping and masking
    are not here. Their penalty is Adam's weight decay of everything, here that on the rows of a
    batch; their features have length one, here they are scaled.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        temperature: of the loss of purchases.
        contrast: weight of the loss between modalities.
        contrast_temperature: and its temperature.
        layers, scale, modality_dropout, mirror, mirror_every: see ``Multimodal``.
        factors: length of a row.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; purchases of a step.
        l2: weight of the penalty.

    Example:
        >>> from vrbench.recommenders import SLMRec
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(SLMRec, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Tao et al., TMM 2022"
    defaults = MultimodalSettings(layers=3, l2=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        temperature: float = 0.2,
        contrast: float = 0.1,
        contrast_temperature: float = 0.2,
        **training: Unpack[MultimodalSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(temperature <= 0, "temperature > 0")
        self.refuse_if(
            contrast < 0 or contrast_temperature <= 0, "contrast >= 0, contrast_temperature > 0"
        )
        self.temperature, self.contrast = temperature, contrast
        self.contrast_temperature = contrast_temperature
        self.own_words = "text" in self.modalities
        width, names = self.factors, list(self.modalities)
        self.fuse_user = nn.Linear(width * (1 + len(names)), width)
        self.fuse_item = nn.Linear(width * (1 + len(names)), width)
        units = [width] + [max(1, width // 2)] * (len(names) - 1)  # from fine to coarse
        self.before = nn.ModuleDict(
            {n: nn.Linear(i, o) for n, i, o in zip(names, [width, *units], units, strict=False)}
        )
        self.beside = nn.ModuleDict(
            {n: nn.Linear(width, o) for n, o in zip(names, units, strict=True)}
        )

    def propagated(self, items: Tensor) -> Nodes:
        """Return the final rows of users and items where items start from ``items``, ``(I, K)``."""
        rows = total = torch.cat([self.user.weight, items])
        for _ in range(self.layers):
            rows = times_graph(rows, self.graph)
            total = total + rows
        return Nodes(*(total / (self.layers + 1)).split([len(self.user.weight), len(items)]))

    def channels(self, visuals: Visuals) -> dict[str, Nodes]:
        """Return the rows of all users and items, by behaviour ("") and by each modality."""
        every = torch.arange(self.item.num_embeddings, device=self.device)
        found = {"": self.propagated(self.item.weight)}
        for name, table in self.tables(visuals).items():
            found[name] = self.propagated(self.modality(name)(every, table))
        return found

    def fused(self, channels: dict[str, Nodes]) -> Nodes:
        """Return the final rows of all users and items."""
        user = torch.cat([nodes.user for nodes in channels.values()], 1)
        item = torch.cat([nodes.item for nodes in channels.values()], 1)
        return Nodes(self.fuse_user(user), self.fuse_item(item))

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        nodes = self.fused(self.channels(visuals))
        return Nodes(nodes.user, nodes.item[items])

    def profile(self, users: Tensor, encoded: Nodes) -> Tensor:
        return encoded.user[users]

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        nodes = self.fused(self.channels(visuals))
        margin = (nodes.user[users] * (nodes.item[liked] - nodes.item[other])).sum(1)
        return margin, self.l2 * half_square(self.user(users), self.item(liked), self.item(other))

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        return self.purchases(train, rng)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, liked = batch
        channels = self.channels(visuals)
        nodes = self.fused(channels)
        loss = info_nce(nodes.user[users], nodes.item[liked], self.temperature)
        if self.contrast > 0:
            loss = loss + self.contrast * self.aligned(channels, liked)
        return loss + self.l2 * half_square(self.user(users), self.item(liked)).mean()

    def aligned(self, channels: dict[str, Nodes], items: Tensor) -> Tensor:
        """Return the loss between modalities, from fine to coarse, of the items of a batch."""
        rows, losses = channels[""].item[items], []
        own = torch.arange(len(items), device=rows.device)
        for name in self.before:
            rows = self.before[name](rows)
            beside = self.beside[name](channels[name].item[items])
            losses.append(F.cross_entropy(rows @ beside.T / self.contrast_temperature, own))
        return torch.stack(losses).sum()
