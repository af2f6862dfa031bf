"""VBPR as the code of TAaMR and VAR has it."""

from __future__ import annotations

from typing import TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Sizes
from vrbench.recommenders.training.epochs import Optimisers
from vrbench.recommenders.visual.amr import steepest_rows
from vrbench.recommenders.visual.vbpr import VBPR


class Settings2021(TypedDict, total=False):
    """How VBPR and AMR are trained in the code of TAaMR and VAR; see ``VBPR2021``."""

    factors: int
    epochs: int
    batch_size: int
    lr_user: float
    lr_item: float
    lr_visual: float
    l2_user: float
    l2_item: float
    linear_reg: bool


class VBPR2021(VBPR):
    """VBPR as TAaMR, VAR and AMR's authors code it: ``x_ui = p_u . (q_i + Phi f_i)``.

    Features are divided by the largest absolute value of the table. The loss is a *sum* over the
    batch, ``softplus(-(x_ui - x_uj))`` plus ``l2_user |p_u|^2`` and ``l2_item |z|^2`` of both
    items' ``z = q + Phi f``; three Adagrad optimisers; the last partial batch is dropped, and the
    parameters of the last epoch are kept. Negatives are items that somebody has.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K.
        epochs, batch_size: see ``PairwiseRecommender``.
        lr_user, lr_item, lr_visual: learning rates of P, Q and Phi.
        l2_user, l2_item: weights of the penalties.
        linear_reg: the fault of TAaMR and VAR (protocol 4.1): values are summed where squares
            were meant, a constant push of every number towards minus infinity.

    Example:
        >>> from vrbench.recommenders import VBPR2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(VBPR2021, factors=8, epochs=20, lr_user=0.1, lr_visual=0.1)) > 0.8
        True
    """

    paper = "He and McAuley, AAAI 2016, as coded for VAR"
    selects = False
    drops_last = True

    defaults = Settings2021(  # type: ignore[assignment]  # rates of another kind than VBPR's
        factors=64,
        epochs=4000,
        batch_size=512,
        lr_user=0.01,
        lr_item=0.0001,
        lr_visual=0.001,
        l2_user=0.1,
        l2_item=0.001,
        linear_reg=False,
    )

    def __init__(self, sizes: Sizes, **training: Unpack[Settings2021]) -> None:
        given = self.with_defaults(Settings2021, training)
        super().__init__(
            sizes,
            factors=given["factors"],
            visual_factors=given["factors"],
            tied=True,
            scale="max",
            epochs=given["epochs"],
            batch_size=given["batch_size"],
            lr=given["lr_user"],
            visual_lr=given["lr_visual"],
            l2=0.0,
            l2_visual=0.0,
        )
        self.lr_user, self.l2_user = given["lr_user"], given["l2_user"]
        self.lr_item, self.l2_item = given["lr_item"], given["l2_item"]
        self.lr_visual, self.linear_reg = given["lr_visual"], given["linear_reg"]

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for weight in (self.user.weight, self.item.weight, self.project.weight):
            drawn = torch.empty(weight.shape)
            nn.init.trunc_normal_(drawn, std=0.01, a=-0.02, b=0.02, generator=rng)
            weight.data.copy_(drawn)

    def _optimisers(self) -> Optimisers:
        weights = (self.user.weight, self.item.weight, self.project.weight)
        rates = (self.lr_user, self.lr_item, self.lr_visual)
        return [
            torch.optim.Adagrad([weight], lr=lr, initial_accumulator_value=0.1)
            for weight, lr in zip(weights, rates, strict=True)
        ]

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        with quiet_adagrad():
            return super().fit(train, valid, visuals, rng)

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        return self._summed(users, liked, other, visuals, None)

    def _summed(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals, eps: float | None
    ) -> Tensor:
        """Return the loss of a batch; with ``eps`` also a tenth of that on changed features."""
        user, yes, no = self.user(users), self.item(liked), self.item(other)
        items, where = torch.cat([liked, other]).unique(return_inverse=True)
        seen = self.seen(items, visuals)

        def looks(features: Tensor) -> tuple[Tensor, Tensor]:
            look = self.project(features)[where]
            return look[: len(users)] + yes, look[len(users) :] + no

        def margin(features: Tensor) -> Tensor:
            z_yes, z_no = looks(features)
            return (user * (z_yes - z_no)).sum(1)

        z_yes, z_no = looks(seen)
        total = F.softplus(-margin(seen)).sum()
        size = Tensor.sum if self.linear_reg else _squares
        total = total + self.l2_user * size(user) + self.l2_item * (size(z_yes) + size(z_no))
        if eps is not None:
            changed = seen + eps * steepest_rows(margin, seen)
            total = total + self.weight * F.softplus(-margin(changed)).sum()
        return total

    weight: float = 0.0


def quiet_adagrad() -> torch.sparse.check_sparse_tensor_invariants:
    """Return a context in which Adagrad's sparse states go unchecked, without a warning."""
    return torch.sparse.check_sparse_tensor_invariants(enable=False)


def _squares(rows: Tensor) -> Tensor:
    return rows.square().sum()
