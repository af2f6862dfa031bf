"""What multimodal recommenders share: a graph of users and items, and features of modalities."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from scipy import sparse
from torch import Tensor, nn
from typing_extensions import Self, Unpack

from vrbench.core.dropout import RowDropout, seed_dropout
from vrbench.core.errors import one_of
from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Side, Sizes
from vrbench.recommenders.collaborative.lightgcn import LightGCN, Nodes
from vrbench.recommenders.multimodal.item_graph import Neighbours
from vrbench.recommenders.training.epochs import Steps, descend
from vrbench.recommenders.training.pairwise import FactorSettings
from vrbench.recommenders.visual.feature_scaling import Scale, measured


class Modality(nn.Module):
    """A linear view of the features of one modality, scaled as they were when it was measured.

    Args:
        dim: features D of an item.
        factors: length K of a view.
        dropout: share of the views that are zero in training.
    """

    def __init__(self, dim: int, factors: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.thin = RowDropout(dropout)
        self.project = nn.Linear(dim, factors, bias=False)
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("unit", torch.ones(dim))

    centre: Tensor
    unit: Tensor

    def measure(self, table: Visuals, scale: Scale) -> None:
        """Keep the centre and unit of a table; see ``ScaledFeatures``."""
        centre, unit = measured(table, scale, self.centre.device)
        self.centre.copy_(centre)
        self.unit.copy_(unit)

    def forward(self, items: Tensor, table: Visuals) -> Tensor:
        """Return the views of ``items``, ``(B, K)``."""
        view: Tensor = self.thin(self.project((table[items] - self.centre) / self.unit))
        return view

    def difference(self, items: Tensor, others: Tensor, table: Visuals) -> Tensor:
        """Return the views of ``items`` minus those of ``others``, ``(B, K)``."""
        if self.training and self.thin.p > 0:
            return self(items, table) - self(others, table)
        return table.difference(items, others) @ (self.project.weight / self.unit).T


class MultimodalSettings(FactorSettings, total=False):
    """How a multimodal model is made and trained; see ``Multimodal``."""

    layers: int
    scale: Scale
    modality_dropout: float
    mirror: float
    mirror_every: int


class Multimodal(LightGCN):
    """A recommender on the graph of users and items that learns from modalities of items.

    "image" is what it is shown; "text" are the catalogue's vectors of words, where it has any
    (``with_text``): without them every model works on pictures alone. Features are given and stay
    as they are; authors' code goes on training them as if they were rows.

    Two defences are settings of all of them, off unless asked for. Modality dropout (ModDrop,
    Neverova et al., TPAMI 2016): in training a modality says nothing of a share of the items, drawn
    anew for each step, so that no item relies on it alone: its view is zero, and so is what its
    graph of items adds. Mirror Gradient (Zhong et al., WWW 2024): every few steps, the step down
    the loss is followed by one against it, of the same optimiser, on the same batch, with a small
    weight. By plain gradient descent, as in the paper's formulas, that is a step up the loss; down
    and up together descend the length of the gradient as well, to first order, and so prefer flat
    minima. By Adam, as in the authors' code and here, momentum outweighs so small a weight: the
    loss of the batch mostly goes on falling.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        layers: steps of propagation on the graph of users and items.
        scale: how features are scaled; see ``ScaledFeatures``.
        modality_dropout: share of the items of which a modality says nothing in a step.
        mirror: weight of the steps against the loss, that of those down being 1 (0.1 to 0.3 in the
            authors' code); 0: none.
        mirror_every: steps from one that is followed by a step against the loss to the next.
        factors: length K of a row.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import FREEDOM, Multimodal
        >>> from vrbench.testing.world import taught
        >>> model = taught(FREEDOM, epochs=2)
        >>> list(model.modalities), isinstance(model, Multimodal)
        (['image'], True)
    """

    own_words = False  # whether an item's words are part of its score, beside what they taught
    rereads = False  # whether words are not those of the training
    version = 1
    signal: ClassVar[Signal | None] = Signal.VECTOR
    reads_text = True
    defaults = MultimodalSettings(
        layers=2, scale="standard", epochs=400, lr=0.001, l2=0.0, patience=10, eval_every=2
    ) | MultimodalSettings(modality_dropout=0.0, mirror=0.0, mirror_every=3)

    def __init__(
        self,
        sizes: Sizes,
        *,
        layers: int,
        scale: Scale,
        modality_dropout: float,
        mirror: float,
        mirror_every: int,
        **training: Unpack[FactorSettings],
    ) -> None:
        shared = self.with_defaults(FactorSettings, training)
        super().__init__(sizes, layers=layers, **shared)
        self.scale = one_of(f"{self.name}.scale", scale, Scale)
        self.refuse_if(not 0 <= modality_dropout < 1, "modality_dropout in [0, 1)")
        self.refuse_if(
            not 0 <= mirror < 1 or mirror_every < 1, "mirror in [0, 1), mirror_every >= 1"
        )
        self.modality_dropout = modality_dropout
        self.mirror, self.mirror_every = mirror, mirror_every
        self.missing = RowDropout(modality_dropout)
        (dim,) = sizes.visual
        made = {"image": Modality(dim, self.factors, modality_dropout)}
        self.text: Tensor | None
        self.register_buffer("text", sizes.text, persistent=False)  # given again when it is loaded
        if sizes.text is not None:
            assert len(sizes.text) == sizes.num_items
            made["text"] = Modality(sizes.text.shape[1], self.factors, modality_dropout)
        self.modalities = nn.ModuleDict(made)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        """Draw what is learnt by Glorot's uniform rule, as the authors do; measure features."""
        for weight in self.parameters():
            drawn = torch.zeros(weight.shape)
            if drawn.ndim > 1:
                nn.init.xavier_uniform_(drawn, generator=rng)
            weight.data.copy_(drawn)
        for name, table in self.tables(visuals).items():
            self.modality(name).measure(table, self.scale)
        vars(self)["_taken"] = 0
        if self.modality_dropout > 0:
            seed_dropout(self, rng)

    def purchases(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``(B,)`` users and ``(B,)`` what they have, for losses that draw no negatives."""
        order = torch.randperm(len(train), generator=rng).to(self.device)
        users, liked = (part[order].split(self.batch_size) for part in train.pairs_on(self.device))
        yield from zip(users, liked, strict=True)

    def stepped(self, batch: tuple[Tensor, ...]) -> None:
        """Take Mirror Gradient's step against the loss, where one is due."""
        due = self.mirror > 0 and vars(self)["_taken"] % self.mirror_every == 0
        vars(self)["_taken"] += 1
        if due:
            steps: Steps = vars(self)["_stepping"]
            descend(-self.mirror * self.batch_loss(batch, steps.visuals), *steps.optimisers)

    def modality(self, name: str) -> Modality:
        """Return the view of a modality."""
        found = self.modalities[name]
        assert isinstance(found, Modality)
        return found

    def tables(self, visuals: Visuals) -> dict[str, Visuals]:
        """Return the features of items by the name of their modality."""
        if self.text is None:
            return {"image": visuals}
        words = Table(Signal.VECTOR, self.text, None, device=self.text.device)
        return {"image": visuals, "text": words}

    def reading(self, text: Tensor) -> Self:
        """Return the same model where items have other words, as it is served; no copy is made.

        Args:
            text: ``(num_items, W)`` vectors of words; the score is differentiable in them.
        """
        made = copy.copy(self)
        vars(made)["_buffers"] = {**self._buffers, "text": text}
        vars(made)["rereads"] = True
        return made

    def nodes(self) -> Nodes:
        """Return the rows of users and items after propagation."""
        return self.propagate()

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        encoded: Nodes = self.encode(items, visuals)
        return (encoded.user[users] * encoded.item).sum(1)

    def crowd(self, num_users: int) -> Callable[[Nodes], Tensor]:
        return lambda encoded: encoded.item @ encoded.user[:num_users].mean(0)

    def product(self, encoded: Nodes) -> Side:
        return Side(encoded.item, torch.zeros(len(encoded.item), device=encoded.item.device))


def directions(table: Visuals, device: torch.device) -> Tensor:
    """Return the ``(I, D)`` features of all items, each divided by its length."""
    rows = table[torch.arange(len(table), device=device)]
    return nn.functional.normalize(rows, dim=1)


def matrix(found: Neighbours, weight: Tensor, num_items: int) -> sparse.csr_matrix:
    """Return edges from all items to their neighbours as a matrix, ``(num_items, num_items)``."""
    rows = torch.arange(num_items).repeat_interleave(found.items.shape[1])
    values = weight.detach().cpu().double().flatten().numpy(), (rows, found.items.cpu().flatten())
    return sparse.csr_matrix(values, (num_items, num_items))
