"""The part of an audit about fake profiles: tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from vrbench.report.exposure import (
    REACH,
    Exposed,
    Gain,
    gain,
    percent,
    places,
    points,
    row_of,
)
from vrbench.report.names import label
from vrbench.report.pages.audit_findings import Story
from vrbench.report.pages.audit_pictures import gained, ranked
from vrbench.report.pages.page import Head, Table, Value, measured

AUC, FOUND, LOST = "detection AUC", "fakes found", "honest users lost"


def table(told: Story, exposure: Sequence[Head], shown: Sequence[Sequence[Value]]) -> Table:
    """Return one line for each way of registering fake users.

    Args:
        told: the story.
        exposure: heads of the columns that every table of the page has.
        shown: their values, a line each.
    """
    heads = [Head("who", "who"), Head("attack", "attack"), *exposure]
    heads += [Head("chosen by chance"), Head("95 % interval"), Head(AUC), Head(FOUND), Head(LOST)]
    lines = []
    for one, values in zip(told.fakes, shown, strict=True):
        chance = by_chance(one)
        lines.append(
            [
                Value(one.name, kind="name wrapped"),
                Value(label(one.entry["parts"]["attack"]), kind="name tight"),
                *values,
                measured(chance.mean, points(chance.mean)) if chance else measured(None),
                Value(chance.ends() if chance else "-"),
                measured(one.mean(AUC, "after")),
                measured(one.mean(FOUND, "after"), percent(one.mean(FOUND, "after"))),
                measured(one.mean(LOST, "after"), percent(one.mean(LOST, "after"))),
            ]
        )
    return Table(heads, lines)


def items(told: Story) -> Table:
    """Return every attacked item of the first seed: what pictures and what fake users gain it."""
    pushed = {str(i["item"]): i for _, i in ranked([told.fakes[0].entry])} if told.fakes else {}
    own = f"by its {told.words.thing}"
    heads = [Head("item", "item"), Head("clean"), Head(own), Head("by fake users")]
    heads += [Head("rank clean"), Head(f"places {own}"), Head("places by fake users")]
    lines = []
    for _, item in ranked([told.shop.entry]):
        other = pushed.get(str(item["item"]))
        if other is None:
            continue
        first, second = (i["rank_before"] - i["rank_after"] for i in (item, other))
        lines.append(
            [
                Value(str(item["item"]), kind="name"),
                measured(item["top_before"], percent(item["top_before"])),
                measured(gained(item), points(gained(item)), "headline"),
                measured(gained(other), points(gained(other))),
                measured(item["rank_before"], f"{item['rank_before']:.0f}"),
                measured(first, places(first)),
                measured(second, places(second)),
            ]
        )
    return Table(heads, lines)


def sentences(told: Story) -> list[str]:
    """Return the effect of fake profiles, and how well a detector finds them, in sentences."""
    return [line for one in told.fakes for line in _of(one)]


def _of(one: Exposed) -> list[str]:
    chance, found = by_chance(one), one.mean(FOUND, "after")
    beside = f"; as many who chose their items by chance: {chance.told()}" if chance else ""
    shown = "" if one.exposure.above is True else ", no gain that is shown"
    lines = [f"An adversary who {one.name}: {one.exposure.told()} points{shown}{beside}."]
    if found is not None:
        lines.append(
            f"That detector finds {percent(found)} of the fake users, and leaves out "
            f"{percent(one.mean(LOST, 'after'))} of the real ones with them."
        )
    return lines


def by_chance(one: Exposed) -> Gain | None:
    """Return the exposure gained by as many random fake profiles; None if not measured."""
    rows = {entry["seed"]: row_of(entry, REACH) for entry in one.entries}
    found = {
        seed: row["random"] - row["before"]
        for seed, row in rows.items()
        if row and row.get("random") is not None and row["before"] is not None
    }
    return gain(found) if found else None
