"""A budget of learned perceptual distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.visible_budget import Visible
from vrbench.core.errors import ConfigError
from vrbench.core.lpips_network import TRUNKS, distances, trunk_file, with_trunk


@dataclass(frozen=True, kw_only=True)
class PerceptualDistance(Visible):
    """LPIPS to the clean picture (Zhang et al., CVPR 2018) is at most ``eps / 100``.

    Bounded perceptual attacks are those of Laidlaw, Singla and Feizi (ICLR 2021). Differences: the
    network is LPIPS as published, not one that is taught here, and what lies outside is moved
    straight toward the clean picture, by halving, as far as it must, where they search along the
    path of a Lagrangian and project with Newton's steps. The distance need not grow along that
    way; what is returned was measured to be inside.

    Attributes:
        eps: in hundredths of LPIPS, 0 to 100: 5 is an LPIPS of .05.
        net: the trunk: "alex", "vgg" or "squeeze".

    Raises:
        MissingDataError: if the published trunk is not there; the line says how to fetch it.
        DataError: if the file there is not the published one.

    Example:
        >>> from vrbench.budgets import PerceptualDistance, Visible
        >>> issubclass(PerceptualDistance, Visible)
        True
    """

    net: Literal["alex", "vgg", "squeeze"] = "alex"
    halvings: ClassVar[int] = 12  # a change by all 255 levels is known to a sixteenth of a level

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.net not in TRUNKS:
            raise ConfigError(f"expected net alex, vgg or squeeze, got {self.net!r}")
        trunk_file(self.net)

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        pairs = zip(x.split(1), clean.split(1), strict=True)  # alone: the same in any batch
        found = [distances(self._network, before, after) for after, before in pairs]
        return 100 * torch.cat([x.new_zeros(0), *found])

    @cached_property
    def _network(self) -> torch.nn.Module:
        return with_trunk(self.net, trunk_file(self.net))
