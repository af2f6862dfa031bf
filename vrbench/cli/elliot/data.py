"""Translation of the data, filters and splits of an Elliot configuration into overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrbench.cli.elliot.configuration import Node, listed, section
from vrbench.cli.elliot.paths import path_of
from vrbench.cli.elliot.side import Side
from vrbench.cli.elliot.table import FILTERS, MOVIELENS
from vrbench.cli.overrides import quoted
from vrbench.core.errors import ConfigError, nearest
from vrbench.data.readers.formats import THREE

_S = "vrbench.data.splits.strategies"
EVERY = 0  # a threshold up to which every rating counts: what is not above it is no like
HELD_OUT = 0.1  # of the training ratings, where settings are to be searched and nothing validates


@dataclass(frozen=True)
class _Plan:
    """A splitting strategy here: its class, its settings by Elliot's options, its defaults."""

    target: str
    options: Mapping[str, str]
    defaults: Mapping[str, Any]


_PLANS = {
    "fixed_timestamp": _Plan(
        "fixed_timestamp.FixedTimestamp",
        {name: name for name in ("timestamp", "min_below", "min_over")},
        {"timestamp": "best", "min_below": 1, "min_over": 1},
    ),
    "random_cross_validation": _Plan("k_fold.KFold", {"folds": "folds"}, {"folds": 5, "seed": 0}),
}
_PER_USER = ("temporal_hold_out", "random_subsampling")


@dataclass
class Data:
    """The data part of a translated configuration.

    Attributes:
        overrides: as on the command line.
        split: a file of ``conf/split``; None where others have split.
        folds: of the test, and of the validation.
        inner: where the settings of what is split stand, such as ``dataset.dataset``.
        notes: one line per option that is taken otherwise than in Elliot.
    """

    overrides: list[str] = field(default_factory=list)
    split: dict[str, Any] | None = None
    folds: tuple[int, int] = (1, 1)
    inner: str = "dataset"
    notes: list[str] = field(default_factory=list)


def data_of(experiment: Node, place: Path, name: str, side: Side, searched: bool) -> Data:
    """Return the data of a configuration.

    Args:
        experiment: see ``read_configuration``.
        place: the folder of the file: its paths are relative to it.
        name: of the files that will be written.
        side: what is known of items.
        searched: whether settings are to be searched.

    Raises:
        ConfigError: if something of it cannot be had here.
    """
    config = section(experiment, "data_config")
    around = side.around | _tested(experiment)
    inner = ".".join(["dataset"] * (1 + len(around)))
    strategy = config.get("strategy")
    if strategy == "dataset":
        found = _whole(experiment, config, place, name, inner, searched)
    elif strategy == "hierarchy":
        found = _hierarchy(experiment, config, place, inner)
    elif strategy == "fixed":
        found = _fixed(experiment, config, place, inner, side)
    else:
        raise ConfigError(
            f"experiment.data_config.strategy: expected dataset, fixed or hierarchy, got {strategy}"
        )
    if strategy != "dataset":
        for left in ("prefiltering", "splitting"):
            if left in experiment:
                raise ConfigError(f"experiment.{left}: {strategy} data is filtered and split")
    found.notes += side.notes
    if experiment.get("align_side_with_train") is False:
        found.notes.append("align_side_with_train: every item needs its features here")
    if experiment.get("binarize") or config.get("binarize"):
        found.overrides.append(f"{inner}.binarise=true")
    found.inner = inner
    if around:
        found.overrides = _wrapped(found.overrides, around)
    return found


def _wrapped(overrides: list[str], around: Mapping[str, list[str]]) -> list[str]:
    """Return overrides of a data set inside others, whose settings stand behind it.

    Args:
        overrides: the first is ``dataset=NAME``.
        around: by choice, the outermost first: its settings.
    """
    first, *rest = overrides
    named = [*around, first.removeprefix("dataset=")]
    told = [f"dataset={named[0]}"]
    for depth, choice in enumerate(named[1:], 1):
        told.append(f"dataset@{'.'.join(['dataset'] * (depth + 1))}={choice}")
    told += rest
    for depth, settings in enumerate(around.values(), 1):
        place = ".".join(["dataset"] * depth)
        told += [setting if "=ready" in setting else f"{place}.{setting}" for setting in settings]
    return told


def _tested(experiment: Node) -> dict[str, list[str]]:
    """Return the choices of ``dataset`` that say what is relevant, and among what it is ranked.

    Raises:
        ConfigError: if candidates are not drawn at random.
    """
    found: dict[str, list[str]] = {}
    threshold = section(experiment, "evaluation").get("relevance_threshold", 0)
    if isinstance(threshold, int | float) and threshold > EVERY:
        found["relevant"] = [f"threshold={threshold}"]
    drawn = section(experiment, "negative_sampling")
    if drawn:
        where = "experiment.negative_sampling"
        if drawn.get("strategy") != "random" or "num_items" not in drawn:
            raise ConfigError(f"{where}: expected strategy random and num_items, got {drawn}")
        for other in sorted(set(drawn) - {"strategy", "num_items", "seed"}):
            raise ConfigError(f"{where}.{other}: not here; candidates are drawn by a seed")
        found["sampled_candidates"] = [f"negatives={int(drawn['num_items'])}"]
        found["sampled_candidates"] += [f"seed={int(drawn['seed'])}"] if "seed" in drawn else []
    return found


