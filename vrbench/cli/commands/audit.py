"""Find what in a shop can be pushed, by whom, and what helps.

Writes a page and, beside it, the same numbers as JSON. Started again, the same command goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vrbench.cli import output
from vrbench.cli.audit_kinds import QUERIES, Kind, kind_of, requests
from vrbench.cli.audit_plan import (
    DETECTORS,
    Adversary,
    behind,
    by_fakes,
    defences,
    expected,
    largest,
    placed,
)
from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir
from vrbench.cli.overrides import merged, quoted
from vrbench.cli.pace import Pace
from vrbench.cli.pairs import what_helps
from vrbench.cli.stage_watch import PACED, watched
from vrbench.cli.sweeps import LOG, sweep
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.plurals import how_many
from vrbench.core.progress import duration
from vrbench.data.dataset import Dataset
from vrbench.report import writing
from vrbench.report.exposure import exposed, points
from vrbench.report.leaderboard import left_out
from vrbench.report.pages.audit import page
from vrbench.report.pages.audit_findings import Findings, source_of, story
from vrbench.report.pages.audit_lists import lists_page, lists_record
from vrbench.report.pages.audit_record import record
from vrbench.report.run_records import Entry

log = logging.getLogger(__name__)
OWN = ("attack", "objective", "metrics", "scenario.source", "scenario.max_items", "seed")
TITLE = "How exposed is this shop?"
ABOVE = 3  # exit code of a shop that is more exposed than it may be


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "overrides", nargs="*", default=[], help="as for a run: dataset=folder dataset.path=..."
    )
    parser.add_argument("--categories", type=int, default=8, help="how many to try (8)")
    parser.add_argument("--items", type=int, default=8, help="pictures to attack in each (8)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each; intervals need 3 (3)")
    parser.add_argument(
        "--queries",
        type=int,
        help=f"most questions a picture, of recommender=external ({QUERIES})",
    )
    parser.add_argument("--defences", nargs="*", metavar="EXTRACTOR", help="default: those known")
    parser.add_argument(
        "--fakes",
        type=float,
        default=1.0,
        metavar="PERCENT",
        help="fake users, of the real ones, that push the most exposed items; 0: none (1)",
    )
    parser.add_argument(
        "--fail-above",
        type=float,
        metavar="POINTS",
        help=f"exit with {ABOVE} if the exposure of anything tried is more, in percentage points",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("runs/audit"),
        help="of the runs, those of each shop in a folder of their own (runs/audit)",
    )
    parser.add_argument("--out", type=Path, help="the report (audit-SHOP.html)")


def main(chosen: argparse.Namespace) -> int:
    """Run the audit and write its report; return the exit code."""
    swallowed = [name for name in chosen.defences or () if "=" in name]  # settings behind it
    if swallowed:
        chosen.defences = [name for name in chosen.defences if name not in swallowed]
    overrides = [*chosen.overrides, *swallowed]
    shop = shop_name(overrides)
    out = chosen.out or Path(f"audit-{shop}.html")
    told = out.with_suffix(".json")
    if told == out:
        raise ConfigError(f"--out {told} names the page; its numbers go beside it, as .json")
    writing.check(out, told)
    output.show_progress()
    found = audited(
        overrides,
        folder=chosen.folder / shop,
        categories=chosen.categories,
        items=chosen.items,
        seeds=chosen.seeds,
        defences_of=chosen.defences,
        fakes=chosen.fakes / 100,
        queries=chosen.queries,
        limited=chosen.fail_above is not None,
    )
    command = f"python -m vrbench audit {shlex.join(chosen.given)}"
    if found.kind == "lists":
        limit, failed = "", False
        shown, numbers = lists_page(found, TITLE, command), lists_record(found, command)
    else:
        limit, failed = _limit(found, chosen.fail_above)
        shown = page(found, TITLE, command, limit)
        numbers = record(found, command, chosen.fail_above)
    output.put(out, shown)
    output.put(told, numbers + "\n")
    if limit:
        log.info("%s", limit)
    errors = [entry["error"] for entry in found.every if "error" in entry]
    return output.failed(errors) or (ABOVE if failed else 0)


def shop_name(overrides: Sequence[str]) -> str:
    """Return what files of a shop's audit are called: its choice, and where it was told to be."""
    composition = Composition([o for o in overrides if _key(o) not in OWN], conf_dir())
    parts = [composition.choices["dataset"]]
    if "dataset.path" in map(_key, overrides):
        parts.append(Path(str(composition.cfg.dataset.path)).resolve().name)
    return "-".join(re.sub(r"[^\w-]+", "_", part).strip("_") for part in parts)


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+")


