"""ACF with the faults of VAR's code behind flags."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.var2021.settings import CodedSettings
from vrbench.recommenders.visual.acf import ACF
from vrbench.recommenders.visual.feature_scaling import VisualFactorSettings


class ACF2021(ACF):
    """ACF with the faults of VAR's code (protocol 1.2 and 4.4), each behind a flag.

    The liked item stays in its own history, as there; the penalty also covers the attention.

    Args:
        sizes: users, items, and the shape (L, C) of a feature map.
        factors, attention, history: see ``ACF``.
        epochs, batch_size, lr, l2: see ``PairwiseRecommender``; one rate and one weight for all.
        cut_gradient: profiles are constants to the ranking loss, so that nothing but the items'
            own vectors learns from it.
        scrambled: maps are reshaped from channels first to cells first without moving a number:
            a "cell" is a run of a few channels' whole maps.

    Example:
        >>> from vrbench.recommenders import ACF2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(ACF2021, factors=8, attention=8, epochs=8, lr=0.1)) > 0.5
        True
    """

    paper = "Chen et al., SIGIR 2017, as coded for VAR"
    selects = False

    defaults = VisualFactorSettings(epochs=20, batch_size=32, lr=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        attention: int = 64,
        history: int = 1000,
        l2: float = 0.001,
        cut_gradient: bool = False,
        scrambled: bool = False,
        **training: Unpack[CodedSettings],
    ) -> None:
        given = self.with_defaults(CodedSettings, training)
        super().__init__(
            sizes,
            attention=attention,
            history=history,
            exclude_target=False,
            scale="none",
            visual_lr=given["lr"],
            l2=l2,
            l2_visual=l2,
            **given,
        )
        self.cut_gradient, self.scrambled = cut_gradient, scrambled

    def _profile(
        self, users: Tensor, row: Tensor, item: Tensor, looks: Callable[[Tensor], Tensor]
    ) -> Tensor:
        made = super()._profile(users, row, item, looks)
        return made.detach() if self.cut_gradient else made

    def maps(self, items: Tensor, visuals: Visuals) -> Tensor:
        shown = super().maps(items, visuals)
        return shown.transpose(1, 2).reshape(shown.shape) if self.scrambled else shown
