"""Find what in a shop can be pushed, by whom, and what helps.

Started again, the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrbench.cli import output
from vrbench.cli.composition import Composition
from vrbench.cli.folders import choice_names, conf_dir
from vrbench.cli.overrides import merged, quoted
from vrbench.cli.sweeps import sweep
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.report import writing
from vrbench.report.leaderboard import left_out
from vrbench.report.pages.audit import Findings, gain, page

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
SETTINGS = ("metrics=attacks", "save=[pictures]", "threat=evasion")
WHITE = ("attack=adam", "objective=promote")
ADVERSARIES = {
    "knows everything": WHITE,
    "knows the extractor, sees scores": ("attack=regression", "objective=promote"),
    "sees scores": ("attack=square", "objective=promote"),
    "knows the extractor only": ("attack=pgd", "objective=target_class"),
    "knows nothing (noise)": ("attack=noise", "objective=promote"),
}
OWN = ("attack", "objective", "metrics", "scenario.source", "scenario.max_items")
FRONTS = ("jpeg_75", "bits_4")  # go before any extractor
FAMILY = ("denoised", "adversarial")  # are extractors of a family, such as photos_*


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "overrides", nargs="*", help="as for a run: dataset=folder dataset.path=..."
    )
    parser.add_argument("--categories", type=int, default=8, help="how many to try (8)")
    parser.add_argument("--items", type=int, default=8, help="pictures to attack in each (8)")
    parser.add_argument("--defences", nargs="*", metavar="EXTRACTOR", help="default: those known")
    parser.add_argument("--folder", type=Path, default=Path("runs/audit"), help="of the runs")
    parser.add_argument("--out", type=Path, default=Path("audit.html"), help="the report")


def main(chosen: argparse.Namespace) -> int:
    """Run the audit and write its report; return the exit code."""
    writing.check(chosen.out)
    output.show_progress()
    found = audited(
        chosen.overrides,
        folder=chosen.folder,
        categories=chosen.categories,
        items=chosen.items,
        defences=chosen.defences,
    )
    command = f"python -m vrbench audit {shlex.join(chosen.given)}"
    output.put(chosen.out, page(found, "How exposed is this shop?", command))
    every = (*found.categories, *found.adversaries, *found.defences)
    return output.failed([entry["error"] for entry in every if "error" in entry])


def audited(
    overrides: Sequence[str],
    *,
    folder: Path,
    categories: int,
    items: int,
    defences: Sequence[str] | None,
) -> Findings:
    """Run the audit's sweeps and return what they left behind.

    Args:
        overrides: as for a run; a dataset at least.
        folder: of the runs; started again, what the store has is not made again.
        categories: most categories to try, those with most items first.
        items: most pictures to attack in each.
        defences: extractors to compare; None: what there is for the shop's.

    Raises:
        ConfigError: if the command is wrong.
        IncompatibleError: if the shop has no two categories with enough items, or cannot be
            attacked.
    """
    clash = [o for o in overrides if o.partition("=")[0] in OWN]
    if clash:
        raise ConfigError(f"an audit tries several adversaries: leave out {', '.join(clash)}")
    composition = Composition(list(overrides), conf_dir())
    dataset = composition.make("dataset")
    smallest = composition.make("scenario").min_items
    names = _largest(dataset.catalogue.names, dataset.catalogue.categories, smallest, categories)
    if len(names) < 2:
        raise IncompatibleError(
            f"fewer than two categories have {smallest} items or more; lower scenario.min_items"
        )
    whole = [*SETTINGS, *overrides, f"scenario.max_items={items}"]
    log.info("which of %d categories can be pushed?", len(names))
    listed = ",".join(map(quoted, names))
    every = sweep([*whole, *WHITE, f"scenario.source={listed}"], folder / "categories")
    if not any("rows" in entry for entry in every):
        raise IncompatibleError("; ".join(left_out(every)))
    source = max((e for e in every if "rows" in e), key=gain)["case"]["source"]
    chosen = [*whole, f"scenario.source={quoted(source)}"]
    log.info("by whom can %s be pushed?", source)
    whom = [
        entry | {"adversary": name}
        for n, (name, settings) in enumerate(ADVERSARIES.items())
        for entry in sweep([*chosen, *settings], folder / "adversaries" / str(n))
    ]
    log.info("which defence helps?")
    shop = composition.choices["extractor"]
    named = _defences(shop) if defences is None else [[name] for name in defences]
    known = [*chosen, *WHITE]
    helped = [
        entry
        for n, (name, *more) in enumerate(named)
        for entry in sweep(
            merged(_behind(known) if more else known, [f"extractor={name}", *more]),
            folder / "defences" / str(n),
        )
    ]
    return Findings(every, whom, helped, source)


def _largest(names: Sequence[str], labels: Tensor, smallest: int, most: int) -> list[str]:
    """Return the categories with most items, the largest first."""
    counts = labels.bincount(minlength=len(names)).tolist()
    size = dict(zip(names, counts, strict=True))
    large = [name for name in names if size[name] >= max(smallest, 1)]
    return sorted(large, key=lambda name: (-size[name], name))[:most]


def _behind(overrides: Sequence[str]) -> list[str]:
    """Return settings as they are called once the shop's extractor stands behind another."""
    return [re.sub(r"^(extractor@)?extractor\.", r"\1extractor.inner.", o) for o in overrides]


def _defences(shop: str) -> list[list[str]]:
    """Return the settings of every defence there is for the extractor ``shop``."""
    there = choice_names("extractor", conf_dir())
    family = shop.removesuffix("standard")
    found = [
        [f"{family}{front}"]
        if f"{family}{front}" in there
        else [front, f"extractor@extractor.inner={shop}"]
        for front in FRONTS
        if front != shop
    ]
    return found + [[f"{family}{name}"] for name in FAMILY if f"{family}{name}" in there]