def audited(
    overrides: Sequence[str],
    *,
    folder: Path,
    categories: int,
    items: int,
    seeds: int,
    defences_of: Sequence[str] | None,
    fakes: float = 0.01,
    queries: int | None = None,
    limited: bool = False,
) -> Findings:
    """Run the audit's sweeps and return what they left behind.

    Args:
        overrides: as for a run; a dataset at least.
        folder: of the runs; started again, what the store has is not made again.
        categories: most categories to try, those with most items first.
        items: most pictures to attack in each.
        seeds: runs of each, that differ in the training of the recommender and in the attack.
        defences_of: extractors to compare; None: what there is for the shop's.
        fakes: fake users, as a share of the real ones; 0: none are tried.
        queries: most questions a picture, of a recommender from outside; None: 100.
        limited: whether exposure is to be compared with a threshold.

    Raises:
        ConfigError: if the command is wrong.
        IncompatibleError: if the shop has no two categories with enough items, or cannot be
            attacked.
    """
    clash = [o for o in overrides if o.partition("=")[0] in OWN]
    if clash:
        raise ConfigError(
            f"an audit tries several adversaries and seeds: leave out {', '.join(clash)}"
        )
    if seeds < 1:
        raise ConfigError(f"--seeds {seeds}: at least one is needed")
    if not 0 <= fakes <= 1:
        raise ConfigError(f"--fakes {100 * fakes:g}: expected 0 to 100 percent")
    composition = Composition(list(overrides), conf_dir())
    kind = kind_of(composition, queries)
    if defences_of and not kind.defended:
        raise ConfigError("--defences go with a network of the shop's own: leave them out")
    if limited and kind.name == "lists":
        raise ConfigError("--fail-above: no attack can be tried on a file of recommendations")
    data = composition.make("dataset")
    shown = data.catalogue.has_pictures or data.catalogue.features is not None
    if not shown and kind.name != "lists":
        raise IncompatibleError(
            f"dataset={composition.choices['dataset']} has no pictures, and an audit changes "
            "pictures: give it a shop that has them (dataset=shop), or features (dataset=features)"
        )
    names, users = _categories(composition, data, categories), data.train.num_users
    if kind.queries is not None:
        most = requests(kind, composition.cfg.recommender, users, len(names), items, seeds)
        log.info(
            "at most %d requests are sent, and if the service fails, sent again up to %d in all; "
            "answers are kept, nothing that was answered is sent twice",
            *most,
        )
    whole = [*kind.settings, *overrides]
    if kind.name == "lists":
        return _listed(whole, names, folder)
    shop = composition.choices["extractor"]
    named = defences(shop) if defences_of is None else [[name] for name in defences_of]
    _warn_of_others(shop, defences_of or ())
    white = kind.adversaries[0].settings
    helps = placed([*overrides, *white], named) if kind.defended else []
    fakes = fakes if kind.trains else 0
    whole.append(f"scenario.max_items={items}")
    many_ways = len(DETECTORS) if fakes else 0
    more = len(names) + len(kind.adversaries) - 1 + many_ways + len(helps)
    log.info(
        "%s: %s, %s; %d cells: %s, %s, %s, %s",
        composition.choices["dataset"],
        how_many(len(data.catalogue), "item"),
        how_many(users, "user"),
        more * seeds,
        how_many(len(names), "category", "categories"),
        how_many(len(kind.adversaries) + many_ways, "adversary", "adversaries"),
        how_many(len(helps), "defence"),
        how_many(seeds, "seed"),
    )
    log.info(
        "one cell first, which makes what all others share; how long it takes nobody knows yet, "
        "only what is left of a training; then it tells how long the others take:"
    )
    one = [*whole, *white, f"scenario.source={quoted(names[0])}", "seed=0", PACED]
    with watched(Path(composition.cfg.store), folder / "first" / LOG):
        first = _told(sweep(one, folder / "first"))
    cells = expected(first[0], len(names), kind.adversaries, len(helps), seeds, many_ways)
    pace = _pace(*cells)
    many = [*whole, f"seed={','.join(map(str, range(seeds)))}"]
    scenario = composition.choices["scenario"]
    with pace.shown():
        found = _asked(kind, many, names, helps, fakes, scenario, folder, pace.step)
    return replace(found, timed=first)


def _warn_of_others(shop: str, names: Sequence[str]) -> None:
    """Say which defences protect another network where there is one that protects the shop's."""
    own = {name for name, *_ in defences(shop)}
    for name in names:
        if name not in own and (better := shop.removesuffix("standard") + name) in own:
            log.warning(
                "--defences %s: of another network than extractor=%s, so a difference may be the "
                "network's; %s is of the same",
                name,
                shop,
                better,
            )


