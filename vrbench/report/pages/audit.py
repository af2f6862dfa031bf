"""The audit report as a self-contained HTML page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from vrbench.core.plurals import how_many
from vrbench.report import plots
from vrbench.report.exposure import (
    ACCURACY,
    RANK,
    REACH,
    Exposed,
    percent,
    places,
    points,
    relative,
)
from vrbench.report.names import label
from vrbench.report.pages import audit_fakes
from vrbench.report.pages.audit_findings import Findings, Story, source_of, story
from vrbench.report.pages.audit_kinds import asked, questions
from vrbench.report.pages.audit_pictures import GAIN, gained, gallery, ranked
from vrbench.report.pages.audit_words import sentences, verdict
from vrbench.report.pages.page import Head, Table, Value, filled, measured, render
from vrbench.report.plots.exposure import intervals
from vrbench.report.run_records import Entry, moving, not_shown

SEEN = ("SSIM", "Linf change", "LPIPS", "LPIPS_untrained")
EXPOSURE = [Head("exposure"), Head("95 % interval"), Head("clean"), Head("attacked")]


def page(found: Findings, title: str, command: str, limit: str = "") -> str:
    """Return the report as one HTML document without links to anything outside it.

    Args:
        found: the runs of the audit.
        title: of the page.
        command: what makes it again.
        limit: what became of a threshold that was asked for, in a sentence.
    """
    told = story(found)
    shop = told.shop.entry["parts"]
    panels = {
        f"Categories, by who {told.first}": told.categories,
        f"By whom: {told.shop.name}": told.adversaries,
        f"By fake users: {told.shop.name}": told.fakes,
        f"Behind a defence: {told.shop.name}": told.defences,
    }
    runs = [entry for entry in found.categories if "rows" in entry]
    first = [entry for entry in runs if entry["seed"] == told.shop.entry["seed"]]
    return render(
        "audit.html",
        ("sortable.min.js",),
        title=title,
        verdict=verdict(told),
        limit=limit,
        findings=sentences(told),
        words=told.words,
        first=told.first,
        asked=questions(asked(found.every, found.timed)),
        setting=f"{label(shop['dataset'])}, extractor {label(shop['extractor'])}, recommender "
        f"{label(shop['recommender'])}, budget {label(shop['budget'])}, "
        f"{how_many(told.seeds, 'seed')}",
        plot=plots.svg(
            intervals({name: of for name, of in panels.items() if of}),
            "Exposure with its 95 % intervals; the tables below say the same in numbers",
        ),
        categories=filled(_categories(told)),
        adversaries=filled(_adversaries(told)),
        fakes=filled(audit_fakes.table(told, EXPOSURE, [_exposure(one) for one in told.fakes])),
        beside=audit_fakes.items(told),
        defences=filled(_defences(told)),
        items=_items(first),
        gallery=gallery(first),
        gain=GAIN,
        repeat=_repeat(told),
        left=[*told.words.left, *found.left, *not_shown(found.every)],
        made=[("again", command), *_made(told)],
    )


def _categories(told: Story) -> Table:
    heads = [Head("category", "category"), Head(f"{told.words.thing}s"), *EXPOSURE]
    heads += [Head("places gained")]
    lines = [
        [
            Value(one.name, kind="name"),
            measured(one.entry["case"]["items"]),
            *_exposure(one),
            _places(one),
        ]
        for one in told.categories
    ]
    return Table(heads, lines)


def _adversaries(told: Story) -> Table:
    seen = [m for m in SEEN if any(one.mean(m, "after") is not None for one in told.adversaries)]
    heads = [Head("who", "who"), Head("knows", "knows"), Head("attack", "attack")]
    heads += [Head("gradients"), Head("questions"), *EXPOSURE, *map(Head, seen)]
    lines = [
        [
            Value(one.name, kind="name wrapped"),
            Value(one.entry["knows"], kind="name wrapped"),
            Value(label(one.entry["parts"]["attack"]), kind="name tight"),
            measured(one.entry["cost"]["gradients"]),
            measured(one.mean("queries", "after")),
            *_exposure(one),
            *(measured(one.mean(m, "after")) for m in seen),
        ]
        for one in told.adversaries
    ]
    return Table(heads, lines)


def _defences(told: Story) -> Table:
    heads = [Head("extractor", "extractor"), *EXPOSURE, Head("more than the shop's")]
    heads += [Head("95 % interval"), Head(f"clean {ACCURACY}"), Head("its change")]
    heads += [Head("95 % interval")]
    if not told.defences:
        return Table(heads, [])
    shop = told.shop
    now = Value(f"{label(shop.entry['parts']['extractor'])} (the shop's)", kind="name")
    lines = [[now, *_exposure(shop), *[measured(None)] * 2, _accuracy(shop), *[measured(None)] * 2]]
    for one in told.defences:
        beside, cost = one.beyond(shop), one.cost(shop)
        lines.append(
            [
                Value(one.name, kind="name"),
                *_exposure(one),
                measured(beside.mean, points(beside.mean)),
                Value(beside.ends()),
                _accuracy(one),
                measured(cost.mean, relative(cost.mean)),
                Value(cost.ends(relative)),
            ]
        )
    return Table(heads, lines)


def _items(runs: Sequence[Entry]) -> Table:
    heads = [Head("item", "item"), Head("category", "category"), Head("exposure"), Head("clean")]
    heads += [Head("attacked"), Head("rank clean"), Head("attacked"), Head("places gained")]
    lines = [
        [
            Value(str(item["item"]), kind="name"),
            Value(source_of(run), kind="name"),
            measured(gained(item), points(gained(item)), "headline"),
            measured(item["top_before"], percent(item["top_before"])),
            measured(item["top_after"], percent(item["top_after"])),
            measured(item["rank_before"], f"{item['rank_before']:.0f}"),
            measured(item["rank_after"], f"{item['rank_after']:.0f}"),
            measured(
                item["rank_before"] - item["rank_after"],
                places(item["rank_before"] - item["rank_after"]),
            ),
        ]
        for run, item in ranked(runs)
    ]
    return Table(heads, lines)


def _repeat(told: Story) -> Table:
    """Return one line for everything that was measured, with the command that measures it."""
    groups = {"category": told.categories, "by whom": told.adversaries}
    groups |= {"fake users": told.fakes, "defence": told.defences}
    lines = [
        [
            Value(question, kind="name"),
            Value(one.name, kind="name tight"),
            measured(one.exposure.mean, points(one.exposure.mean), "headline"),
            Value(_by_seed(one), kind="name tight"),
            Value(_command(one), kind="name code"),
        ]
        for question, things in groups.items()
        for one in things
    ]
    heads = [Head("question", "question"), Head("of", "of"), Head("exposure")]
    return Table([*heads, Head("by seed", "seeds"), Head("command", "command")], lines)


def _by_seed(one: Exposed) -> str:
    return ", ".join(f"{seed}: {points(value)}" for seed, value in sorted(one.by_seed().items()))


def _command(one: Exposed) -> str:
    """Return what measures it again, as a shell takes it."""
    seeds = ",".join(str(entry["seed"]) for entry in one.entries)
    kept = [o for o in moving(one.entry["overrides"]) if not o.startswith("seed=")]
    many = ["-m"] if len(one.entries) > 1 else []
    return shlex.join(["python", "-m", "vrbench", *many, *kept, f"seed={seeds}"])


def _made(told: Story) -> list[tuple[str, str]]:
    shop = told.shop
    versions = ", ".join(f"{name} {v}" for name, v in shop.entry.get("versions", {}).items())
    seeds = ", ".join(str(entry["seed"]) for entry in shop.entries)
    return [("seeds", seeds), ("versions", versions)]


def _exposure(one: Exposed) -> list[Value]:
    found, ends = one.exposure, one.exposure.interval
    before, after = one.mean(REACH, "before"), one.mean(REACH, "after")
    return [
        measured(found.mean, points(found.mean), "headline"),
        measured(ends.low if ends else None, found.ends()),
        measured(before, percent(before)),
        measured(after, percent(after)),
    ]


def _accuracy(one: Exposed) -> Value:
    return measured(one.mean(ACCURACY, "before"))


def _places(one: Exposed) -> Value:
    found = one.mean(RANK, "after")
    return measured(found, places(found))
