"""Experiment tracking of a cell: configuration, training curves, metrics and pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vrbench.bench.store import Store
from vrbench.report.identity import unattacked
from vrbench.report.names import label
from vrbench.report.run_records import may_show
from vrbench.trackers.base import Plain, Tracker

CURVES = {"extractors": "curve", "models": "epochs"}  # where a stage's notes hold one
SEARCHES = ("attacks", "disturbances")  # their notes hold a curve of a block
SHOP = ("dataset", "extractor", "recommender")
PARTS = (*SHOP, "attack", "budget", "objective", "threat")
SIDES = {"before": "clean", "after": "attacked", "control": "retrained"}


@contextmanager
def tracked(tracker: Tracker, entry: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Open a run of the experiment tracker, and close it whether the cell fails or not.

    Args:
        tracker: that is told.
        entry: the cell's record, with its parts.
        folder: of the run.
    """
    tracker.begin(_name(entry), _settings(entry), folder)
    failed: str | None = None
    try:
        yield
    except BaseException as error:
        failed = str(error) or type(error).__name__
        raise
    finally:
        tracker.end(failed)


def tell(tracker: Tracker, entry: Mapping[str, Any], store: Store, folder: Path) -> None:
    """Log the results of a cell to the tracker.

    Args:
        tracker: that was begun.
        entry: the cell's record, with its rows.
        store: whose log says what the cell is made of; curves are told from there, so that a
            network that was taught by an earlier run has its curve, too.
        folder: of the run, with its picture. Pictures of data sets that may not be passed on stay
            where they are.
    """
    for name, points in _curves(store):
        for step, point in enumerate(points, start=1):
            for what, value in point.items():
                tracker.number(f"{name}/{what}", value, step)
    for stage in SEARCHES:
        for step, loss in _searched(store, stage):
            tracker.number("attack/loss", loss, step)
    for name, number in _numbers(entry["rows"]):
        if number is not None and math.isfinite(number):
            tracker.number(name, number, 0)
    sheet = folder / "picture.png"
    if sheet.is_file() and may_show(dict(entry)):
        with Image.open(sheet, formats=("PNG",)) as image:
            tracker.picture("clean, attacked, difference", np.asarray(image.convert("RGB")))


def _curves(store: Store) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Yield the curve of everything that was trained: its name, an entry per epoch."""
    seen: dict[str, int] = {}
    for address in dict.fromkeys(step["address"] for step in store.log):
        stage = address.partition("/")[0]
        if stage in CURVES and (points := store.notes_at(address).get(CURVES[stage])):
            seen[stage] = seen.get(stage, 0) + 1
            number = f" {seen[stage]}" if seen[stage] > 1 else ""
            yield f"{stage.removesuffix('s')}{number}", points


def _searched(store: Store, stage: str) -> list[tuple[int, float]]:
    """Return the mean loss over all attacked items by step, from the curves of blocks of them.

    A block whose search was over earlier counts with its last loss.
    """
    addresses = dict.fromkeys(step["address"] for step in store.log)
    told = [store.notes_at(a) for a in addresses if a.partition("/")[0] == stage]
    blocks = [(notes["items"], notes["curve"]) for notes in told if notes.get("curve")]
    steps = sorted({point["step"] for _, points in blocks for point in points})
    return [(step, _mean_loss(blocks, step)) for step in steps]


def _mean_loss(blocks: Sequence[tuple[int, list[dict[str, Any]]]], step: int) -> float:
    """Return the mean loss after a step of blocks, each of so many items and with a curve."""
    now = [(n, [p["loss"] for p in points if p["step"] <= step][-1]) for n, points in blocks]
    return float(sum(n * loss for n, loss in now) / sum(n for n, _ in now))


def _numbers(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float | None]]:
    """Yield the numbers of a result: of an extractor's training once, of all else by side."""
    for row in rows:
        if row["per"] == "extractor":
            yield f"extractor/{row['metric'].removeprefix('extractor ')}", row["after"]
        else:
            yield from ((f"{word}/{row['metric']}", row[side]) for side, word in SIDES.items())


def _name(entry: Mapping[str, Any]) -> str:
    """Return what people call a cell."""
    quiet = unattacked(dict(entry))
    told = [label(entry["parts"][part]) for part in (SHOP if quiet else PARTS)]
    if quiet:
        told.append("nobody attacks")
    return " ".join([*told, f"seed {entry['seed']}"])


def _settings(entry: Mapping[str, Any]) -> dict[str, Plain]:
    """Return every setting by dotted name, the machine, and the overrides that were typed."""
    told: dict[str, Plain] = {"seed": entry["seed"], "extractor_seed": entry["extractor_seed"]}
    for part, made in entry["parts"].items():
        told[part] = made["name"]
        told |= {f"{part}.{key}": value for key, value in made.get("settings", {}).items()}
    told |= {f"machine.{key}": value for key, value in entry["machine"].items()}
    return told | {"overrides": " ".join(entry["overrides"])}
