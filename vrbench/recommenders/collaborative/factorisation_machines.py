"""Factorisation machines: who, what, and of which category."""

from __future__ import annotations

from abc import abstractmethod
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import seed_dropout
from vrbench.core.errors import IncompatibleError
from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pointwise import PointwiseRecommender, PointwiseSettings

MOST = 2**22  # numbers of a block of pairs when scoring; bounds the memory only
FIELDS = 3  # user, item, category


class FieldSettings(PointwiseSettings, total=False):
    """How a model of fields is trained; see ``FieldModel``."""

    factors: int


class Fields(NamedTuple):
    """What is known of pairs: a row and a weight of each field."""

    row: Tensor  # (B, FIELDS, *)
    linear: Tensor  # (B,) the sum of the weights


class FieldModel(PointwiseRecommender):
    """A pointwise recommender of three fields: the user, the item, the item's category.

    ``x = b + w_u + w_i + w_c`` and what a model adds of the rows of the three. Categories are the
    catalogue's, one an item: what stands for attributes.

    Args:
        sizes: users, items, and the items' categories.
        factors: length of a row.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``PointwiseRecommender``.

    Raises:
        IncompatibleError: if items have no categories that differ.

    Example:
        >>> from vrbench.recommenders import AttributeFM, FieldModel
        >>> from vrbench.testing.world import taught
        >>> model = taught(AttributeFM, factors=4, epochs=2)
        >>> model.category.weight.shape, isinstance(model, FieldModel)
        (torch.Size([3, 4]), True)
    """

    signal = None
    reads_categories = True
    defaults = FieldSettings(factors=64)
    rows_of_field = 1  # times ``factors`` is the length of a row

    def __init__(self, sizes: Sizes, **training: Unpack[FieldSettings]) -> None:
        own, shared = apart(self.with_defaults(FieldSettings, training), PointwiseSettings)
        super().__init__(**shared)
        factors = own["factors"]
        self.refuse_if(factors < 1, "factors >= 1")
        labels = sizes.categories
        if labels is None or len(labels.unique()) < 2:
            raise IncompatibleError(
                f"{self.name} reads categories of items, and these have none that differ: attach "
                "what they have (dataset=attributes)"
            )
        self.factors = factors
        counts = sizes.num_users, sizes.num_items, int(labels.max()) + 1
        self.register_buffer("label", labels.clone(), persistent=False)
        width = factors * self.rows_of_field
        self.user, self.item, self.category = (nn.Embedding(n, width) for n in counts)
        self.user_weight, self.item_weight, self.category_weight = (
            nn.Embedding(n, 1) for n in counts
        )
        for table in (self.user, self.item, self.user_weight, self.item_weight):
            table.sparse = True
        self.base = nn.Parameter(torch.zeros(()))

    label: Tensor  # (num_items,)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item, self.category):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        for weight in (self.user_weight, self.item_weight, self.category_weight):
            nn.init.zeros_(weight.weight)
        nn.init.zeros_(self.base)
        seed_dropout(self, rng)

    @abstractmethod
    def interaction(self, row: Tensor) -> Tensor:
        """Return ``(B,)``: what the rows of the fields, ``(B, FIELDS, *)``, add."""

    def fields(self, users: Tensor, items: Tensor) -> Fields:
        """Return what is known of pairs ``(users[b], items[b])``."""
        kind = self.label[items]
        row = torch.stack([self.user(users), self.item(items), self.category(kind)], 1)
        weights = self.user_weight(users) + self.item_weight(items) + self.category_weight(kind)
        return Fields(row, weights.squeeze(1) + self.base)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        row, linear = self.fields(users, items)
        return linear + self.interaction(row)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        kind = self.label[items]
        return [self.user(users), self.item(items), self.category(kind)]

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        block = max(1, MOST // (FIELDS * self.user.embedding_dim * max(1, len(encoded))))
        made = self.base.new_empty(len(users), len(encoded))
        for first in range(0, len(users), block):
            some = users[first : first + block]
            pairs = some.repeat_interleave(len(encoded)), encoded.repeat(len(some))
            made[first : first + block] = self(*pairs).view(len(some), len(encoded))
        return made


def pooled(row: Tensor) -> Tensor:
    """Return ``(B, K)``: the sum of the products of every two fields (NFM's Bi-Interaction)."""
    return 0.5 * (row.sum(1).square() - row.square().sum(1))


class AttributeFM(FieldModel):
    """Factorisation machine (Rendle, ICDM 2010, eq. 1) of user, item and category.

    Adds the products of every two rows. (``FM`` here is another: of pictures, trained by BPR.) It
    takes what ``FieldModel`` takes.

    Example:
        >>> from vrbench.recommenders import AttributeFM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(AttributeFM, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Rendle, ICDM 2010"
    version = 2

    def interaction(self, row: Tensor) -> Tensor:
        return pooled(row).sum(1)

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        # u.i + u.c + i.c: one product for all pairs, where the base class makes each by itself
        kind = self.label[encoded]
        item, category = self.item(encoded), self.category(kind)
        weight = self.item_weight(encoded) + self.category_weight(kind)
        bias = weight.squeeze(1) + (item * category).sum(1) + self.base
        made: Tensor = self.user(users) @ (item + category).T + self.user_weight(users) + bias
        return made


class FFM(FieldModel):
    """Field-aware factorisation machine (Juan et al., RecSys 2016, eq. 3).

    A field has a row for each other one: adds ``v_(a,B) . v_(b,A)`` of every two fields. It takes
    what ``FieldModel`` takes.

    Example:
        >>> from vrbench.recommenders import FFM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(FFM, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Juan et al., RecSys 2016"
    defaults = FieldSettings(factors=16)
    rows_of_field = FIELDS

    def interaction(self, row: Tensor) -> Tensor:
        of = row.view(len(row), FIELDS, FIELDS, self.factors)
        pairs = combinations(range(FIELDS), 2)
        return torch.stack([(of[:, a, b] * of[:, b, a]).sum(1) for a, b in pairs]).sum(0)
