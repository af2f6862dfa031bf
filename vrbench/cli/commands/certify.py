"""Say what can be promised: changes of features that push no item.

For items of the scenario's source, one at a time: up to which length of a change of its features
an item cannot enter the first k of more than a share of users, exactly where scores are linear in
features (VBPR, AMR, FM, DeepStyle), and by randomised smoothing with --sigma; beside the worst that
attacks find at that length. Lengths are in units of the largest absolute feature, as in
budget=rows_10.
"""

from __future__ import annotations

import argparse
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from vrbench.cli import output
from vrbench.core.errors import ConfigError
from vrbench.report import writing
from vrbench.report.tables import number

if TYPE_CHECKING:
    from vrbench.bench.certification import Certified, Promise
    from vrbench.report.plots.curves import Curve
    from vrbench.threats.certificates.smoothing import Smoothing

log = logging.getLogger(__name__)
ASKED = ("dataset", "extractor", "recommender", "scenario")
AROUND = ("threat=vector", "attack=pgd", "budget=rows_10", "objective=promote")
RADIUS = "radius"
POINTS = 12  # of a curve
BOUND, SMOOTHED, STANDS, STANDS_SMOOTHED = (
    "certified exactly",
    "certified by smoothing",
    "no attack succeeds",
    "no attack succeeds (smoothed shop)",
)
Line = dict[float, list[float]]  # by radius: one number a seed


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "overrides", nargs="*", default=[], help="as for a run: dataset=... recommender=..."
    )
    parser.add_argument("--k", type=int, default=20, help="length of the lists (20)")
    parser.add_argument(
        "--share", type=float, default=0.01, help="of users that an item may reach (0.01)"
    )
    parser.add_argument("--radii", nargs="+", type=float, metavar="R", help="default: twelve")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of the recommender (1)")
    smoothing = parser.add_argument_group("randomised smoothing", "only with --sigma")
    smoothing.add_argument("--sigma", type=float, help="of the noise, in the unit of the lengths")
    smoothing.add_argument("--draws", type=int, default=1000, help="noisy copies an item (1000)")
    smoothing.add_argument(
        "--alpha", type=float, default=0.001, help="chance that an item's is wrong (0.001)"
    )
    parser.add_argument("--steps", type=int, default=50, help="of each attack (50)")
    parser.add_argument(
        "--per-item", action="store_true", help="print a line an item, and attack nothing"
    )
    parser.add_argument("--picture", type=Path, help="draw a PNG, SVG or PDF")
    output.with_format(parser)


