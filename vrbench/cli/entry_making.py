"""Submitted entries of a leaderboard: make them of runs, and verify them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vrbench.bench.result import Result
from vrbench.cli.entries import Loaded, WatchedStore, stands
from vrbench.cli.entry_folder import (
    ADVERSARY,
    CARD,
    MODEL,
    ROWS,
    Card,
    read_card,
    several_shops,
    shop_of,
)
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.cli.record_composition import compose_record
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.files import sha256
from vrbench.core.masking_counts import suspected
from vrbench.report.run_records import Entry, moving, record
from vrbench.threats.objectives import check_promotable
from vrbench.threats.surfaces.pixels import Pixels

NAMED = ("dataset", "recommender", "extractor")  # in an entry's name on a board of many
UNNAMED = re.compile(r"[^A-Za-z0-9_.]+")
LEARNING = "extractor"  # whose numbers come of a training, not of what it left
AIMS = {"PromoteLists": "promote_lists", "Promote": "promote"}  # under both an entry is judged


def make_entry(
    runs: Sequence[Entry],
    to: Path,
    *,
    name: str,
    by: str,
    licence: str,
    paper: str = "",
    store: Path,
) -> Card:
    """Write runs of one shop as a new entry; models in its store are not trained again.

    Args:
        runs: what they left; they differ in attack, budget and aim.
        to: a new folder.
        name, by, licence, paper: of the card.
        store: of the runs.

    Raises:
        ConfigError: if the folder is not empty, the card would be refused, the runs are of several
            shops, or an aim is missing (``unaimed``).
        StorageError: if it cannot be written.
    """
    from safetensors.torch import save_file

    check_empty(to)
    if wrong := several_shops(runs):
        raise ConfigError(wrong)
    run = min(runs, key=lambda r: r["parts"]["objective"].get("component") != next(iter(AIMS)))
    overrides = moving(run["overrides"])
    composed = compose_record(overrides, conf_dir(), own_dir())
    watched = WatchedStore.at(store)
    card = Card(name=name, by=by, licence=licence, overrides=overrides, paper=paper)
    loaded = stands(composed, card, watched)
    if missing := unaimed(loaded, runs):
        raise ConfigError(missing[0])
    to.mkdir(parents=True, exist_ok=True)
    (to / ROWS).write_text(record(runs), encoding="utf-8")
    *_, model = watched.seen["models"]
    save_file(model, to / MODEL)
    for n, state in enumerate(watched.seen["extractors"]):
        save_file(state, to / f"network_{n}.safetensors")
    return write_card(to, card)


def make_board(
    runs: Sequence[Entry],
    to: Path,
    *,
    by: str,
    licence: str,
    paper: str = "",
    store: Path,
    seed: int | None = None,
) -> Iterator[tuple[Path, Card | None]]:
    """Write every shop of a sweep as an entry; yield each one's folder and card as it is made.

    An entry is called ``DATASET/RECOMMENDER-EXTRACTOR`` and lies in a folder of that name. One that
    is there already is left as it is: its card is None.

    Args:
        runs: of any number of shops and seeds; runs of one shop differ in attack, budget and aim.
        to: a folder of entries.
        by, licence, paper: of every card.
        store: of the runs.
        seed: whose weights are taken; None: the first that a shop was run with.

    Raises:
        ConfigError: if two shops would have one name, no run has the seed, or as ``make_entry``.
        StorageError: if it cannot be written.
    """
    boards: dict[str, list[list[Entry]]] = {}
    for shop in _shops(runs, seed):
        boards.setdefault(entry_name(shop[0]), []).append(shop)
    if twice := [name for name, shops in boards.items() if len(shops) > 1]:
        raise ConfigError(
            f"{twice[0]} would be the name of {len(boards[twice[0]])} shops: make an entry of each "
            "with `submit make` and a --name of its own"
        )
    for name, (shop,) in boards.items():
        folder = to / name
        if (folder / CARD).is_file():
            yield folder, None
            continue
        told = {"name": name, "by": by, "licence": licence, "paper": paper}
        yield folder, make_entry(shop, folder, **told, store=store)


def _shops(runs: Sequence[Entry], seed: int | None) -> list[list[Entry]]:
    """Return runs by shop, of one seed each: the given one, or the first."""
    seeds: dict[str, dict[int, list[Entry]]] = {}
    for run in runs:
        shop = json.dumps(shop_of(run) | {"seed": None}, sort_keys=True)
        seeds.setdefault(shop, {}).setdefault(run["seed"], []).append(run)
    found = [by.get(min(by) if seed is None else seed, []) for by in seeds.values()]
    if not any(found):
        raise ConfigError(f"no run has seed={seed}")
    return [shop for shop in found if shop]


def entry_name(run: Entry) -> str:
    """Return ``DATASET/RECOMMENDER-EXTRACTOR`` of a run, in letters that an entry's name has.

    The data set's own name is left out of the other two: ``amr/clothing_men`` is ``amr`` there.

    Example:
        >>> parts = {"dataset": "clothing_men", "recommender": "amr/clothing_men"}
        >>> entry_name({"parts": {axis: {"name": name} for axis, name in parts.items()}})
        'clothing_men/amr'
    """
    names = [str(run["parts"].get(axis, {}).get("name") or "") for axis in NAMED]
    shop, *others = (UNNAMED.sub("-", name) for name in names)
    return f"{shop}/{'-'.join(name.removesuffix(f'-{shop}') for name in others if name)}"


def check_empty(to: Path) -> None:
    """Raise a ``ConfigError`` if an entry's new folder has anything in it."""
    if to.is_dir() and any(to.iterdir()):
        raise ConfigError(f"{to} is not empty: name a new folder")


