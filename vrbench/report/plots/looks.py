"""Plot styles: an attack has the same colour and marker in every plot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#A65628")
MARKERS = "osD^vP*X"
GREY, INK = "#888888", "#333333"
CONTROLS = {"noise": "x", "retrained clean": "+", "clean": "+"}  # nobody searched: grey
ATTACKS = ("adam", "pgd", "fgsm", "regression", "square", "ddn", "bim", "cw", "nes", "spsa")
CALLED = {"featureregression": "regression", "c&w": "cw", "i-fgsm": "bim"}
BESIDE = re.compile(r"^embedding_|_\d+$| \(printed\)$|,? (?:linf_)?[\d.]+$")


class Look(NamedTuple):
    """How one thing is drawn."""

    colour: str
    marker: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return how each of some attacks is drawn, wherever it is; no two of them alike.

    An attack looks the same on pixels and on embeddings, measured and printed, at every size. What
    is no search (noise, a clean retrain) is grey. Attacks that are not known here get a look by
    their name, in a colour that nothing else here has as long as there is one.

    Args:
        names: of attacks, as a run or a table has them.
    """
    found: dict[str, Look] = {}
    for name in sorted(names, key=lambda name: plain(name) not in ATTACKS):  # these come first
        thing = plain(name)
        if thing in CONTROLS:
            found[name] = Look(GREY, CONTROLS[thing])
            continue
        alike = next((found[other] for other in found if plain(other) == thing), None)
        found[name] = alike or _free(_place(thing), set(found.values()), thing in ATTACKS)
    return found


def plain(name: str) -> str:
    """Return what an attack is called apart from its size and its kind of surface."""
    short = name.lower()
    while (less := BESIDE.sub("", short)) != short:
        short = less
    return CALLED.get(short, short)


def _place(thing: str) -> int:
    if thing in ATTACKS:
        return ATTACKS.index(thing)
    return len(ATTACKS) + crc32(thing.encode()) % (len(COLOURS) * len(MARKERS) - len(ATTACKS))


def _free(place: int, taken: set[Look], known: bool) -> Look:
    every = len(COLOURS) * len(MARKERS)
    others = [_look((place + n) % every) for n in range(every)]
    free = [look for look in others if look not in taken] or others
    colours = {look.colour for look in taken}
    fresh = [look for look in free if look.colour not in colours]
    return free[0] if known or not fresh else fresh[0]


def _look(place: int) -> Look:
    turn, n = divmod(place, len(COLOURS))
    return Look(COLOURS[n], MARKERS[(n + turn) % len(MARKERS)])