def main(chosen: argparse.Namespace) -> int:
    """Certify and attack features; print the table; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    if chosen.seeds < 1 or chosen.steps < 1:
        raise ConfigError("expected --seeds and --steps of at least 1")
    if chosen.per_item and (chosen.seeds > 1 or chosen.picture):
        raise ConfigError("--per-item is one table of one seed: no --seeds, no --picture")
    output.show_progress()
    from vrbench.bench.certification import Promise
    from vrbench.threats.certificates.smoothing import Smoothing

    promise = Promise(k=chosen.k, share=chosen.share)
    smoothing = None
    if chosen.sigma is not None:
        smoothing = Smoothing(sigma=chosen.sigma, draws=chosen.draws, alpha=chosen.alpha)
    if chosen.per_item:
        output.table(chosen, *_per_item(chosen.overrides, promise, smoothing))
        return 0
    from vrbench.report.plots import curves as report

    lines = _curves(chosen, promise, smoothing)
    output.table(chosen, *report.table(lines, RADIUS, "value"))
    if chosen.picture:
        what = f"share of items in the first {promise.k} of at most {promise.share:.3g} of users"
        title = "What is promised, and what attacks leave"
        across = "length of the change of an item's features (largest feature = 1)"
        report.draw(lines, what, chosen.picture, RADIUS, "value", title, across)
    return 0


def _curves(
    chosen: argparse.Namespace, promise: Promise, smoothing: Smoothing | None
) -> list[Curve]:
    """Return the shares of items that are certified, and that attacks leave alone, per radius."""
    from vrbench.attacks.gradient.apgd import AutoPGD
    from vrbench.attacks.gradient.pgd import PGD
    from vrbench.attacks.noise import Noise
    from vrbench.bench.certification import kept, up_to
    from vrbench.report.plots.curves import Curve

    steps = chosen.steps
    attacks = (
        AutoPGD(steps=steps),
        AutoPGD(steps=steps, descend="margin"),
        PGD(steps=steps),
        Noise(),
    )
    lines: dict[str, Line] = defaultdict(lambda: defaultdict(list))
    radii: list[float] = chosen.radii or []
    for seed in range(chosen.seeds):
        shop, found = _certified(chosen.overrides, promise, smoothing, seed)
        told = _radii(found)
        if not radii:
            top = up_to([radius for line in told.values() for radius in line])
            radii = [top * (n + 1) / POINTS for n in range(POINTS)]
        for radius in radii:
            for label, of_items in told.items():
                lines[label][radius].append(fmean(own > radius for own in of_items))
            plain, noisy = kept(shop, promise, radius, attacks, smoothing, seed)
            lines[STANDS][radius].append(float(plain.double().mean()))
            if noisy is not None:
                lines[STANDS_SMOOTHED][radius].append(float(noisy.double().mean()))
    return [_curve(Curve, label, line) for label, line in lines.items()]


def _certified(
    overrides: Sequence[str], promise: Promise, smoothing: Smoothing | None, seed: int
) -> tuple[Any, Certified]:
    """Return a shop, fitted under ``seed``, and what can be promised of its items."""
    from vrbench.bench.case import resolve
    from vrbench.bench.certification import Shop, certified
    from vrbench.bench.session import Session
    from vrbench.bench.store import Store
    from vrbench.cli.axes import PARTS
    from vrbench.cli.composition import Composition
    from vrbench.cli.folders import conf_dir
    from vrbench.threats.experiment import Experiment

    clash = [o for o in overrides if o.partition("=")[0].partition(".")[0] in ("seed", *_others())]
    if clash:
        raise ConfigError(f"certify takes {', '.join(ASKED)} and machine: not {', '.join(clash)}")
    composition = Composition([*AROUND, *overrides], conf_dir())
    cfg = composition.cfg
    machine = composition.make("machine")
    machine.use()
    x = Experiment(**{part: composition.make(part) for part in PARTS})
    x.threat.acts_on.check(x)
    session = Session(Store(Path(cfg.store)), machine, seed, cfg.extractor_seed)
    world = session.shop(x.dataset, x.extractor, x.recommender, needs_network=True)
    case = resolve(session, x, world, [])
    assert case is not None  # None in dry runs alone
    log.info("seed %d: %d items of %s", seed, len(case.items), case.source)
    shop = Shop.of(session, world, case.items, promise.k)
    return shop, certified(shop, promise, smoothing, seed)


def _others() -> tuple[str, ...]:
    return ("threat", "attack", "budget", "objective", "metrics", "experiment")


def _radii(found: Certified) -> dict[str, list[float]]:
    """Return the radius of each item (L2), by what promises it."""
    told = {}
    if found.exact is not None:
        told[BOUND] = found.exact["L2"].tolist()
    if found.smoothed is not None:
        told[SMOOTHED] = found.smoothed.tolist()
    return told


def _curve(kind: type[Curve], label: str, line: Line) -> Curve:
    places = sorted(line)
    spreads = [stdev(line[at]) if len(line[at]) > 1 else 0.0 for at in places]
    return kind(label, tuple(places), tuple(fmean(line[at]) for at in places), tuple(spreads))


def _per_item(
    overrides: Sequence[str], promise: Promise, smoothing: Smoothing | None
) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: what each item reaches unchanged, and up to where it is held."""
    _, found = _certified(overrides, promise, smoothing, 0)
    heads, columns = ["position", f"users in whose first {promise.k}"], []
    columns.append([f"{100 * reached:.3g} %" for reached in found.reached.tolist()])
    for norm, radii in (found.exact or {}).items():
        heads.append(f"radius {norm}")
        columns.append([_told(radius) for radius in radii.tolist()])
    if found.smoothed is not None:
        heads.append("radius smoothed L2")
        columns.append([_told(radius) for radius in found.smoothed.tolist()])
    return heads, [
        list(line) for line in zip(map(str, found.items.tolist()), *columns, strict=True)
    ]


def _told(radius: float) -> str:
    return "any" if radius == float("inf") else number(radius)
