"""Plot styles: the same thing has the same colour, marker and line in every plot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple
from zlib import crc32

COLOURS = (  # as many as there are known attacks
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#A65628"),
    *("#999933", "#4433EE", "#882255"),
)
MARKERS = "osD^vP*X"
GREY, INK = "#888888", "#333333"
CONTROLS = {"noise": "x", "retrained clean": "+", "clean": "+"}  # nobody searched: grey
ATTACKS = (
    *("adam", "pgd", "fgsm", "regression", "square", "ddn", "bim", "cw", "nes", "spsa"),
    "transplant",
)
RECOMMENDERS = ("vbpr", "amr", "deepstyle", "fm", "bprmf", "dvbpr", "acf", "vnpr")
NETWORKS = ("standard", "adversarial", "free", "distilled", "denoised", "jpeg", "bits", "median")
TABLES = {"attack": ATTACKS, "recommender": RECOMMENDERS, "extractor": NETWORKS}
AIMS = ("promote", "promote_lists", "target_class", "demote")
CALLED = {"featureregression": "regression", "c&w": "cw", "i-fgsm": "bim"}
BESIDE = {
    "attack": re.compile(r"^embedding_|_\d+$| \(printed\)$|,? (?:linf_)?[\d.]+$"),
    "recommender": re.compile(r"/(?:clothing_men|amazon_men|ml_100k|boutique)$|_men$"),
    "extractor": re.compile(r"^(?:photos|robust|cnn)_|_\d+$"),
}


class Look(NamedTuple):
    """How one thing is drawn."""

    colour: str
    marker: str


class Stroke(NamedTuple):
    """How what was aimed at is drawn: the line, and which part of a marker is filled."""

    line: Literal["-", "--", ":", "-."]
    filled: Literal["full", "none", "left", "right", "top", "bottom"]


STROKES = (  # of ``AIMS``
    Stroke("-", "full"),
    Stroke("--", "none"),
    Stroke(":", "left"),
    Stroke("-.", "right"),
)


def looks(names: Iterable[str], kind: str = "attack") -> dict[str, Look]:
    """Return how each of some things is drawn, wherever it is; no two of them alike.

    An attack looks the same on pixels and on embeddings, measured and printed, at every size. What
    is no search (noise, a clean retrain) is grey. A recommender looks the same on every shop, a
    network by what it was trained for. Things that are not known here get a look by their name, in
    a colour that nothing else here has as long as there is one.

    Args:
        names: as a run or a table has them.
        kind: of what: "attack", "recommender" or "extractor".
    """
    known, found = TABLES[kind], dict[str, Look]()
    several = kind == "attack"  # names of one attack; else each name is a thing of its own
    for name in sorted(set(names), key=lambda name: (plain(name, kind) not in known, name)):
        thing = plain(name, kind)
        if several and thing in CONTROLS:
            found[name] = Look(GREY, CONTROLS[thing])
            continue
        alike = next((found[n] for n in found if plain(n, kind) == thing), None)
        if alike and several:
            found[name] = alike
            continue
        place = _place(thing if not alike else name, known)
        found[name] = _free(place, set(found.values()), thing in known and not alike)
    return found


def strokes(aims: Iterable[str]) -> dict[str, Stroke]:
    """Return how each of some aims is drawn; more than there are lines share them."""
    found: dict[str, Stroke] = {}
    for aim in sorted(set(aims), key=lambda aim: (aim not in AIMS, aim)):
        free = [stroke for stroke in STROKES if stroke not in found.values()] or list(STROKES)
        found[aim] = STROKES[AIMS.index(aim)] if aim in AIMS else free[0]
    return found


def plain(name: str, kind: str = "attack") -> str:
    """Return what a thing is called apart from its size, its surface and its shop."""
    short = name.lower()
    while (less := BESIDE[kind].sub("", short)) != short:
        short = less
    return CALLED.get(short, short)


def _place(thing: str, known: Sequence[str]) -> int:
    if thing in known:
        return known.index(thing)
    return len(known) + crc32(thing.encode()) % (len(COLOURS) * len(MARKERS) - len(known))


def _free(place: int, taken: set[Look], known: bool) -> Look:
    every = len(COLOURS) * len(MARKERS)
    others = [_look((place + n) % every) for n in range(every)]
    free = [look for look in others if look not in taken] or others
    colours = {look.colour for look in taken}
    markers = {look.marker for look in taken}
    fresh = [look for look in free if look.colour not in colours]
    both = [look for look in fresh if look.marker not in markers]
    return free[0] if known else (both or fresh or free)[0]


def _look(place: int) -> Look:
    turn, n = divmod(place, len(COLOURS))
    return Look(COLOURS[n], MARKERS[(n + turn) % len(MARKERS)])
