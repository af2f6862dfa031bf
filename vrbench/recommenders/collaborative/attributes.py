"""Models of what items are: kNN by attributes, and a space of attributes."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.collaborative.neighbours import (
    ItemKNN,
    NeighbourSettings,
    UserKNN,
)
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of


def attributes_of(sizes: Sizes, name: str) -> sparse.csr_matrix:
    """Return ``(num_items, num_attributes)`` zeros and ones: attributes, or else the categories.

    Raises:
        IncompatibleError: if items have neither, or all have the same category.
    """
    labels, several = sizes.categories, sizes.attributes
    if several is not None:
        ones = np.ones(len(several.items))
        pairs = (several.items.cpu().numpy(), several.kinds.cpu().numpy())
        return sparse.csr_matrix((ones, pairs), (sizes.num_items, len(several.names)))
    if labels is None or len(labels.unique()) < 2:
        raise IncompatibleError(
            f"{name} reads categories of items, and these have none that differ: attach what they "
            "have (dataset=attributes)"
        )
    ones = np.ones(len(labels))
    return sparse.csr_matrix((ones, labels.cpu().numpy(), np.arange(len(labels) + 1)))


class _ByAttributes(Recommender):
    """What kNN is told where rows of attributes are compared; it stands before a kNN's class."""

    paper = "Gantner et al., ICDM 2010"
    reads_categories = True
    defaults = NeighbourSettings(shrink=0.0)

    def __init__(self, sizes: Sizes, **told: Unpack[NeighbourSettings]) -> None:
        super().__init__(sizes, **told)  # type: ignore[call-arg, misc]  # the kNN's
        self._attributes = attributes_of(sizes, self.name)


class AttributeItemKNN(_ByAttributes, ItemKNN):
    """Similarity of items by their attributes (Gantner et al., ICDM 2010), or else categories.

    As ``ItemKNN``, but for what is compared: an item's row of zeros and ones over attributes
    (``with_attributes``), not its users. With one category an item, its ``k`` neighbours are drawn
    from those that share it.

    Args:
        sizes: users, items, and the items' attributes or categories.
        k, shrink, similarity: see ``NeighbourSettings``; attributes support similarities.
        rated: whether scores weigh neighbours by ratings.

    Raises:
        IncompatibleError: if items have no attributes, nor categories that differ.

    Example:
        >>> from vrbench.recommenders import AttributeItemKNN
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(AttributeItemKNN)) > 0.8
        True
    """

    paper = "Gantner et al., ICDM 2010"

    def weigh(self, train: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        return self.nearest(self._attributes, rng)


class AttributeUserKNN(_ByAttributes, UserKNN):
    """Similarity of users by the attributes of what they have (Gantner et al., ICDM 2010).

    As ``UserKNN``, but for what is compared: how many of a user's items have each attribute
    (``with_attributes``) or category, or their ratings summed over it.

    Args:
        sizes: users, items, and the items' attributes or categories.
        k, shrink, similarity, rated: see ``NeighbourSettings``; attributes support similarities.

    Raises:
        IncompatibleError: if items have no attributes, nor categories that differ.

    Example:
        >>> from vrbench.recommenders import AttributeUserKNN
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(AttributeUserKNN)) > 0.8
        True
    """

    paper = "Gantner et al., ICDM 2010"

    def described(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        return sparse.csr_matrix(matrix @ self._attributes)


class VSM(Recommender):
    """Vector space model of attributes (Di Noia et al., I-SEMANTICS 2012), or else categories.

    ``x_ui`` is the cosine of a user's and an item's vector over attributes (``with_attributes``):
    an item's holds the inverse frequency ``ln(items / items that have it)`` of its own, a user's
    the sum of those of their items. Items of equal attributes, as of one category, are equal.

    Args:
        sizes: users, items, and the items' attributes or categories.

    Raises:
        IncompatibleError: if items have no attributes, nor categories that differ.

    Example:
        >>> from vrbench.recommenders import VSM
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(VSM)) > 0.8
        True
    """

    paper = "Di Noia et al., I-SEMANTICS 2012"
    signal = None
    reads_categories = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        attributes = attributes_of(sizes, self.name)
        rarity = np.log(sizes.num_items / np.maximum(attributes.sum(0).A1, 1))
        vector = torch.from_numpy((attributes @ sparse.diags(rarity)).toarray()).float()
        self.register_buffer("vector", vector, persistent=False)
        self.history = SparseRows(sizes.num_users, sizes.num_items)

    vector: Tensor  # (num_items, num_attributes)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.history.hold(matrix_of(train))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return _unit(self.vector[items])

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return _unit(self.history.times(self.vector, users)) @ encoded.T


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
