"""What recommenders share that are shown features: their scale, and a rate of their own."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import DataError, one_of
from vrbench.core.visuals import Visuals
from vrbench.recommenders.training.pairwise import PairwiseRecommender, PairwiseSettings

Scale = Literal["standard", "max", "none"]
BLOCK = 4096  # vectors read at once; maps count one per cell


class ScaledSettings(PairwiseSettings, total=False):
    """How a pairwise model that is shown features is trained; see ``ScaledFeatures``."""

    scale: Scale
    visual_lr: float
    l2_visual: float


class ScaledFeatures(PairwiseRecommender):
    """A pairwise recommender on vectors or maps, which it scales as it found them when fitted.

    The scale is kept: a picture changed afterwards does not rescale the others (in VAR the
    maximum was taken anew on the attacked features).

    Args:
        dim: channels D of a vector, or of one cell of a map.
        scale: how features are scaled: "standard" (zero mean, unit variance per channel, divided by
            the square root of D), "max" (by the largest absolute value of the table, as in AMR
            and VAR), "none".
        l2_visual: weight of the penalty on what all items share, such as E and beta'.
        visual_lr: learning rate of what all items share, which every batch touches: at the rows'
            rate it is learnt, and overfits, before the rows are (AMR's authors use a tenth, too).
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Raises:
        DataError: by ``fit``, if a feature is not a finite number.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import VBPR
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> model = taught(VBPR, epochs=2)
        >>> seen = model.seen(torch.arange(36), toy_visuals(model.signal))
        >>> seen.mean(0).abs().lt(0.01).tolist()
        [True, True, True]
    """

    defaults = ScaledSettings(scale="standard", visual_lr=0.0002, l2_visual=0.01)

    def __init__(
        self,
        dim: int,
        *,
        scale: Scale,
        visual_lr: float,
        l2_visual: float,
        **training: Unpack[PairwiseSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PairwiseSettings, training))
        self.refuse_if(visual_lr <= 0 or l2_visual < 0, "visual_lr > 0 and l2_visual >= 0")
        self.scale = one_of(f"{self.name}.scale", scale, Scale)
        self.l2_visual, self.visual_lr = l2_visual, visual_lr
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("unit", torch.ones(dim))

    centre: Tensor
    unit: Tensor

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        centre, unit = measured(visuals, self.scale, self.device)
        self.centre.copy_(centre)
        self.unit.copy_(unit)

    def dense_lr(self) -> float:
        return self.visual_lr

    def seen(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return the scaled features of ``items``, ``(B, D)`` or ``(B, L, D)``."""
        return (visuals[items] - self.centre) / self.unit


class VisualFactorSettings(ScaledSettings, total=False):
    """How a model with features and rows of factors is trained; see ``VisualFactorModel``."""

    factors: int


class VisualFactorModel(ScaledFeatures):
    """A recommender on features whose users and items have rows of their own, too.

    Args:
        dim: channels D of a vector, or of one cell of a map.
        factors: length of a row.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import FM, VisualFactorModel
        >>> issubclass(FM, VisualFactorModel), VisualFactorModel.defaults["factors"]
        (True, 64)
    """

    defaults = VisualFactorSettings(factors=64)

    def __init__(self, dim: int, *, factors: int, **training: Unpack[ScaledSettings]) -> None:
        super().__init__(dim, **self.with_defaults(ScaledSettings, training))
        self.refuse_if(factors < 1, "factors >= 1")
        self.factors = factors


@torch.no_grad()
def measured(visuals: Visuals, scale: Scale, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the ``(D,)`` centre and unit of a table, read once, in blocks.

    Raises:
        DataError: if an entry is not finite; the text names its item.
    """
    dim = visuals.shape[-1]
    cells = max(1, torch.Size(visuals.shape[:-1]).numel())
    count, most = len(visuals) * cells, 0.0
    total, squares = torch.zeros(2, dim, dtype=torch.float64, device=device)
    shift: Tensor | None = None  # squares are summed around the first block: no cancellation
    for items in torch.arange(len(visuals), device=device).split(max(1, BLOCK // cells)):
        block = visuals[items].reshape(-1, dim)
        if not block.isfinite().all():
            bad = items[~block.reshape(len(items), -1).isfinite().all(1)][0]
            raise DataError(f"the features of item {int(bad)} are not finite numbers")
        most = max(most, float(block.abs().max()))
        shift = block.double().mean(0) if shift is None else shift
        away = block.double() - shift
        total += away.sum(0)
        squares += away.square().sum(0)
    if scale == "max":
        return torch.zeros(dim, device=device), torch.full((dim,), most or 1.0, device=device)
    if scale == "none" or shift is None:
        return torch.zeros(dim, device=device), torch.ones(dim, device=device)
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    # A channel that never varies says nothing; its unit keeps it at zero.
    std = torch.where(std > 1e-6 * std.max(), std, torch.inf)
    return (mean + shift).float(), (std * dim**0.5).float()
