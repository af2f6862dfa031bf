"""NFM, DeepFM, Wide & Deep: networks on who, what, and of which category."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout
from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.factorisation_machines import (
    FIELDS,
    FieldModel,
    Fields,
    FieldSettings,
    pooled,
)


class DeepSettings(FieldSettings, total=False):
    """How a model of fields with a network is trained; see ``DeepFieldModel``."""

    hidden: int
    dropout: float


class DeepFieldModel(FieldModel):
    """A model of fields with two relu layers of one width.

    Args:
        sizes: users, items, and the items' categories.
        hidden: width of both layers.
        dropout: share of a layer's inputs left out in training.
        factors, negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``FieldModel``.

    Example:
        >>> from vrbench.recommenders import NFM, DeepFieldModel
        >>> issubclass(NFM, DeepFieldModel), DeepFieldModel.defaults["hidden"]
        (True, 64)
    """

    defaults = DeepSettings(hidden=64, dropout=0.2)

    def __init__(self, sizes: Sizes, **training: Unpack[DeepSettings]) -> None:
        own, shared = apart(self.with_defaults(DeepSettings, training), FieldSettings)
        super().__init__(sizes, **shared)
        hidden, dropout = own["hidden"], own["dropout"]
        self.refuse_if(hidden < 1, "hidden >= 1")
        self.hidden, self.dropout = hidden, dropout
        self.drop = Dropout(dropout)
        self.first = nn.Linear(self.inputs, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1, bias=False)

    @property
    def inputs(self) -> int:
        """How many numbers the network is shown of a pair: all rows, unless overridden."""
        return FIELDS * self.factors

    def network(self, shown: Tensor) -> Tensor:
        """Return the ``(B,)`` outputs of the network."""
        first = self.first(self.drop(shown)).relu()
        made: Tensor = self.out(self.drop(self.second(self.drop(first)).relu()))
        return made.squeeze(1)


class NFM(DeepFieldModel):
    """Neural factorisation machine (He and Chua, SIGIR 2017, eq. 3-7).

    The network is shown the sum of the products of every two rows. It takes what
    ``DeepFieldModel`` takes.

    Example:
        >>> from vrbench.recommenders import NFM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(NFM, factors=8, hidden=16, **BRISK)) > 0.8
        True
    """

    paper = "He and Chua, SIGIR 2017"

    @property
    def inputs(self) -> int:
        return self.factors

    def interaction(self, row: Tensor) -> Tensor:
        return self.network(pooled(row))


class DeepFM(DeepFieldModel):
    """DeepFM (Guo et al., IJCAI 2017, eq. 1-4): a factorisation machine beside a network on it.

    Both share the rows; the network is shown them one behind the other. It takes what
    ``DeepFieldModel`` takes.

    Example:
        >>> from vrbench.recommenders import DeepFM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(DeepFM, factors=8, hidden=16, **BRISK)) > 0.8
        True
    """

    paper = "Guo et al., IJCAI 2017"

    def interaction(self, row: Tensor) -> Tensor:
        return pooled(row).sum(1) + self.network(row.flatten(1))


class WideDeep(DeepFieldModel):
    """Wide and deep learning (Cheng et al., DLRS 2016, eq. 1-3).

    The wide part is linear in the fields and in one cross-product transformation, of user and
    category; the deep one a network on the rows, one behind the other. It takes what
    ``DeepFieldModel`` takes.

    Example:
        >>> from vrbench.recommenders import WideDeep
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(WideDeep, factors=8, hidden=16, **BRISK)) > 0.8
        True
    """

    name = "Wide&Deep"
    paper = "Cheng et al., DLRS 2016"

    def __init__(self, sizes: Sizes, **training: Unpack[DeepSettings]) -> None:
        super().__init__(sizes, **training)
        self.crossed = nn.Embedding(sizes.num_users * self.category.num_embeddings, 1, sparse=True)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.crossed.weight)

    def fields(self, users: Tensor, items: Tensor) -> Fields:
        row, linear = super().fields(users, items)
        pair = users * self.category.num_embeddings + self.label[items]
        return Fields(row, linear + self.crossed(pair).squeeze(1))

    def interaction(self, row: Tensor) -> Tensor:
        return self.network(row.flatten(1))
