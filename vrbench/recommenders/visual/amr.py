"""AMR: VBPR with adversarial training on perturbed features."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.adversarial_phase import AdversarialPhase, AdversarialSettings
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.visual.vbpr import VBPR, VBPRSettings


class AMRSettings(VBPRSettings, AdversarialSettings, total=False):
    """How AMR is trained."""


class AMR(AdversarialPhase, VBPR):
    """Adversarial multimedia recommendation (Tang et al., TKDE 2020, sec. 3).

    First VBPR as it is; then, from its best parameters, with the loss
    ``L(f) + weight * L(f + delta)``, where for every distinct item of the batch ``delta`` is the
    gradient of the batch's ranking loss in that item's scaled features, brought to length ``eps``
    and treated as a constant. Scores use clean features. The paper's user vector is shared
    between both parts (``tied=True``); the full form is the default here.

    Args:
        sizes: users, items, and the length D of a feature vector.
        eps: length of a change, in units of the scaled features.
        weight: of the loss on changed features; 0 is VBPR, bit for bit.
        adversarial_epochs: most epochs of the second phase.
        factors, visual_factors, tied, scale, l2_visual, visual_lr: see ``VBPR``.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import AMR
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> model = taught(AMR, factors=8, visual_factors=8, adversarial_epochs=5, **BRISK_LOOKS)
        >>> favourites(model) > 0.8
        True
    """

    paper = "Tang et al., TKDE 2020"

    captures = True

    defaults = AMRSettings(eps=0.3, weight=1.0, adversarial_epochs=100)

    def __init__(self, sizes: Sizes, **training: Unpack[AMRSettings]) -> None:
        first, second = apart(self.with_defaults(AMRSettings, training), AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        if not self._adversarial:
            return super().loss(users, liked, other, visuals)
        items, where = distinct(torch.cat([liked, other]))
        yes, no = where[: len(liked)], where[len(liked) :]
        seen = self.seen(items, visuals)
        delta = self.perturbation(users, liked, other, seen, yes, no)
        margin, penalty = self.compare_seen(users, liked, other, seen[yes] - seen[no])
        changed = seen + delta
        worse, _ = self.compare_seen(users, liked, other, changed[yes] - changed[no])
        assert margin.shape == worse.shape == users.shape
        return (F.softplus(-margin) + self.weight * F.softplus(-worse) + penalty).mean()

    def perturbation(
        self, users: Tensor, liked: Tensor, other: Tensor, seen: Tensor, yes: Tensor, no: Tensor
    ) -> Tensor:
        """Return the ``(n, D)`` changes of length ``eps`` that raise the ranking loss fastest.

        Args:
            users, liked, other: the ``(B,)`` triples.
            seen: ``(n, D)`` scaled features of the batch's distinct items.
            yes, no: ``(B,)`` rows of ``seen`` that show ``liked`` and ``other``.
        """

        def margin(leaf: Tensor) -> Tensor:
            return self.compare_seen(users, liked, other, leaf[yes] - leaf[no])[0]

        return self.eps * steepest_rows(margin, seen)


def steepest_rows(margin: Callable[[Tensor], Tensor], seen: Tensor) -> Tensor:
    """Return ``(n, D)`` rows of length one along which the ranking loss rises fastest.

    Args:
        margin: from features to the ``(B,)`` score differences of triples.
        seen: ``(n, D)`` features at which it is asked; treated as constants.
    """
    leaf = seen.detach().requires_grad_()
    (slope,) = torch.autograd.grad(F.softplus(-margin(leaf)).sum(), leaf)
    return F.normalize(slope, dim=1)
