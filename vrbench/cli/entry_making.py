"""Submitted entries of a leaderboard: make them of runs, and verify them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vrbench.cli.entries import Loaded, WatchedStore, stands
from vrbench.cli.entry_folder import ADVERSARY, CARD, MODEL, ROWS, Card, read_card, several_shops
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.cli.record_composition import compose_record
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.files import sha256
from vrbench.report.run_records import Entry, moving, record
from vrbench.threats.objectives import check_promotable
from vrbench.threats.surfaces.pixels import Pixels

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

    What was measured while a network learnt cannot be measured again without learning.
    """
    from vrbench.cli.commands.check import apart

    faults = []
    for run in runs:
        composed = compose_record(run["overrides"], conf_dir(), own_dir())
        again = loaded.attacked(**{part: composed.make(part) for part in ADVERSARY}).rows
        told = [row for row in run["rows"] if row["per"] != LEARNING]
        aim = f"objective={run['parts']['objective']['name']}: " if len(runs) > 1 else ""
        found = apart(told, [row for row in again if row.per != LEARNING], tolerance)
        faults += [aim + fault for fault in found]
    return faults
