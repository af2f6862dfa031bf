"""What an audit found, in plain words, tables and pictures: a page that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vrbench.report.leaderboard import left_out
from vrbench.report.pages.page import Head, Picture, Table, Value, embedded, measured, render
from vrbench.report.plots.picture import magnified
from vrbench.report.run_records import Entry, may_show, not_shown
from vrbench.report.tables import change, number

HR, RANK, CHR, ACCURACY = "item HR@20", "rank shift", "CHR@20", "nDCG@20"
SEEN = ("SSIM", "Linf change", "LPIPS", "LPIPS_untrained")
NEAREST = Image.Resampling.NEAREST
GAIN = 16  # factor on the difference of two pictures
GALLERY = 12  # items shown with their pictures
SIDE = 128  # pixels of a picture in the gallery


@dataclass(frozen=True)
class Findings:
    """What the runs of an audit left behind, by the question they answer.

    Attributes:
        categories: by the strongest adversary, one per category: which can be pushed?
        adversaries: on the most exposed category, each with ``adversary`` in words: by whom?
        defences: on the same, by the strongest adversary, who knows the defence: what helps?
        source: the most exposed category.
    """

    categories: list[Entry]
    adversaries: list[Entry]
    defences: list[Entry]
    source: str


def page(found: Findings, title: str, command: str) -> str:
    """Return the report as one HTML document without links to anything outside it.

    Args:
        found: the entries of the audit's sweeps.
        title: of the page.
        command: what makes it again.
    """
    every = [e for e in found.categories if "rows" in e]
    whom = [e for e in found.adversaries if "rows" in e]
    helped = [e for e in found.defences if "rows" in e]
    shop = next(e for e in every if e["case"]["source"] == found.source)
    budget = shop["parts"]["budget"]
    all_entries = [*found.categories, *found.adversaries, *found.defences]
    return render(
        "audit.html",
        ("sortable.min.js",),
        title=title,
        findings=_findings(every, shop, whom, helped),
        setting=f"{shop['parts']['dataset']['name']}, extractor {_name(shop, 'extractor')}, "
        f"recommender {_name(shop, 'recommender')}, budget {budget['name']}",
        categories=_categories(every),
        adversaries=_adversaries(whom),
        defences=_defences(shop, helped),
        items=_items(every),
        gallery=_gallery(every),
        left_out=[*left_out(all_entries), *not_shown(all_entries)],
        made=[("again", command), *_made(shop)],
    )


def gain(entry: Entry) -> tuple[float, float]:
    """Return how far the attacked items come: into more users' lists, and up in their ranks."""
    row = _row(entry, HR)
    return row["after"] - row["before"], _row(entry, RANK)["after"]


def _findings(
    every: Sequence[Entry], shop: Entry, whom: Sequence[Entry], helped: Sequence[Entry]
) -> list[str]:
    """Return what a reader should know, one sentence or two each."""
    hr, budget = _row(shop, HR), shop["parts"]["budget"]
    before = float(np.mean([m["rank_before"] for m in shop["items"] if m["rank_before"]]))
    after = float(np.mean([m["rank_after"] for m in shop["items"] if m["rank_after"]]))
    told = [
        f"Most exposed of {len(every)} categories: {shop['case']['source']}. Whoever knows the "
        f"extractor and the recommender and may change its pictures within {budget['name']} moves "
        f"them from rank {before:.0f} to rank {after:.0f} on average, and into the top 20 of "
        f"{_percent(hr['after'])} of the users instead of {_percent(hr['before'])}."
    ]
    least = min(every, key=gain)
    if len(every) > 1:
        told.append(f"Least exposed: {least['case']['source']}, {_told(least)}.")
    told += [
        f"An adversary who {entry['adversary']}: {_told(entry)}."
        for entry in whom
        if _name(entry, "attack") != _name(shop, "attack")
    ]
    told += _of_defences(shop, helped)
    accuracy = _row(shop, ACCURACY)
    told.append(
        f"The attack itself hardly shows in accuracy: {ACCURACY} {number(accuracy['before'])} "
        f"before, {number(accuracy['after'])} after. Watch ranks of single items, not accuracy."
        if abs(accuracy["after"] - accuracy["before"]) < 0.02 * accuracy["before"]
        else f"The attack moves {ACCURACY} from {number(accuracy['before'])} to "
        f"{number(accuracy['after'])}."
    )
    return told


def _of_defences(shop: Entry, helped: Sequence[Entry]) -> list[str]:
    """Return what the best defence does and costs, and which ones do harm."""
    if not helped:
        return []
    best, without = min(helped, key=gain), f"as the shop is now, {_told(shop)}"
    told = [f"No defence that was tried lowers what an adversary who knows it gains: {without}."]
    if gain(best) < gain(shop):
        cost = change(_row(shop, ACCURACY)["before"], _row(best, ACCURACY)["before"])
        told = [
            f"Against an adversary who knows it, the best defence that was tried is "
            f"{_name(best, 'extractor')}: {_told(best)} ({without}). Clean {ACCURACY} changes by "
            f"{cost}."
        ]
    return told + [
        f"With {_name(entry, 'extractor')} the shop is more exposed than without: {_told(entry)}."
        for entry in helped
        if gain(entry) > gain(shop)
    ]


def _told(entry: Entry) -> str:
    """Return what an attack gains, in words."""
    row = _row(entry, HR)
    top = f"the top 20 of {_percent(row['before'])} -> {_percent(row['after'])} of the users"
    return f"{_row(entry, RANK)['after']:+.0f} places, {top}"


