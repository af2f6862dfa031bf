"""DeepStyle: what a picture says beyond the category of the item."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Side, Sizes, tables
from vrbench.recommenders.bilinear import Bilinear
from vrbench.recommenders.visual.feature_scaling import VisualFactorSettings


class DeepStyle(Bilinear):
    """DeepStyle (Liu, Wu and Wang, SIGIR 2017, eq. 2-3), trained by BPR.

    ``x_ui = gamma_u . (E f_i - l_cat(i) + gamma_i)``: the style of an item is its visual embedding
    minus one vector per *category*. (With one vector per item, as in known implementations, it
    would add nothing to ``gamma_i``.)

    Args:
        sizes: users, items, the length D of a feature vector, and the category of each item.
        factors: length K of all embeddings.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; E is what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``. Category
            vectors are rows, too.

    Raises:
        IncompatibleError: if the dataset has no categories.

    Example:
        >>> from vrbench.recommenders import DeepStyle
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> favourites(taught(DeepStyle, factors=8, **BRISK_LOOKS)) > 0.8
        True
    """

    captures = True
    paper = "Liu, Wu and Wang, SIGIR 2017"
    reads_categories = True

    def __init__(self, sizes: Sizes, **training: Unpack[VisualFactorSettings]) -> None:
        (dim,) = sizes.visual
        super().__init__(dim, **self.with_defaults(VisualFactorSettings, training))
        labels = sizes.categories
        if labels is None or int(labels.max()) < 1:
            raise IncompatibleError(
                "DeepStyle takes the category out of a style, and this dataset has none: "
                "give items.csv a category column, or take VBPR"
            )
        assert labels.shape == (sizes.num_items,)
        self.user, self.item = tables(sizes, self.factors)
        self.category = nn.Embedding(int(labels.max()) + 1, self.factors, sparse=True)
        self.project = nn.Linear(dim, self.factors, bias=False)
        self.register_buffer("category_of", labels.clone())

    category_of: Tensor

    def side(self, items: Tensor, visuals: Visuals) -> Side:
        style = self.project(self.seen(items, visuals)) - self.category(self.category_of[items])
        vector = style + self.item(items)
        return Side(vector, torch.zeros(len(items), device=vector.device))

    def slope(self, users: Tensor) -> Tensor:
        return self.user(users) @ self.project.weight / self.unit

    def rows(self, items: Tensor) -> list[Tensor]:
        return [self.item(items), self.category(self.category_of[items])]

    def shared(self) -> list[Tensor]:
        return [self.project.weight]
