"""APR: BPR-MF with adversarial training on perturbed embeddings."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.training.adversarial_phase import AdversarialPhase, AdversarialSettings
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.training.pairwise import FactorSettings


class Change(NamedTuple):
    """What is added to the rows of a batch of triples, ``(B, K)`` each."""

    user: Tensor
    liked: Tensor
    other: Tensor


class APRSettings(FactorSettings, AdversarialSettings, total=False):
    """How APR is trained."""


class APR(AdversarialPhase, BPRMF):
    """Adversarial personalised ranking (He et al., SIGIR 2018, sec. 3), also known as AMF.

    First BPR-MF as it is; then, from its best parameters, with the loss
    ``L(theta) + weight * L(theta + delta)``, where for every distinct user and every distinct item
    of the batch ``delta`` is the gradient of the batch's ranking loss in that row, brought to
    length ``eps`` and treated as a constant. Scores use the rows as they are. The paper's model has
    no item bias; here the bias is kept, and never changed. (In Elliot's AMF the flag is inverted:
    its clean loss carries the last batch's change, and its adversarial loss none.)

    Args:
        sizes: users and items.
        eps: length of a row's change, in units of the embeddings.
        weight: of the loss on changed rows; 0 is BPR-MF, bit for bit.
        adversarial_epochs: most epochs of the second phase.
        factors, epochs, batch_size, lr, l2, patience, eval_every: see ``FactorModel``.

    Example:
        >>> from vrbench.recommenders import APR
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(APR, factors=8, adversarial_epochs=5, **BRISK)) > 0.8
        True
    """

    paper = "He et al., SIGIR 2018"

    captures = True

    defaults = APRSettings(eps=0.5, weight=1.0, adversarial_epochs=100)

    def __init__(self, sizes: Sizes, **training: Unpack[APRSettings]) -> None:
        first, second = apart(self.with_defaults(APRSettings, training), AdversarialSettings)
        super().__init__(sizes, **first)
        self._second_phase(**second)

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        if not self._adversarial:
            return super().loss(users, liked, other, visuals)
        margin, penalty = self.compare(users, liked, other, visuals)
        worse = self.changed_margin(users, liked, other, self.change(users, liked, other))
        assert margin.shape == worse.shape == penalty.shape == users.shape
        return (F.softplus(-margin) + self.weight * F.softplus(-worse) + penalty).mean()

    def change(self, users: Tensor, liked: Tensor, other: Tensor) -> Change:
        """Return the changes of length ``eps`` that raise the batch's ranking loss fastest.

        A row that several triples touch has one change, that of its summed gradient.
        """
        owner, of_user = distinct(users)
        item, of_item = distinct(torch.cat([liked, other]))
        of_liked, of_other = of_item.split(len(liked))
        rows_of_users = torch.zeros(len(owner), self.factors, device=self.device)
        rows_of_items = torch.zeros(len(item), self.factors, device=self.device)
        leaves = [rows_of_users.requires_grad_(), rows_of_items.requires_grad_()]
        spread = Change(leaves[0][of_user], leaves[1][of_liked], leaves[1][of_other])
        margin = self.changed_margin(users, liked, other, spread, constant=True)
        slopes = torch.autograd.grad(F.softplus(-margin).sum(), leaves)
        by_user, by_item = (self.eps * F.normalize(slope, dim=1) for slope in slopes)
        return Change(by_user[of_user], by_item[of_liked], by_item[of_other])

    def changed_margin(
        self,
        users: Tensor,
        liked: Tensor,
        other: Tensor,
        change: Change,
        constant: bool = False,
    ) -> Tensor:
        """Return the ``(B,)`` score differences with ``change`` added to the rows.

        Args:
            users, liked, other: the ``(B,)`` triples.
            change: what is added.
            constant: treat the rows themselves as constants.
        """
        rows = self.user(users), self.item(liked), self.item(other)
        bias = self.bias(liked) - self.bias(other)
        user, yes, no = (
            (row.detach() if constant else row) + added
            for row, added in zip(rows, change, strict=True)
        )
        bias = bias.detach() if constant else bias
        return (user * (yes - no)).sum(1) + bias.squeeze(1)