def _categories(every: Sequence[Entry]) -> Table:
    heads = [Head("category", "category"), Head("pictures"), Head(f"{HR} clean"), Head("attacked")]
    heads += [Head("places gained"), Head(f"{CHR} clean"), Head("attacked")]
    lines = []
    for entry in sorted(every, key=gain, reverse=True):
        lines.append(
            [
                Value(entry["case"]["source"], kind="name"),
                measured(entry["case"]["items"]),
                *_pair(entry, HR),
                measured(
                    _row(entry, RANK)["after"], f"{_row(entry, RANK)['after']:+.1f}", "headline"
                ),
                *_pair(entry, CHR),
            ]
        )
    return Table(heads, lines)


def _adversaries(whom: Sequence[Entry]) -> Table:
    seen = [m for m in SEEN if whom and _has(whom[0], m)]
    heads = [Head("who", "who"), Head("attack", "attack"), Head("questions"), Head(f"{HR} clean")]
    heads += [Head("attacked"), Head("places gained"), *map(Head, seen)]
    lines = [
        [
            Value(f"{e['adversary']}", kind="name"),
            Value(_name(e, "attack"), kind="name"),
            measured(_row(e, "queries")["after"]),
            *_pair(e, HR),
            _places(e),
            *(measured(_row(e, m)["after"]) for m in seen),
        ]
        for e in whom
    ]
    return Table(heads, lines)


def _defences(shop: Entry, helped: Sequence[Entry]) -> Table:
    heads = [Head("extractor", "extractor"), Head(f"{HR} clean"), Head("attacked")]
    heads += [Head("places gained"), Head(f"{ACCURACY} clean"), Head("its cost")]
    base = _row(shop, ACCURACY)["before"]
    lines = [
        [
            Value(_name(e, "extractor") + (" (the shop's)" if e is shop else ""), kind="name"),
            *_pair(e, HR),
            _places(e),
            measured(_row(e, ACCURACY)["before"]),
            measured(
                _row(e, ACCURACY)["before"] - base,
                "-" if e is shop else change(base, _row(e, ACCURACY)["before"]),
            ),
        ]
        for e in (shop, *helped)
    ]
    return Table(heads, lines)


def _ranked(every: Sequence[Entry]) -> list[tuple[Entry, dict[str, Any]]]:
    """Return every attacked item, those that come furthest first."""
    found = [(e, m) for e in every for m in e.get("items", []) if m["rank_before"] is not None]

    def far(pair: tuple[Entry, dict[str, Any]]) -> tuple[float, float]:
        item = pair[1]
        return (item["top_before"] - item["top_after"], item["rank_after"] - item["rank_before"])

    return sorted(found, key=far)


def _items(every: Sequence[Entry]) -> Table:
    heads = [Head("item", "item"), Head("category", "category"), Head("rank clean")]
    heads += [Head("attacked"), Head("places gained"), Head("in top 20 clean"), Head("attacked")]
    lines = [
        [
            Value(str(m["item"]), kind="name"),
            Value(e["case"]["source"], kind="name"),
            measured(m["rank_before"], f"{m['rank_before']:.0f}"),
            measured(m["rank_after"], f"{m['rank_after']:.0f}"),
            measured(
                m["rank_before"] - m["rank_after"],
                f"{m['rank_before'] - m['rank_after']:+.0f}",
                "headline",
            ),
            measured(m["top_before"], _percent(m["top_before"])),
            measured(m["top_after"], _percent(m["top_after"])),
        ]
        for e, m in _ranked(every)
    ]
    return Table(heads, lines)


def _gallery(every: Sequence[Entry]) -> list[Picture]:
    """Return the pictures of the items that come furthest; one that is missing is left out."""
    shown = []
    for entry, item in _ranked([e for e in every if may_show(e)])[:GALLERY]:
        folder = Path(entry["folder"]) / "pictures"
        files = [folder / side / f"{item['position']}.png" for side in ("clean", "attacked")]
        if not all(file.is_file() for file in files):
            continue
        told = (
            f"{item['item']} ({entry['case']['source']}): rank {item['rank_before']:.0f} to "
            f"{item['rank_after']:.0f}, top 20 of {_percent(item['top_before'])} to "
            f"{_percent(item['top_after'])} of users"
        )
        shown.append(_strip(files, told))
    return shown


def _strip(files: Sequence[Path], told: str) -> Picture:
    """Return clean, attacked, and their difference around mid-grey, side by side."""
    clean, attacked = (np.asarray(Image.open(f).convert("RGB"), np.float32) / 255 for f in files)
    difference = magnified(clean, attacked, GAIN)
    tiles = [
        Image.fromarray((tile * 255).round().astype(np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.NEAREST
        )
        for tile in (clean, attacked, difference)
    ]
    strip = Image.new("RGB", (3 * SIDE + 8, SIDE), "white")
    for n, tile in enumerate(tiles):
        strip.paste(tile, (n * (SIDE + 4), 0))
    return embedded(strip, f"Clean, attacked, and the difference times {GAIN}: {told}", told)


def _made(shop: Entry) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {v}" for name, v in shop.get("versions", {}).items())
    told = [("seed", str(shop["seed"])), ("versions", versions)]
    told.append(("one cell", "python -m vrbench " + " ".join(shop["overrides"])))
    return told


def _row(entry: Entry, metric: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in entry["rows"] if r["metric"] == metric)
    return found


def _has(entry: Entry, metric: str) -> bool:
    return any(r["metric"] == metric for r in entry["rows"])


def _pair(entry: Entry, metric: str) -> list[Value]:
    row = _row(entry, metric)
    return [measured(row["before"]), measured(row["after"])]


def _places(entry: Entry) -> Value:
    gained = _row(entry, RANK)["after"]
    return measured(gained, f"{gained:+.1f}", "headline")


def _name(entry: Entry, part: str) -> str:
    return str(entry["parts"][part]["name"])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2g} %"
