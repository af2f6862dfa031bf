"""AMR as the code of VAR has it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.var2021.vbpr import VBPR2021, Settings2021


class AMR2021(VBPR2021):
    """AMR as coded in VAR: half of the epochs as VBPR, then as many with changed features.

    The second half starts from the first one's parameters with new Adagrad states and adds
    ``weight`` times the loss on features changed by ``eps`` (in units of scaled features) along
    the gradient. (VAR trained nothing at all when asked for ``--model AMR``, and swallowed the
    error of a missing first half; neither can happen here.)

    Args:
        sizes: users, items, and the length D of a feature vector.
        eps: length of a change.
        weight: of the loss on changed features.
        factors, epochs, batch_size, lr_user, lr_item, lr_visual, l2_user, l2_item, linear_reg:
            see ``VBPR2021``.

    Example:
        >>> from vrbench.recommenders import AMR2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(AMR2021, factors=8, epochs=20, lr_user=0.1, lr_visual=0.1)) > 0.8
        True
    """

    paper = "Tang et al., TKDE 2020, as coded for VAR"

    def __init__(
        self, sizes: Sizes, *, eps: float = 1.0, weight: float = 0.1, **given: Unpack[Settings2021]
    ) -> None:
        super().__init__(sizes, **given)
        self.eps, self.weight = eps, weight
        self._adversarial = False

    def phases(self) -> Iterator[int]:
        self._adversarial = False
        yield self.epochs - self.epochs // 2
        self._adversarial = True
        yield max(1, self.epochs // 2)
        self._adversarial = False

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        eps = self.eps if self._adversarial else None
        return self._summed(users, liked, other, visuals, eps)
