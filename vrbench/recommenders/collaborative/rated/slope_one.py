"""Slope One: how much better one item is rated than another, on average."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.collaborative.rated.base import rated_matrix, require_ratings
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of


class SlopeOne(Recommender):
    """Weighted Slope One (Lemire and Maclachlan, SDM 2005, sec. 3.2).

    ``r_uj`` is the mean over the items ``i`` that ``u`` rated of ``r_ui + dev_ji``, weighted by how
    many users rated both, where ``dev_ji`` is the mean over those of ``r_j - r_i``. Where ``u``
    rated nothing that anybody rated with ``j``: the mean of ``u``, or of train.

    Args:
        sizes: users and items.
        most_items: refuse larger catalogues: two tables of ``num_items`` x ``num_items`` floats.

    Raises:
        IncompatibleError: if the catalogue is larger than that.

    Example:
        >>> import torch
        >>> from vrbench.core.seeds import stream
        >>> from vrbench.data.interactions import Interactions
        >>> from vrbench.recommenders import SlopeOne
        >>> from vrbench.recommenders.base import Sizes
        >>> users, items = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0])
        >>> train = Interactions.of(users, items, 2, 2, ratings=torch.tensor([1.0, 1.5, 2.0]))
        >>> model = SlopeOne(Sizes(2, 2, ()))
        >>> _ = model.fit(train, train, None, stream(0))
        >>> model.score(torch.tensor([1]), model.encode(torch.tensor([1]), None)).item()
        2.5
    """

    paper = "Lemire and Maclachlan, SDM 2005"
    signal = None

    def __init__(self, sizes: Sizes, *, most_items: int = 20_000) -> None:
        super().__init__()
        if sizes.num_items > most_items:
            raise IncompatibleError(
                f"SlopeOne needs {sizes.num_items**2 * 8 / 2**30:.0f} GiB for {sizes.num_items} "
                f"items; if you have them, raise recommender.most_items (now {most_items})"
            )
        self.most_items = most_items
        self.history = SparseRows(sizes.num_users, sizes.num_items)
        self.stars = SparseRows(sizes.num_users, sizes.num_items)
        shape = sizes.num_items, sizes.num_items
        self.register_buffer("both", torch.zeros(shape))  # users who rated i and j
        self.register_buffer("apart", torch.zeros(shape))  # sum of r_j - r_i over them, at (i, j)
        self.register_buffer("mean", torch.zeros(()))

    both: Tensor
    apart: Tensor
    mean: Tensor

    @property
    def predicts_ratings(self) -> bool:
        return True

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        require_ratings(train, self, "another model")
        ones, stars = matrix_of(train), rated_matrix(train)
        self.history.hold(ones)
        self.stars.hold(stars)
        self.both.copy_(torch.from_numpy((ones.T @ ones).toarray()))
        summed = torch.from_numpy((ones.T @ stars).toarray())  # of r_j over users of i and j
        self.apart.copy_(summed - summed.T)
        self.mean.fill_(float(stars.data.mean()))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.both[:, items], self.apart[:, items]

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        both, apart = encoded
        weight = self.history.times(both, users)
        total = self.history.times(apart, users) + self.stars.times(both, users)
        count = self.history.count(users)[:, None]
        every = self.stars.times(torch.ones_like(both[:, :1]), users)
        own = torch.where(count > 0, every / count.clamp(min=1), self.mean)
        return torch.where(weight > 0, total / weight.clamp(min=1), own)