def _whole(
    experiment: Node, config: Node, place: Path, name: str, inner: str, searched: bool
) -> Data:
    found = Data(_ratings(experiment, config, place, inner))
    splitting = section(experiment, "splitting")
    test, valid = (section(splitting, f"{part}_splitting") for part in ("test", "validation"))
    if not test:
        raise ConfigError("experiment.splitting.test_splitting: one is needed, to test on")
    seed = int(experiment.get("random_seed", 0))
    found.split = {"_target_": f"{_S}.base.Split"}
    found.split["test"], of_test = _strategy(test, "test_splitting", seed)
    of_valid = 1
    if valid:
        found.split["valid"], of_valid = _strategy(valid, "validation_splitting", seed)
    elif searched:
        held = {"ratio": HELD_OUT, "folds": 1, "seed": seed}
        found.split["valid"] = {"_target_": f"{_S}.per_user.RandomHoldOut", **held}
        found.notes.append(
            "splitting.validation_splitting: there is none, and Elliot would choose settings on "
            f"the test; here on {HELD_OUT:.0%} of each user's training ratings, held out"
        )
    else:
        found.split["valid"] = None
    found.folds = of_test, of_valid
    found.overrides.append(f"split@{inner}.split={name}")
    found.overrides += _filters(experiment, inner)
    return found


def _ratings(experiment: Node, config: Node, place: Path, inner: str) -> list[str]:
    """Return the file of ratings, or the known data set that has its name where it is missing."""
    called = str(experiment["dataset"])
    told = config.get("dataset_path", f"../data/{called}/dataset.tsv")
    path = path_of(place, told, experiment)
    if path.is_file() or called not in MOVIELENS:
        return ["dataset=ratings", f"{inner}.path={quoted(str(path))}"]
    return [f"dataset={MOVIELENS[called]}"]


def _hierarchy(experiment: Node, config: Node, place: Path, inner: str) -> Data:
    root = path_of(place, config.get("root_folder"), experiment)
    counts = [len([p for p in of.glob("*") if p.name.isdecimal()]) for of in (root, root / "0")]
    told = ["dataset=elliot", f"{inner}.path={quoted(str(root))}"]
    return Data(told, folds=(max(1, counts[0]), max(1, counts[1])))


def _fixed(experiment: Node, config: Node, place: Path, inner: str, side: Side) -> Data:
    paths = {}
    for part, names in THREE.items():
        told = config.get(f"{part}_path")
        if told is None:
            if part != "validation":
                raise ConfigError(f"experiment.data_config.{part}_path: fixed data needs it")
            continue
        paths[part] = path_of(place, told, experiment)
        if paths[part].parent != paths["train"].parent or paths[part].name not in names:
            raise ConfigError(
                f"experiment.data_config.{part}_path: {paths[part]} is to be called "
                f"{' or '.join(names)}, in one folder with the others"
            )
    folder = paths["train"].parent
    choice = "var" if side.pictures else "splits"
    sized = [f"{inner}.size={side.size}"] if choice == "var" and side.size else []
    return Data([f"dataset={choice}", f"{inner}.path={quoted(str(folder))}", *sized])


def _filters(experiment: Node, inner: str) -> list[str]:
    """Return the overrides of the prefilters, in the order given."""
    told: list[str] = []
    for n, step in enumerate(listed(experiment.get("prefiltering"))):
        strategy = step.get("strategy") if isinstance(step, dict) else step
        if strategy not in FILTERS:
            hint = nearest(str(strategy), FILTERS)
            raise ConfigError(f"experiment.prefiltering.strategy: no {strategy!r}{hint}")
        choice, settings = FILTERS[strategy]
        where = f"{inner}.filters.step{n}"
        told.append(f"+filter@{where}={choice}")
        for option, value in step.items():
            if option in settings:
                told.append(f"{where}.{settings[option]}={value}")
            elif option != "strategy":
                raise ConfigError(f"experiment.prefiltering.{option}: {strategy} takes none")
    return told


def _strategy(told: Node, where: str, seed: int) -> tuple[dict[str, Any], int]:
    """Return a strategy of ``conf/split``, and how many folds it has."""
    kind, place = told.get("strategy"), f"experiment.splitting.{where}"
    if kind in _PER_USER:
        plan = _per_user(told, kind == "random_subsampling", place)
    elif str(kind) in _PLANS:
        plan = _PLANS[str(kind)]
    else:
        known = f"fixed_timestamp, {', '.join(_PER_USER)}, random_cross_validation"
        raise ConfigError(f"{place}.strategy: no {kind!r} (there is: {known})")
    for option in sorted(set(told) - {"strategy", *plan.options}):
        raise ConfigError(f"{place}.{option}: {kind} takes none")
    given = {ours: told[theirs] for theirs, ours in plan.options.items() if theirs in told}
    found = {"_target_": f"{_S}.{plan.target}"} | dict(plan.defaults) | given
    found |= {"seed": seed} if "seed" in plan.defaults else {}
    return found, int(found.get("folds", 1))


def _per_user(told: Node, random: bool, place: str) -> _Plan:
    """Return a split of each user's items: a share or a number of them, at random or by time."""
    if ("test_ratio" in told) == ("leave_n_out" in told):
        raise ConfigError(f"{place}: expected test_ratio or leave_n_out, one of them")
    share = "test_ratio" in told
    options = {"folds": "folds"} if random else {}
    options |= {"test_ratio": "ratio"} if share else {"leave_n_out": "n"}
    name = f"{'Random' if random else 'Temporal'}{'HoldOut' if share else 'LeaveOut'}"
    return _Plan(f"per_user.{name}", options, {"folds": 1, "seed": 0} if random else {})
