"""A product in its cloth, posed before a backdrop."""

from __future__ import annotations

import colorsys

from PIL import Image, ImageDraw, ImageFilter

from vrbench.core.dice import Dice
from vrbench.data.sources.product_drawing.pen import Pen
from vrbench.data.sources.product_drawing.products import PRODUCTS

Colour = tuple[int, int, int]
CLOTHS = ("plain", "plain", "across", "down", "checks", "dots")
BACKDROPS = ("white", "white", "pale", "gradient", "studio")
SCALE = 3  # pictures are drawn this much larger, then reduced


def draw(category: str, colour: Colour, size: int, dice: Dice) -> Image.Image:
    """Return a ``size`` x ``size`` RGB picture of a product of that main colour."""
    side = SCALE * size
    pen = Pen(side, dice)
    PRODUCTS[category](pen)
    cloth = _cloth(side, colour, dice)
    layer = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    layer.paste(cloth, mask=pen.mask)
    if category in ("sneaker", "boot", "sandal", "watch", "sunglasses", "bag", "hat", "t-shirt"):
        layer.alpha_composite(pen.detail)
    else:  # what lies on cloth ends where the cloth ends
        inside = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        inside.paste(pen.detail, mask=pen.mask)
        layer.alpha_composite(inside)
    layer = _posed(layer, dice)
    picture = _background(side, dice)
    alpha = layer.getchannel("A")
    away = round(side * dice.between(0.01, 0.03))
    shade = alpha.filter(ImageFilter.BoxBlur(side * 0.015)).point(lambda v: v * 0.35)
    picture.paste((60, 60, 65), (away, away), shade)
    picture.paste(layer, mask=alpha)
    return picture.reduce(SCALE)


def hue(dice: Dice) -> Colour:
    """Return a colour: eleven hues and the greys, each with some play."""
    if dice.uniform() < 0.2:
        hue, strength, value = dice.between(0, 1), dice.between(0, 0.1), dice.between(0.12, 0.85)
    else:
        hue = (int(dice.integers(11)) / 11 + 0.015 * float(dice.normal())) % 1
        strength, value = dice.between(0.45, 0.9), dice.between(0.4, 0.92)
    r, g, b = colorsys.hsv_to_rgb(float(hue), float(strength), float(value))
    return round(255 * r), round(255 * g), round(255 * b)


def _cloth(side: int, colour: Colour, dice: Dice) -> Image.Image:
    """Return a square of plain, striped, checked or dotted cloth."""
    cloth = Image.new("RGB", (side, side), colour)
    kind = CLOTHS[dice.integers(len(CLOTHS))]
    if kind == "plain":
        return cloth
    lift = 70 if sum(colour) < 380 else -70
    second = tuple(max(0, min(255, v + lift)) for v in colour)
    if dice.uniform() < 0.3:
        second = hue(dice)
    pen, step = ImageDraw.Draw(cloth), int(side * dice.between(0.05, 0.13))
    start = int(dice.integers(step))
    for a in range(start, side, step):
        if kind in ("across", "checks"):
            pen.rectangle((0, a, side, a + step * 0.4), fill=second)
        if kind in ("down", "checks"):
            pen.rectangle((a, 0, a + step * 0.4, side), fill=second)
        if kind == "dots":
            for b in range(start, side, step):
                pen.ellipse((a, b, a + step * 0.45, b + step * 0.45), fill=second)
    return cloth


def _posed(layer: Image.Image, dice: Dice) -> Image.Image:
    """Return the product turned, scaled, shifted and perhaps mirrored."""
    side = layer.width
    if dice.uniform() < 0.5:
        layer = layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    new = round(side * dice.between(0.72, 1.02))
    layer = layer.rotate(11 * float(dice.normal()), Image.Resampling.BILINEAR)
    layer = layer.resize((new, new), Image.Resampling.BILINEAR)
    posed = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    slack = side * 0.07
    at = (side - new) / 2
    posed.paste(
        layer, (round(at + dice.between(-slack, slack)), round(at + dice.between(-slack, slack)))
    )
    return posed


def _background(side: int, dice: Dice) -> Image.Image:
    """Return a backdrop: white, nearly white, a gradient, or a coloured studio."""
    kind = BACKDROPS[dice.integers(len(BACKDROPS))]
    if kind == "white":
        return Image.new("RGB", (side, side), (255, 255, 255))
    base = tuple(int(v) for v in 205 + dice.integers(45, 3))
    if kind == "pale":
        return Image.new("RGB", (side, side), base)
    if kind == "studio":
        base = tuple(int(v) for v in 110 + dice.integers(115, 3))
        backdrop = Image.new("RGB", (side, side), base)
        floor = tuple(max(0, v - 30) for v in base)
        ImageDraw.Draw(backdrop).rectangle((0, side * 0.72, side, side), fill=floor)
        return backdrop
    ramp = Image.linear_gradient("L").resize((side, side))
    if dice.uniform() < 0.5:
        ramp = ramp.transpose(Image.Transpose.ROTATE_90)
    dark = Image.new("RGB", (side, side), tuple(max(0, v - 70) for v in base))
    return Image.composite(dark, Image.new("RGB", (side, side), base), ramp)
