"""Ranking loss of a trained model as a function of perturbed embeddings."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.attacks.embedding.perturbation import Tables
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.training.negative_sampling import triples

BLOCK = 8192  # triples differentiated at once; bounds the memory


class Learnt:
    """The ranking loss of a model over *all* its training triples, where its embeddings change.

    The loss is the sum of ``softplus(-(x_ui - x_uj))`` (He et al., SIGIR 2018, eq. 1), without
    penalties, with one other item drawn per purchase, the same in every call. Over a batch of
    triples, as in training, rows outside it would not be attacked at all. The model itself is
    copied, and left as it is.

    Args:
        train: the triples' users and liked items.
        recommender: the model; it must score pairs (``lead``) and have embeddings.
        visuals: what the items look like to it.
        biases: whether tables of one number a row count, too.

    Raises:
        IncompatibleError: if the model has no such loss, or no embeddings.
    """

    def __init__(
        self, train: Interactions, recommender: Recommender, visuals: Visuals, *, biases: bool
    ) -> None:
        if type(recommender).lead is Recommender.lead:
            none = torch.empty(0, dtype=torch.int64)
            recommender.lead(none, none, none, visuals)  # says why not
        self._model, self._visuals = deepcopy(recommender).eval().requires_grad_(False), visuals
        self._weights = {
            f"{name}.weight": module.weight.requires_grad_()
            for name, module in self._model.named_modules()
            if isinstance(module, nn.Embedding) and (biases or module.embedding_dim > 1)
        }
        for name in self._model.item_weights:
            self._weights[name] = self._model.get_parameter(name).requires_grad_()
        if not self._weights:
            raise IncompatibleError(f"{recommender.name} has no embeddings to change")
        self.tables: Tables = {n: w.detach().clone() for n, w in self._weights.items()}
        drawn = triples(train, stream(0, "learnt"))
        self._triples = torch.stack(drawn).to(recommender.device)

    def slope(self, change: Tables) -> Tables:
        """Return the gradient of the loss in every table, at the model so changed."""
        self._move(change)
        total = {name: torch.zeros_like(table) for name, table in self.tables.items()}
        weights = list(self._weights.values())
        for block in self._triples.split(BLOCK, dim=1):
            with torch.enable_grad():
                loss = self._loss(block)
            slopes = torch.autograd.grad(loss, weights, allow_unused=True)
            for name, found in zip(total, slopes, strict=True):
                if found is not None:
                    total[name].add_(found)  # sparse where the embedding is
        return total

    @torch.no_grad()
    def loss(self, change: Tables) -> float:
        """Return the loss of the model so changed, summed over all triples."""
        self._move(change)
        return sum(float(self._loss(t).double()) for t in self._triples.split(BLOCK, dim=1))

    def _loss(self, block: Tensor) -> Tensor:
        lead = self._model.lead(block[0], block[1], block[2], self._visuals)
        return F.softplus(-lead).sum()

    @torch.no_grad()
    def _move(self, change: Tables) -> None:
        for name, weight in self._weights.items():
            weight.copy_(self.tables[name] + change[name])


@torch.no_grad()
def changed(recommender: Recommender, change: Tables) -> Recommender:
    """Return a copy of a model with ``change`` added to its tables of these names."""
    made = deepcopy(recommender)
    for name, rows in change.items():
        weight = made.get_parameter(name)
        weight.add_(rows.to(weight.device))
    return made
