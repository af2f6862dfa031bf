"""Translation of how settings and epochs are chosen: ``meta`` and ``early_stopping``."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from vrbench.cli.elliot.spaces import AS_WRITTEN, SAMPLERS, is_list
from vrbench.cli.elliot.table import EARLY, JUDGES, META, NEEDLESS, RANKERS_ONLY, WITHOUT_K
from vrbench.cli.elliot.trained import Trained
from vrbench.core.errors import ConfigError, nearest


class Judge(NamedTuple):
    """What chooses settings where a model does not say: Elliot's first metric, first cutoff.

    Attributes:
        metric: Elliot's name.
        cutoff: of it, and of one that has none.
        held_out: whether there is a validation; where not, none is chosen.
    """

    metric: str
    cutoff: int
    held_out: bool


def chosen_by(
    found: Trained,
    meta: Mapping[str, Any],
    where: str,
    epochs: bool,
    judge: Judge,
    stars: bool,
) -> None:
    """Set what ``meta`` says: what is kept, which metric chooses, how settings are searched.

    Args:
        found: what is known of the model; it is changed.
        meta: the section.
        where: its name, for a message.
        epochs: whether the model is trained in epochs.
        judge: what chooses where the section does not say.
        stars: whether the model predicts ratings.
    """
    for key, value in meta.items():
        option = META.get(key)
        if option is None:
            found.notes.append(
                f"{where}.{key}: no option of Elliot's{nearest(key, META)}; left out"
            )
        elif not option.taken and value and key not in NEEDLESS:
            found.notes.append(f"{where}.{key}: {option.here.replace('`', '')}; left out")
    found.saves |= {"lists"} if meta.get("save_recs") else set()
    found.saves |= {"model"} if meta.get("save_weights") else set()
    if epochs and "validation_rate" in meta:
        found.settings["eval_every"] = int(meta["validation_rate"])
    _search(found, meta, where)
    told = meta.get("validation_metric")
    if told or found.space:
        _judged(found, told, f"{where}.validation_metric", epochs, judge, stars)


def _judged(
    found: Trained, told: object, where: str, epochs: bool, judge: Judge, stars: bool
) -> None:
    """Set by which metric settings are chosen; or add a line on one that is not here."""
    name, _, k = str(told or judge.metric).partition("@")
    known = {theirs.lower(): (theirs, ours) for theirs, ours in JUDGES.items()}
    if name.lower() not in known or (k and not k.isdecimal()):
        hint = nearest(name, JUDGES)
        found.notes.append(f"{where}: {told or name} cannot choose here{hint}; nDCG@20 chooses")
        return
    theirs, choice = known[name.lower()]
    cutoff = k or judge.cutoff
    if theirs in RANKERS_ONLY and not stars:
        found.notes.append(f"{where}: {theirs} of a ranker is not a number; nDCG@20 chooses")
        return
    found.metric = choice if choice in WITHOUT_K else f"{choice}_{cutoff}"
    shown = theirs if choice in WITHOUT_K else f"{theirs}@{cutoff}"
    if epochs and (found.space or judge.held_out):
        found.notes.append(f"{where}: {shown} chooses settings; nDCG@20 keeps the epoch")


def _search(found: Trained, meta: Mapping[str, Any], where: str) -> None:
    """Set how the space is searched, if there is any."""
    how = meta.get("hyper_opt_alg", "grid")
    if how not in SAMPLERS:
        hint = nearest(str(how), SAMPLERS)
        raise ConfigError(f"experiment.{where}.hyper_opt_alg: no {how!r}{hint}")
    found.sampler = SAMPLERS[how]
    found.trials = meta.get("hyper_max_evals")
    lists = [space["choices"] for space in found.space.values() if is_list(space)]
    if not found.space:
        return
    if how not in AS_WRITTEN:
        found.notes.append(
            f"{where}.hyper_opt_alg: {how} is not here, {found.sampler} searches instead"
        )
    if len(lists) < len(found.space):
        if found.trials is None:
            raise ConfigError(f"experiment.{where}.hyper_max_evals: {how} needs a number of trials")
        if how == "grid":
            found.sampler = "random"
            found.notes.append(f"{where}.hyper_opt_alg: grid draws at random, as not all is lists")
    elif found.trials is None and how != "grid":
        found.trials = prod(map(len, lists))


def stopping(found: Trained, told: Mapping[str, Any], where: str, epochs: bool) -> None:
    """Set when training stops: without early stopping, after all epochs."""
    for key, value in told.items():
        if key not in EARLY:
            found.notes.append(f"{where}.{key}: no option of Elliot's{nearest(key, EARLY)}")
        elif not EARLY[key].taken and key not in NEEDLESS:
            here = EARLY[key].here.replace("`", "")
            found.notes.append(f"{where}.{key}: {value}; here: {here}")
    if not epochs:
        return
    if "patience" in told:
        found.settings["patience"] = int(told["patience"])
    elif longest := found.longest("epochs"):
        found.settings["patience"] = longest
