"""Product pictures drawn with Pillow."""

from vrbench.data.sources.product_drawing.pen import Pen, Point
from vrbench.data.sources.product_drawing.picture import BACKDROPS, CLOTHS, SCALE, Colour, draw, hue
from vrbench.data.sources.product_drawing.products import CATEGORIES, PRODUCTS

__all__ = [
    "BACKDROPS",
    "CATEGORIES",
    "CLOTHS",
    "PRODUCTS",
    "SCALE",
    "Colour",
    "Pen",
    "Point",
    "draw",
    "hue",
]
