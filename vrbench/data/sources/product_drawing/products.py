"""The outlines of sixteen kinds of products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vrbench.data.sources.product_drawing.pen import Pen


def _top(p: Pen, sleeve: float) -> None:
    """Draw a body with sleeves that reach down to ``sleeve``."""
    w, hem = p.vary(0.17, 0.22), p.vary(0.8, 0.9)
    drop = p.vary(0.06, 0.1)
    reach = 0.3 if sleeve < 0.5 else p.vary(0.22, 0.3)
    p.shape((0.5 - w, 0.2), (0.5 + w, 0.2), (0.5 + w, hem), (0.5 - w, hem))
    for side in (-1, 1):
        x = 0.5 + side * w
        p.shape(
            (0.5 + side * 0.1, 0.17),
            (x, 0.2),
            (0.5 + side * (w + reach * 0.75), sleeve - 0.03),
            (0.5 + side * (w + reach * 0.45), sleeve + 0.05),
            (x - side * 0.01, 0.2 + drop + 0.16),
        )
    p.shape((0.4, 0.17), (0.6, 0.17), (0.5 + w, 0.24), (0.5 - w, 0.24))


def _collar(p: Pen) -> None:
    ink = (235, 235, 235) if p.dice.uniform() < 0.5 else (45, 45, 50)
    p.patch((0.5, 0.28), (0.39, 0.165), (0.45, 0.15), ink=ink)
    p.patch((0.5, 0.28), (0.61, 0.165), (0.55, 0.15), ink=ink)


def _t_shirt(p: Pen) -> None:
    _top(p, p.vary(0.36, 0.44))
    p.oval(0.5, 0.17, 0.085, p.vary(0.04, 0.08), erase=True)
    if p.dice.uniform() < 0.5:  # a print on the chest
        ink = tuple(int(v) for v in 20 + p.dice.integers(216, 3))
        p.dot(0.5, p.vary(0.42, 0.5), p.vary(0.05, 0.09), ink)


def _polo(p: Pen) -> None:
    _top(p, p.vary(0.36, 0.44))
    _collar(p)
    p.line((0.5, 0.27), (0.5, 0.42), width=0.016)
    for y in (0.31, 0.36, 0.41):
        p.dot(0.5, y, 0.014, (240, 240, 240))


def _shirt(p: Pen) -> None:
    _top(p, p.vary(0.62, 0.78))
    _collar(p)
    p.line((0.5, 0.27), (0.5, 0.9), width=0.016)
    for n in range(6):
        p.dot(0.5, 0.34 + 0.09 * n, 0.014, (240, 240, 240))


def _pullover(p: Pen) -> None:
    _top(p, p.vary(0.62, 0.78))
    p.oval(0.5, 0.17, 0.08, 0.045, erase=True)
    for y in (0.79, 0.84):
        p.line((0.28, y), (0.72, y), width=0.01)
    p.line((0.41, 0.19), (0.5, 0.245), (0.59, 0.19), width=0.016)


def _dress(p: Pen) -> None:
    waist, flare = p.vary(0.09, 0.13), p.vary(0.2, 0.32)
    hem = p.vary(0.82, 0.93)
    p.shape((0.36, 0.14), (0.64, 0.14), (0.5 + waist, 0.45), (0.5 - waist, 0.45))
    p.shape((0.5 - waist, 0.44), (0.5 + waist, 0.44), (0.5 + flare, hem), (0.5 - flare, hem))
    p.oval(0.5, 0.12, p.vary(0.07, 0.11), 0.08, erase=True)
    if p.dice.uniform() < 0.6:
        p.line((0.5 - waist, 0.45), (0.5 + waist, 0.45), width=0.03)


def _skirt(p: Pen) -> None:
    waist, flare = p.vary(0.13, 0.18), p.vary(0.24, 0.36)
    hem = p.vary(0.7, 0.85)
    p.shape((0.5 - waist, 0.24), (0.5 + waist, 0.24), (0.5 + flare, hem), (0.5 - flare, hem))
    p.line((0.5 - waist, 0.275), (0.5 + waist, 0.275), width=0.03)
    for t in (-0.6, -0.2, 0.2, 0.6):
        p.line((0.5 + t * waist, 0.3), (0.5 + t * flare, hem), width=0.009)


def _trousers(p: Pen, hem: float | None = None) -> None:
    hem = hem or p.vary(0.84, 0.93)
    w, leg = p.vary(0.15, 0.19), p.vary(0.08, 0.12)
    spread = p.vary(0.12, 0.2)
    crotch = 0.4
    p.shape((0.5 - w, 0.12), (0.5 + w, 0.12), (0.5 + w + 0.03, crotch), (0.5 - w - 0.03, crotch))
    for side in (-1, 1):
        x = 0.5 + side * spread
        p.shape(
            (0.5 + side * (w + 0.03), crotch - 0.02),
            (0.5 - side * 0.005, crotch - 0.02),
            (x - side * leg * 0.6, hem),
            (x + side * leg * 0.7, hem),
        )
    p.line((0.5 - w, 0.16), (0.5 + w, 0.16), width=0.02)
    p.line((0.5, 0.16), (0.5, 0.36), width=0.012)


def _shorts(p: Pen) -> None:
    _trousers(p, p.vary(0.55, 0.66))


def _sole(p: Pen, ink: Sequence[int], y: float, heel: float = 0.0) -> None:
    p.patch((0.12, y), (0.9, y), (0.88, y + 0.06), (0.14, y + 0.06), ink=ink)
    if heel:
        p.patch((0.13, y), (0.28, y), (0.25, y + heel), (0.15, y + heel), ink=ink)


def _sneaker(p: Pen) -> None:
    top = p.vary(0.36, 0.44)
    p.shape((0.14, top), (0.34, top - 0.02), (0.58, 0.52), (0.86, 0.6), (0.9, 0.7), (0.12, 0.7))
    _sole(p, (245, 245, 245) if p.dice.uniform() < 0.7 else (40, 40, 40), 0.69)
    for n in range(4):
        x = 0.36 + 0.065 * n
        p.line(
            (x, 0.44 + 0.035 * n), (x + 0.08, 0.42 + 0.045 * n), width=0.016, ink=(250, 250, 250)
        )


def _boot(p: Pen) -> None:
    top = p.vary(0.12, 0.28)
    p.shape((0.16, top), (0.44, top), (0.46, 0.52), (0.8, 0.6), (0.88, 0.74), (0.14, 0.74))
    _sole(p, (50, 35, 30), 0.73, heel=p.vary(0.06, 0.14))
    if p.dice.uniform() < 0.5:
        p.line((0.16, top + 0.05), (0.44, top + 0.05), width=0.02)


def _sandal(p: Pen) -> None:
    p.shape((0.1, 0.66), (0.9, 0.66), (0.9, 0.73), (0.1, 0.73))
    for x in (0.2, p.vary(0.45, 0.55), 0.72):
        p.stroke((x, 0.68), (x + 0.06, p.vary(0.45, 0.52)), (x + 0.14, 0.68), width=0.045)
    p.line((0.1, 0.72), (0.9, 0.72), width=0.03)


def _bag(p: Pen) -> None:
    wide, high = p.vary(0.26, 0.34), p.vary(0.4, 0.48)
    slope = p.vary(0.0, 0.1)
    p.shape(
        (0.5 - wide + slope, high),
        (0.5 + wide - slope, high),
        (0.5 + wide, 0.84),
        (0.5 - wide, 0.84),
    )
    p.ring(0.5, high, p.vary(0.12, 0.18), p.vary(0.16, 0.26), 0.035)
    p.line((0.5 - wide + slope, high + 0.1), (0.5 + wide - slope, high + 0.1), width=0.014)
    p.dot(0.5, high + 0.1, 0.03, (215, 180, 80))


def _hat(p: Pen) -> None:
    crown = p.vary(0.17, 0.24)
    brim = p.vary(0.34, 0.42)
    p.oval(0.5, 0.66, brim, p.vary(0.07, 0.11))
    p.oval(0.5, 0.45, crown, 0.2)
    p.shape((0.5 - crown, 0.45), (0.5 + crown, 0.45), (0.5 + crown, 0.64), (0.5 - crown, 0.64))
    p.line((0.5 - crown, 0.61), (0.5 + crown, 0.61), width=0.05)


def _watch(p: Pen) -> None:
    r, w = p.vary(0.15, 0.2), p.vary(0.07, 0.1)
    p.shape((0.5 - w, 0.1), (0.5 + w, 0.1), (0.5 + w, 0.9), (0.5 - w, 0.9))
    p.oval(0.5, 0.5, r + 0.03, r + 0.03)
    p.dot(0.5, 0.5, r, (245, 245, 240) if p.dice.uniform() < 0.6 else (25, 25, 30))
    ink = (200, 60, 50)
    p.line((0.5, 0.5), (0.5, 0.5 - r * 0.75), width=0.018, ink=ink)
    p.line((0.5, 0.5), (0.5 + r * 0.55, 0.5 + r * 0.2), width=0.022, ink=ink)


def _sunglasses(p: Pen) -> None:
    rx, ry = p.vary(0.14, 0.18), p.vary(0.1, 0.15)
    for x in (0.29, 0.71):
        p.oval(x, 0.52, rx + 0.025, ry + 0.025)
        p.patch(
            (x - rx * 0.8, 0.52 - ry * 0.6),
            (x + rx * 0.8, 0.52 - ry * 0.6),
            (x + rx * 0.6, 0.52 + ry * 0.7),
            (x - rx * 0.6, 0.52 + ry * 0.7),
            ink=(35, 35, 45),
        )
    p.stroke((0.42, 0.47), (0.58, 0.47), width=0.03)
    for side in (-1, 1):
        p.stroke((0.5 + side * 0.36, 0.48), (0.5 + side * 0.45, 0.38), width=0.03)


def _sock(p: Pen) -> None:
    top = p.vary(0.1, 0.3)
    p.shape((0.34, top), (0.58, top), (0.58, 0.62), (0.34, 0.62))
    p.shape((0.34, 0.56), (0.58, 0.56), (0.84, 0.72), (0.8, 0.84), (0.42, 0.84), (0.34, 0.72))
    p.line((0.34, top + 0.06), (0.58, top + 0.06), width=0.02)
    p.line((0.72, 0.65), (0.66, 0.84), width=0.02)


PRODUCTS: dict[str, Callable[[Pen], None]] = {
    "bag": _bag,
    "boot": _boot,
    "dress": _dress,
    "hat": _hat,
    "polo": _polo,
    "pullover": _pullover,
    "sandal": _sandal,
    "shirt": _shirt,
    "shorts": _shorts,
    "skirt": _skirt,
    "sneaker": _sneaker,
    "sock": _sock,
    "sunglasses": _sunglasses,
    "t-shirt": _t_shirt,
    "trousers": _trousers,
    "watch": _watch,
}
CATEGORIES = tuple(PRODUCTS)
