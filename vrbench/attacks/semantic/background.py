"""Background change: other colours behind a product, which stays as it is."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.semantic.edit import Canvas, Edit
from vrbench.attacks.semantic.foreground import background
from vrbench.attacks.sums import total


class Background(Edit):
    """A background of a few colours that run into each other, chosen for the goal.

    In the spirit of background attacks (Xiao et al., Noise or signal, ICLR 2021, who exchange
    whole backgrounds and search for none). What is background is told by colour alone
    (``semantic.foreground``); a picture without one stays as it is. The edge between background and
    product is mixed over one pixel, on the background's side: no value of the product changes. It
    is plain to see and no norm bounds it: take ``budget=free``.

    Args:
        grid: colours a side: 1 is one colour, 2 one of each corner.
        tolerance: how far from the border's colour background may be, of a value.
        steps: gradient steps, at least 1.
        step: length of the first one, of the range of a value.

    Example:
        >>> import torch
        >>> from vrbench.attacks import Background
        >>> from vrbench.budgets import L2
        >>> from vrbench.core.seeds import Streams
        >>> from vrbench.testing.world import Redder
        >>> page = torch.ones(1, 3, 16, 16)
        >>> page[:, :, 4:12, 4:12] = 0.2
        >>> free, items = L2(eps=float("inf")), torch.arange(1)
        >>> x = Background(grid=1)(page, items, Redder(), free, Streams(0))
        >>> x[0, 0, 0, 0].item(), round(x[0, 0, 6, 6].item(), 3)
        (0.0, 0.2)
    """

    paper = ""

    def __init__(
        self,
        *,
        grid: int = 2,
        tolerance: float = 0.1,
        steps: int = 50,
        step: float = 0.25,
    ) -> None:
        super().__init__(steps=steps, step=step)
        self.refuse_if(not 1 <= grid <= 64, "grid in 1 to 64")
        self.refuse_if(not 0 <= tolerance <= 1, "tolerance in [0, 1]")
        self.grid, self.tolerance = grid, tolerance

    def canvas(self, clean: Tensor, slope: Tensor, budget: Budget) -> Canvas:
        behind = background(clean, self.tolerance)[:, None]
        share = F.avg_pool2d(behind.float(), 3, 1, 1, count_include_pad=False) * behind
        count = total(behind.flatten(1).float()).clamp(min=1)[:, None]
        usual = total((clean * behind).flatten(2), 2) / count
        colours = usual[:, :, None, None].expand(-1, -1, self.grid, self.grid).contiguous()
        size = (clean.shape[2], clean.shape[3])

        def draw(colours: Tensor) -> Tensor:
            page = F.interpolate(colours, size, mode="bilinear", align_corners=True)
            return clean + share * (page - clean)

        return Canvas(colours, draw, lambda colours: colours.clamp(0, 1))
