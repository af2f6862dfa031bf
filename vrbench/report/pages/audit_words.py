"""The audit report in sentences; only differences shown by their intervals are stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vrbench.report.exposure import ACCURACY, Exposed, Gain, enough, gain, percent, relative
from vrbench.report.names import label
from vrbench.report.over_seeds import LEAST
from vrbench.report.pages import audit_fakes
from vrbench.report.pages.audit_findings import Story


def verdict(told: Story) -> str:
    """Return the main finding, in one sentence."""
    found = told.shop.exposure
    if found.interval is None:
        return (
            f"Not told from chance: {told.seeds} of the {LEAST} seeds that an interval needs. "
            f"Measured for {told.shop.name}: {found.told()} percentage points."
        )
    if found.above is True:
        return f"Exposed: {told.shop.name} gains {found.told()} percentage points."
    for one in told.categories:
        if one.exposure.above is True:
            return f"Exposed: {one.name} gains {one.exposure.told()} percentage points."
    for one in (*told.adversaries, *told.fakes):
        if one.exposure.above is True:
            return (
                f"Exposed: an adversary who {one.name} makes {told.shop.name} gain "
                f"{one.exposure.told()} percentage points."
            )
    return f"No exposure is shown: the most is {told.shop.name}, {found.told()} points."


def sentences(told: Story) -> list[str]:
    """Return the findings that matter for a decision."""
    return [
        _most(told),
        *_others(told),
        *_by_whom(told),
        *audit_fakes.sentences(told),
        *_what_helps(told),
        _in_accuracy(told.shop),
    ]


def _most(told: Story) -> str:
    shop = told.shop
    within = _within(label(shop.entry["parts"]["budget"]))
    before, after = (percent(shop.mean("item HR@20", side)) for side in ("before", "after"))
    return (
        f"Most exposed of {len(told.categories)} categories: {shop.name}. {told.words.whoever} "
        f"{within}, brings an attacked item into the top 20 of {after} of the users instead "
        f"of {before}: {shop.exposure.told()} points{_shown(shop.exposure)}."
    )


def _within(budget: str) -> str:
    """Return a budget in words: of grey levels, or by its name."""
    size = budget.removeprefix("linf_")
    return f"within {budget}" if size == budget else f"within {size} of 255 grey levels"


def _others(told: Story) -> list[str]:
    """Return which categories are as exposed, and which are not exposed, as far as is shown."""
    rest = [one for one in told.categories if one is not told.shop]
    if not rest or not enough(told.categories):
        return []
    level = [one for one in rest if told.shop.beyond(one).above is not True]
    nothing = [one for one in told.categories if one.exposure.above is not True]
    return [
        *([f"Not told apart from {told.shop.name}: {_names(level)}."] if level else []),
        *([f"By this adversary no exposure is shown for {_names(nothing)}."] if nothing else []),
    ]


def _by_whom(told: Story) -> list[str]:
    others = [one for one in told.adversaries if one.name != told.first]
    return [
        f"An adversary who {one.name}: {one.exposure.told()} points{_shown(one.exposure)}."
        for one in others
    ]


def _what_helps(told: Story) -> list[str]:
    """Return which defences lower exposure and at what cost, which raise it, which do neither."""
    beside = {one: one.beyond(told.shop) for one in told.defences}
    if not beside:
        return []
    if any(found.interval is None for found in beside.values()):
        return [f"Which defence helps is not told by fewer than {LEAST} seeds."]
    lines = _what_lowers(beside, told.shop)
    if not lines:
        lines = [f"No defence of {len(beside)} that were tried is shown to lower it."]
    harms = [(one, found) for one, found in beside.items() if found.above is True]
    lines += [f"{one.name} raises it: {found.told()} points." for one, found in harms]
    if level := [one for one, found in beside.items() if found.above is None]:
        lines.append(f"Not told apart from the shop as it is: {_names(level)}.")
    return lines


def _what_lowers(beside: Mapping[Exposed, Gain], shop: Exposed) -> list[str]:
    """Return a line for each defence that lowers exposure, the best first."""
    helps = [(one, found) for one, found in beside.items() if found.above is False]
    return [
        f"{one.name} lowers it: {found.told()} points, against an adversary who knows it; "
        f"clean {ACCURACY} {_cost(one.cost(shop))}."
        for one, found in sorted(helps, key=lambda both: both[1].mean)
    ]


def _in_accuracy(shop: Exposed) -> str:
    before, after = shop.values(ACCURACY, "before"), shop.values(ACCURACY, "after")
    both = [seed for seed in before if before[seed]]
    changes = {seed: after[seed] / before[seed] - 1 for seed in both}
    moved = gain(changes, before, after) if both else Gain(0.0, None)
    if moved.above is None:
        change = moved.told(relative)
        return f"No change of {ACCURACY} is told, {change}: watch single items, not accuracy."
    return f"The attack changes {ACCURACY} by {moved.told(relative)}."


def _cost(found: Gain) -> str:
    if found.above is None:
        return f"is not shown to change ({found.told(relative)})"
    return f"changes by {found.told(relative)}"


def _shown(found: Gain) -> str:
    if found.interval is None:
        return ""
    return "" if found.above is True else ", no gain that is shown"


def _names(things: Sequence[Exposed]) -> str:
    return ", ".join(one.name for one in things)