def write_card(to: Path, card: Card) -> Card:
    """Write the card of a folder that has all its other files, with their sha256; return it."""
    paths = sorted(path for path in to.rglob("*") if path.is_file())
    files = {path.relative_to(to).as_posix(): sha256(path) for path in paths}
    (to / CARD).write_text(replace(card, files=files).text(), encoding="utf-8")
    return read_card(to)


def unaimed(loaded: Loaded, runs: Sequence[Entry]) -> list[str]:
    """Return one line if runs lack an aim under which an entry is judged; empty: they have all.

    What pictures can move is judged by the worst of two aims: users' lists, which is what is
    reported, and the mean score. Where pictures cannot move it, or it is not pictures that are
    changed, there is no rule.
    """
    if not isinstance(loaded.parts["threat"].acts_on, Pixels):
        return []
    try:
        check_promotable(loaded.recommender)
    except IncompatibleError:
        return []
    had = {run["parts"]["objective"].get("component") for run in runs}
    missing = [choice for component, choice in AIMS.items() if component not in had]
    if not missing:
        return []
    return [
        f"nobody aimed at objective={' and '.join(missing)}: an entry is judged by the worst of "
        f"both aims; run it with -m objective={','.join(AIMS.values())}, and make it of both runs"
    ]


def differing(loaded: Loaded, runs: Sequence[Entry], tolerance: float) -> list[str]:
    """Return the rows that differ when the entry's own weights are attacked again.

    What was measured while a network learnt, and clean retrains (``control``), cannot be measured
    again without learning.
    """
    from vrbench.cli.commands.check import apart

    faults = []
    for run in runs:
        composed = compose_record(run["overrides"], conf_dir(), own_dir())
        again = loaded.attacked(**{part: composed.make(part) for part in ADVERSARY})
        told = [row | {"control": None} for row in run["rows"] if row["per"] != LEARNING]
        aim = f"objective={run['parts']['objective']['name']}: " if len(runs) > 1 else ""
        found = apart(told, [row for row in again.rows if row.per != LEARNING], tolerance)
        faults += [aim + fault for fault in found + unsaid(run, again)]
    return faults


def unsaid(run: Entry, again: Result) -> list[str]:
    """Return one line if an attack sees signs of masked gradients that a run's record lacks."""
    seen = {} if again.crafted is None else again.crafted.masking or {}
    new = [sign for sign in suspected(seen) if sign not in suspected(run.get("masking") or {})]
    return [f"gradients may be masked, and its record does not say so: {', '.join(new)}"] * bool(
        new
    )


def masked(runs: Sequence[Entry]) -> list[str]:
    """Return a line a run whose attack saw signs that gradients are masked, as it was recorded."""
    told = []
    for run in runs:
        if signs := suspected(run.get("masking") or {}):
            named = {part: run["parts"][part]["name"] for part in ("attack", "budget", "objective")}
            where = " ".join(f"{part}={name}" for part, name in named.items())
            told.append(f"gradients may be masked, by {where}: {', '.join(signs)}")
    return told
