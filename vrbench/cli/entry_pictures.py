"""Submitted attacks: entries of attacked pictures, upon the shop of another entry."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.imported import Imported
from vrbench.attacks.picture_files import size_of, source_of
from vrbench.bench.case import resolve
from vrbench.cli import cell_record
from vrbench.cli.axes import name_of
from vrbench.cli.commands.check import apart
from vrbench.cli.entries import Loaded, axis_of, but_attack, entries_folder, limits, load
from vrbench.cli.entry_folder import (
    ADVERSARY,
    PICTURES,
    ROWS,
    TABLE,
    Card,
    find,
    read_card,
    read_runs,
)
from vrbench.cli.entry_making import LEARNING, check_empty, write_card
from vrbench.core.errors import DataError, VRBenchError
from vrbench.report.grid import cells
from vrbench.report.identity import told_apart
from vrbench.report.run_records import Entry, record
from vrbench.report.tables import number
from vrbench.report.worst_case import worst
from vrbench.threats.experiment import Experiment

ATTACK = "imported"
JUDGED = (
    "item HR@",
    "attacked HR@",
    "rank shift",
)  # metrics that an entry is judged by, as they begin


def make_pictures(
    pictures: Path,
    to: Path,
    *,
    attacks: str,
    budget: str | None,
    objective: str | None,
    name: str,
    by: str,
    licence: str,
    paper: str = "",
) -> Card:
    """Write attacked pictures as a new entry, with what they do to the shop of another entry.

    Args:
        pictures: a folder of ``POSITION.png``, or a ``.parquet`` file, as ``Imported`` reads them.
        to: a new folder.
        attacks: the entry whose items they show.
        budget, objective: within which they stay, and their aim; None: as that entry was run.
        name, by, licence, paper: of the card.

    Raises:
        ConfigError: if the folder is not empty, or there is no such entry or choice.
        DataError: if pictures are missing, of another size or over the budget, or may not be
            passed on; one line.
    """
    check_empty(to)
    shop = load(attacks)
    if shop.card.attacks:
        raise DataError(f"{attacks} is pictures: name the entry that they attack")
    if not shop.dataset.catalogue.redistributable:
        raise DataError(f"pictures of {attacks} may not be redistributed: none are submitted")
    told = {"budget": budget, "objective": objective}
    overrides = _under(shop.card.overrides, {n: o for n, o in told.items() if o is not None})
    theirs = limits(overrides)
    card = Card(
        name=name, by=by, licence=licence, overrides=overrides, paper=paper, attacks=attacks
    )
    loaded = replace(shop, card=card, parts=shop.parts | theirs)
    if faults := faults_of(pictures, loaded):
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        raise DataError(faults[0] + more)
    to.mkdir(parents=True, exist_ok=True)
    _copy(pictures, to, loaded)
    loaded.parts["attack"] = Imported(path=str(to))
    run = _run(attacks)
    rows = [asdict(row) for row in loaded.attacked().rows if row.per != LEARNING]
    (to / ROWS).write_text(record([_record(run, loaded) | {"rows": rows}]), encoding="utf-8")
    return write_card(to, card)


def _under(overrides: Sequence[str], chosen: dict[str, str]) -> list[str]:
    """Return a shop's command line under imported pictures, and a budget and aim where given."""
    changed = {"attack": ATTACK, **chosen}
    kept = [o for o in overrides if axis_of(o) not in changed]
    return [*kept, *(f"{axis}={choice}" for axis, choice in changed.items())]


def _run(attacked: str) -> Entry:
    """Return the run of an entry that its card is about.

    Raises:
        DataError: if there is none.
    """
    folder = find(attacked, entries_folder())
    card = read_card(folder)
    for run in read_runs(folder):
        if run.get("overrides") == card.overrides:
            return run
    raise DataError(f"{folder / ROWS} is of another command line than the card's")


def _record(run: Entry, loaded: Loaded) -> Entry:
    """Return the record of attacked pictures: the shop's own but for attack, budget and aim."""
    card = loaded.card
    composed = but_attack(card.overrides)
    parts: dict[str, Any] = {n: dict(told) for n, told in run["parts"].items()}
    names = {part: name_of(part, composed.choices) for part in ADVERSARY} | {"attack": ATTACK}
    parts |= {part: {"name": choice, "changed": {}} for part, choice in names.items()}
    parts["attack"]["changed"] = {"path": card.name}
    entry: Entry = {"parts": parts}
    cell_record.add_parts(entry, composed.cfg, loaded.parts)
    told = run | entry | {"overrides": card.overrides, "versions": cell_record.versions()}
    plain: Entry = json.loads(json.dumps(told))  # as it is read back
    return plain


