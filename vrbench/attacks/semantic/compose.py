"""A semantic edit: another item's picture is set, small, into the picture of the item."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, able
from vrbench.attacks.sums import total
from vrbench.attacks.visible_budget import Area
from vrbench.core.errors import ConfigError, IncompatibleError, one_of
from vrbench.core.seeds import Streams

Place = Literal[
    "auto",
    "top_left",
    "top",
    "top_right",
    "left",
    "right",
    "bottom_left",
    "bottom",
    "bottom_right",
]
# How much of the free space is above and to the left, in halves.
PLACES: dict[Place, tuple[int, int]] = {
    "top_left": (0, 0),
    "top": (0, 1),
    "top_right": (0, 2),
    "left": (1, 0),
    "right": (1, 2),
    "bottom_left": (2, 0),
    "bottom": (2, 1),
    "bottom_right": (2, 2),
}


class Compose(Attack):
    """Compositional semantic promotion (c-SEMA; Liu and Larson, WWW 2021): no model, no search.

    The goal's ``example``, the picture of a hook item, is shrunk and pasted where it hides least
    of the product: of the corners and the middles of the sides, where neighbouring pixels differ
    least. The paper edits by hand
    and publishes no code for it. The change is plain to see and bounded by no norm: take
    ``budget=free``; any other budget cuts it down.

    Args:
        share: side of the pasted picture as a share of the side of the whole, in (0, 1].
        place: where it goes; "auto" looks for the emptiest place, picture by picture.
        opacity: of the pasted picture, in (0, 1].
        border: width of the white frame around it, in pixels, inside its side.

    Raises:
        IncompatibleError: if the goal has no example to paste.

    Example:
        >>> from vrbench.attacks import Compose
        >>> Compose(share=0.4).cost, Compose(share=0.4).knows
        (Cost(forward=0, backward=0), 'nothing; another picture')
    """

    paper = "Liu and Larson, WWW 2021"
    cost = Cost(0, 0)
    knows = "nothing; another picture"
    needs_radius = False
    asks_example = True

    def __init__(
        self, *, share: float = 0.4, place: Place = "auto", opacity: float = 1.0, border: int = 1
    ) -> None:
        self.refuse_if(
            not (0 < share <= 1 and 0 < opacity <= 1 and border >= 0),
            "share and opacity in (0, 1] and border >= 0",
        )
        self.place = one_of("Compose.place", place, Place)
        self.share, self.opacity, self.border = share, opacity, border

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        height, width = clean.shape[2:]
        size = (max(1, round(self.share * height)), max(1, round(self.share * width)))
        if 2 * self.border >= min(size):
            raise ConfigError(
                f"Compose: a border of {self.border} leaves nothing of {size[0]} x {size[1]} pixels"
            )
        pasted = self._framed(able(goal, "example")(items), size)
        top, left = corner(clean, size, self.place)
        inside, rows, columns = window(clean, size, top, left)
        row, column = rows.clamp(0, size[0] - 1), columns.clamp(0, size[1] - 1)
        one = torch.arange(len(clean), device=clean.device)[:, None, None]
        # Not lerp, whose last bit depends on where in a batch a value stands.
        shown = pasted[one, :, row[:, :, None], column[:, None]].permute(0, 3, 1, 2)
        blended = (1 - self.opacity) * clean + self.opacity * shown
        return torch.where(inside, blended, clean)

    def _framed(self, pictures: Tensor, size: tuple[int, int]) -> Tensor:
        """Return ``pictures``, shrunk so that they and their white frame are of ``size``."""
        inner = [s - 2 * self.border for s in size]
        small = F.interpolate(pictures, inner, mode="bilinear", antialias=True).clamp(0, 1)
        return F.pad(small, [self.border] * 4, value=1.0)


def corner(clean: Tensor, size: tuple[int, int], place: Place) -> tuple[Tensor, Tensor]:
    """Return the ``(B,)`` first rows and columns of windows; "auto": where pixels differ least."""
    space = [whole - part for whole, part in zip(clean.shape[2:], size, strict=True)]
    halves = PLACES.values() if place == "auto" else [PLACES[place]]
    known = torch.tensor([[s * h // 2 for s, h in zip(space, p, strict=True)] for p in halves])
    known = known.to(clean.device)
    detail = F.pad(clean.diff(dim=2).abs(), [0, 0, 0, 1]) + F.pad(clean.diff().abs(), [0, 1])
    content = F.avg_pool2d(total(detail)[:, None], size, 1)[:, 0]
    top, left = known[content[:, known[:, 0], known[:, 1]].argmin(1)].unbind(1)
    return top, left


class _OfArea(Protocol):
    """An attack that sets a square into the picture, of ``area`` percent of it; None: unsaid."""

    name: ClassVar[str]
    area: float | None


def check_area(attack: _OfArea, budget: Budget) -> None:
    """Raise if neither an attack nor its budget says how large a square is.

    Raises:
        IncompatibleError: says what to take.
    """
    if attack.area is None and not isinstance(budget, Area):
        raise IncompatibleError(f"{attack.name} needs budget=area_N, or attack.area in percent")


def square_side(attack: _OfArea, clean: Tensor, budget: Budget) -> int:
    """Return the side of the largest square of an attack's area, or of the budget's.

    Raises:
        IncompatibleError: if neither says how large it is.
    """
    check_area(attack, budget)
    area = budget.eps if attack.area is None else attack.area
    height, width = clean.shape[2:]
    side = int((area / 100 * height * width + 1e-6) ** 0.5)
    return max(1, min(side, height, width))


def window(
    clean: Tensor, size: tuple[int, int], top: Tensor, left: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(B, 1, H, W)`` bool inside of windows, and ``(B, H)``, ``(B, W)`` places in them."""
    rows = torch.arange(clean.shape[2], device=clean.device) - top[:, None]
    columns = torch.arange(clean.shape[3], device=clean.device) - left[:, None]
    inside = ((rows >= 0) & (rows < size[0]))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < size[1]))[:, None]
    return inside[:, None], rows, columns
