"""Robustness against accuracy as an interactive scatter plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import floor, log10
from typing import NamedTuple

from vrbench.report.plots.looks import NETWORKS, looks, plain
from vrbench.report.tables import number, signed

WIDE, HIGH = 760, 380  # in units of the picture
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 14, 46
SHAPES = {  # by marker
    "o": "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0",
    "s": "M-5.5,-5.5H5.5V5.5H-5.5Z",
    "D": "M0,-7.5L7.5,0L0,7.5L-7.5,0Z",
    "^": "M0,-7L7,6H-7Z",
    "v": "M0,7L7,-6H-7Z",
    "P": "M-2.5,-7H2.5V-2.5H7V2.5H2.5V7H-2.5V2.5H-7V-2.5H-2.5Z",
    "*": "M0,-8L2.2,-2.6L7.6,-2.5L3.5,1L4.7,6.5L0,3.6L-4.7,6.5L-3.5,1L-7.6,-2.5L-2.2,-2.6Z",
    "X": "M-6.5,-4L-4,-6.5L0,-2.5L4,-6.5L6.5,-4L2.5,0L6.5,4L4,6.5L0,2.5L-4,6.5L-6.5,4L-2.5,0Z",
}

THREATS = {  # marker by threat model
    "evasion": "o",
    "poisoning": "s",
    "new item": "D",
    "profiles": "^",
    "features": "v",
    "parameters": "P",
    "nobody": "X",
}
FILLINGS = ("full", "hollow", "dotted", "ringed")  # classes of the page's style


@dataclass(frozen=True)
class Point:
    """A line of the board: where it leads, where it lies, and what it is."""

    row: str
    x: float
    y: float
    recommender: str
    extractor: str
    threat: str
    told: str


@dataclass(frozen=True)
class Drawn:
    """A point as it is drawn."""

    row: str
    x: float
    y: float
    colour: str
    shape: str
    filling: str
    label: str


class Key(NamedTuple):
    """A line of a legend: a name, and how it is drawn."""

    name: str
    shape: str
    filling: str


@dataclass(frozen=True)
class Legend:
    """What a property of a marker says, such as its shape ("marker") of "the network"."""

    by: str
    of: str
    keys: list[Key]


@dataclass(frozen=True)
class Plot:
    """What a template draws; positions are in units of the picture.

    Attributes:
        points: in the order of the board.
        across, up: ticks: position and text.
        zero: where nothing changes; None if that lies outside.
        recommenders: name and colour.
        legends: what shape and filling of a marker say, where they differ.
        x, y: what the axes say.
    """

    points: list[Drawn]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    zero: float | None
    recommenders: list[tuple[str, str]]
    legends: list[Legend]
    x: str
    y: str


def plot(points: Sequence[Point], x: str, y: str) -> Plot | None:
    """Return the picture of some points; None for fewer than two.

    A marker's shape is the network's, as in every other plot, unless there are several threat
    models: then it is the threat's, and the network's is the filling.
    """
    if len(points) < 2:
        return None
    recommenders = looks((p.recommender for p in points), "recommender")
    colours = {name: look.colour for name, look in recommenders.items()}
    threats, networks = _keys(points)
    low_x, high_x = _range([p.x for p in points])
    low_y, high_y = _range([p.y for p in points])

    def across(value: float) -> float:
        return round(LEFT + (value - low_x) / (high_x - low_x) * (WIDE - LEFT - RIGHT), 1)

    def up(value: float) -> float:
        return round(HIGH - BOTTOM - (value - low_y) / (high_y - low_y) * (HIGH - TOP - BOTTOM), 1)

    drawn = [
        Drawn(
            p.row,
            across(p.x),
            up(p.y),
            colours[p.recommender],
            threats[p.threat].shape if threats else networks[p.extractor].shape,
            networks[p.extractor].filling,
            f"{p.recommender}, {p.extractor}: {x} {number(p.x)}, {y} {signed(p.y)}, {p.told}",
        )
        for p in points
    ]
    legends = [Legend("marker", "the threat model", list(threats.values()))] if threats else []
    if len(networks) > 1:
        by = "filling" if threats else "marker"
        legends.append(Legend(by, "the network", list(networks.values())))
    return Plot(
        drawn,
        [(across(tick), f"{tick:g}") for tick in ticks(low_x, high_x)],
        [(up(tick), f"{tick:g}") for tick in ticks(low_y, high_y)],
        up(0.0) if low_y <= 0 <= high_y else None,
        list(colours.items()),
        legends,
        x,
        y,
    )


def _keys(points: Sequence[Point]) -> tuple[dict[str, Key], dict[str, Key]]:
    """Return how threat models are drawn, where there are several, and how networks are."""
    models = {p.threat for p in points}
    extractors = looks((p.extractor for p in points), "extractor")
    if len(models) < 2:
        shapes = {name: SHAPES[look.marker] for name, look in extractors.items()}
        return {}, {name: Key(name, shape, FILLINGS[0]) for name, shape in shapes.items()}
    threats = {
        name: Key(name, SHAPES[marker], FILLINGS[0])
        for name, marker in THREATS.items()
        if name in models
    }
    plainest = sorted(extractors, key=lambda name: (_turn(plain(name, "extractor")), name))
    fillings = zip(plainest, cycle(FILLINGS), strict=False)  # more networks than these share them
    return threats, {name: Key(name, SHAPES["o"], filling) for name, filling in fillings}


def _turn(network: str) -> int:
    return NETWORKS.index(network) if network in NETWORKS else len(NETWORKS)


def ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two."""
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = -floor(-low / step)
    found = [(first + n) * step for n in range(12)]
    return [round(tick, 12) for tick in found if tick <= high]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis: those of the values, and a little more."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.1 * abs(low) or 1.0
    return low - room, high + room