def _copy(pictures: Path, to: Path, loaded: Loaded) -> None:
    """Write the pictures of the attacked items: a table as it is, files one by one."""
    if pictures.suffix == ".parquet":
        shutil.copyfile(pictures, to / TABLE)
        return
    (to / PICTURES).mkdir()
    source = source_of(pictures, None)
    for item in _items(loaded).tolist():
        pixels = (source.picture(item) * 255).round().byte().permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        (to / PICTURES / f"{item}.png").write_bytes(file.getvalue())


def _items(loaded: Loaded) -> Tensor:
    """Return the positions of the items that are attacked, ``(n,)``."""
    x = Experiment(**loaded.parts)
    case = resolve(loaded.session, x, loaded.world, loaded.metrics)
    assert case is not None  # None in dry runs alone
    return case.items


def faults_of(pictures: Path, loaded: Loaded) -> list[str]:
    """Return one line for every picture that is refused, and one if there are others.

    A picture is refused that is missing, unreadable, of another size, or over the budget.
    """
    source, budget, items = source_of(pictures, None), loaded.parts["budget"], _items(loaded)
    if not isinstance(budget, Budget):
        return ["pictures go with a budget of pictures, such as linf_8"]
    clean = loaded.dataset.catalogue.images[items]
    told = [
        fault
        for item, before in zip(items.tolist(), clean.cpu(), strict=True)
        if (fault := _fault(source, item, before, budget))
    ]
    others = sorted(set(getattr(source, "files", ())) - set(items.tolist()))
    if others:
        told.append(f"pictures of items that are not attacked, such as {others[0]}: take them out")
    return told


def _fault(source: Any, item: int, clean: Tensor, budget: Budget) -> str:
    """Return what is wrong with the picture of an item; "": nothing."""
    try:
        found = source.picture(item)
    except VRBenchError as reason:
        return str(reason)
    which = f"the picture of the item at position {item}"
    if found.shape != clean.shape:
        return f"{which} is {size_of(found)}, and the catalogue's is {size_of(clean)}"
    pair = (found[None] * 255).round() / 255, clean[None]
    if float(budget.excess(*pair)) <= 0:
        return ""
    spent = float(budget.spent(*pair))
    return f"{which} is over the budget: it spends {spent:.3g}, and eps is {budget.eps:g}"


def refused_pictures(
    folder: Path, runs: Sequence[Entry], store: Path, tolerance: float
) -> list[str]:
    """Return why an entry of attacked pictures is refused; empty: it is accepted.

    Raises:
        VRBenchError: if it, or the entry that it attacks, cannot be loaded.
    """
    if len(runs) != 1:
        return [f"{ROWS} has {len(runs)} runs, and pictures are of one"]
    (told,), loaded = runs, load(folder, store=store)
    if faults := faults_of(folder, loaded):
        return faults
    expected = _record(_run(loaded.card.attacks), loaded)
    wrong = [n for n in ("parts", "seed", "extractor_seed", "case") if told.get(n) != expected[n]]
    if wrong:
        return [f"{ROWS}: {', '.join(wrong)}: other than {loaded.card.attacks} and the card say"]
    again = [row for row in loaded.attacked().rows if row.per != LEARNING]
    return apart(told["rows"], again, tolerance)


def judged(folder: Path) -> list[str]:
    """Return what the worst of an entry's runs does, a line a metric and budget.

    Of pictures, among what was already run against the entry that they attack.
    """
    card, runs = read_card(folder), read_runs(folder)
    if card.attacks:
        runs += read_runs(find(card.attacks, entries_folder()))
    columns = dict.fromkeys(row["metric"] for run in runs for row in run["rows"])
    metrics = [column for begin in JUDGED for column in columns if column.startswith(begin)]
    grid = cells(told_apart(runs))
    return [_told(metric, found) for metric in metrics for found in worst(grid, metric)]


def _told(metric: str, found: Any) -> str:
    where, before = found.cell.where, found.cell.mean(metric, "before")
    after = found.cell.mean(metric, "after")
    moved = number(after) if before is None else f"{number(before)} to {number(after)}"
    by = f"{where['attack']}, objective={where['objective']}"
    return f"{metric} within {where['budget']}: {moved} by {by}; the worst of {len(found.among)}"
