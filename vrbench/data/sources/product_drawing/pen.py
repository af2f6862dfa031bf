"""A pen that draws the outline of a product and what lies on it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from vrbench.core.dice import Dice

Point = tuple[float, float]


class Pen:
    """Draws one product: ``mask`` is its outline, ``lines`` what lies on top of the cloth.

    Coordinates run from 0 to 1 over the canvas.
    """

    def __init__(self, side: int, dice: Dice) -> None:
        self.side, self.dice = side, dice
        self.mask = Image.new("L", (side, side), 0)
        self.detail = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        self._mask, self._detail = ImageDraw.Draw(self.mask), ImageDraw.Draw(self.detail)

    def shape(self, *points: Point, erase: bool = False) -> None:
        """Add a polygon to the outline, or cut it out."""
        self._mask.polygon([self._at(p) for p in points], fill=0 if erase else 255)

    def oval(self, x: float, y: float, rx: float, ry: float, erase: bool = False) -> None:
        """Add an ellipse to the outline, or cut it out."""
        self._mask.ellipse(self._box(x, y, rx, ry), fill=0 if erase else 255)

    def ring(self, x: float, y: float, rx: float, ry: float, width: float) -> None:
        """Add the rim of an ellipse to the outline."""
        self._mask.ellipse(self._box(x, y, rx, ry), outline=255, width=self._wide(width))

    def stroke(self, *points: Point, width: float) -> None:
        """Add a thick line to the outline."""
        self._mask.line([self._at(p) for p in points], fill=255, width=self._wide(width))

    def line(self, *points: Point, width: float = 0.012, ink: Sequence[int] = (30, 30, 35)) -> None:
        """Draw a line on top."""
        self._detail.line(
            [self._at(p) for p in points], fill=(*ink[:3], 215), width=self._wide(width)
        )

    def dot(self, x: float, y: float, r: float, ink: Sequence[int] = (30, 30, 35)) -> None:
        """Draw a filled circle on top."""
        self._detail.ellipse(self._box(x, y, r, r), fill=(*ink[:3], 235))

    def patch(self, *points: Point, ink: Sequence[int]) -> None:
        """Draw a filled polygon on top."""
        self._detail.polygon([self._at(p) for p in points], fill=(*ink[:3], 235))

    def vary(self, low: float, high: float) -> float:
        """Return a random number between the two."""
        return self.dice.between(low, high)

    def _at(self, p: Point) -> Point:
        return p[0] * self.side, p[1] * self.side

    def _box(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        s = self.side
        return (x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s

    def _wide(self, width: float) -> int:
        return max(1, round(width * self.side))