def _listed(whole: Sequence[str], names: Sequence[str], folder: Path) -> Findings:
    """Return how exposed categories are now, where nothing answers to a changed picture."""
    log.info("how exposed are %d categories now?", len(names))
    listed = ",".join(map(quoted, names))
    every = _told(sweep([*whole, f"scenario.source={listed}", "seed=0"], folder / "categories"))
    return Findings(every, [], [], names[0], kind="lists")


def _told(entries: list[Entry]) -> list[Entry]:
    """Return the runs; raise, saying why, if none of them measured anything."""
    if not any("rows" in entry for entry in entries):
        raise IncompatibleError("; ".join(left_out(entries)))
    return entries


def _asked(
    kind: Kind,
    whole: Sequence[str],
    names: Sequence[str],
    helps: Sequence[tuple[bool, Sequence[str]]],
    fakes: float,
    scenario: str,
    folder: Path,
    step: Callable[[], None],
) -> Findings:
    """Ask the four questions, one after the other; of what cannot be trained, two."""
    log.info("which of %d categories can be pushed?", len(names))
    listed = ",".join(map(quoted, names))
    one, *others = kind.adversaries
    asked = [*whole, *one.settings, f"scenario.source={listed}"]
    every = _told(sweep(asked, folder / "categories", step))
    source = exposed(every, source_of)[0].name
    chosen = [*whole, f"scenario.source={quoted(source)}"]
    log.info("by whom can %s be pushed?", source)
    whom = _by_whom([e for e in every if e.get("case", {}).get("source") == source], one)
    for n, adversary in enumerate(others, start=1):
        found = sweep([*chosen, *adversary.settings], folder / "adversaries" / str(n), step)
        whom += _by_whom(found, adversary)
    registered = _registered(chosen, fakes, scenario, folder / "fakes", step) if fakes else []
    if helps:
        log.info("which defence helps?")
    known = [*chosen, *one.settings]
    helped = [
        entry
        for n, (inside, own) in enumerate(helps)
        for entry in sweep(
            merged(behind(known) if inside else known, own),
            folder / "defences" / str(n),
            step,
        )
    ]
    return Findings(every, whom, helped, source, registered, kind.name)


def _registered(
    chosen: Sequence[str], share: float, scenario: str, folder: Path, step: Callable[[], None]
) -> list[Entry]:
    """Return the runs in which fake users push the same items."""
    log.info("can fake users push them?")
    return [
        entry | {"adversary": name}
        for n, (name, settings) in enumerate(by_fakes(chosen, share, scenario).items())
        for entry in sweep(settings, folder / str(n), step)
    ]


def _categories(composition: Composition, data: Dataset, most: int) -> list[str]:
    """Return the categories to try."""
    catalogue, scenario = data.catalogue, composition.make("scenario")
    if scenario.labels != "catalogue":
        raise ConfigError(
            f"an audit tries the catalogue's categories: leave out scenario.labels="
            f"{scenario.labels} (scenario={composition.choices['scenario']})"
        )
    smallest = scenario.min_items
    names = largest(catalogue.names, catalogue.categories, smallest, most)
    if len(names) < 2:
        raise IncompatibleError(
            f"fewer than two categories have {smallest} items or more"
            f"{what_helps(len(catalogue.names), smallest)}"
        )
    return names


def _pace(cells: Sequence[float], measured: bool) -> Pace:
    """Return a pace for the cells that follow, and say how long they will take."""
    taking = f"{duration(sum(cells))}, " if measured else ""
    log.info("%d cells: %swhat the store has is not made again", len(cells), taking)
    return Pace(cells, seconds=measured)


def _by_whom(entries: Sequence[Entry], who: Adversary) -> list[Entry]:
    """Return runs, each saying who attacked, and what they know and spend."""
    cost = who.cost()
    spent = {"gradients": cost[1] if cost else None}
    return [entry | {"adversary": who.name, "knows": who.knows, "cost": spent} for entry in entries]


def _limit(found: Findings, above: float | None) -> tuple[str, bool]:
    """Return what became of a threshold, in words, and whether it was passed."""
    if above is None:
        return "", False
    worst = story(found).worst
    measured = 100 * worst.exposure.mean
    failed = measured > above
    word = "Above" if failed else "Within"
    told = (
        f"{word} the limit of {above:g} points: in the mean at most {points(worst.exposure.mean)}"
    )
    return f"{told} ({worst.name}).", failed
