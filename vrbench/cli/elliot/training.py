"""Translation of the models of an Elliot configuration: settings and search spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from vrbench.cli.composition import Composition
from vrbench.cli.elliot.configuration import Node, listed
from vrbench.cli.elliot.models import MODELS, SEEDS
from vrbench.cli.elliot.parameters import Halving, Model, Named, Negated, Only, To
from vrbench.cli.elliot.spaces import AS_WRITTEN, SAMPLERS, is_search, space_of
from vrbench.cli.elliot.table import EARLY, JUDGES, META, NEEDLESS, WITHOUT_K
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.core.errors import ConfigError, nearest

PART = "recommender"
STOPS = ("patience", "eval_every")  # settings of what is trained in epochs


@dataclass
class Trained:
    """One recommender of a translated configuration.

    Attributes:
        name: Elliot's, in small letters: of its files.
        choice: of ``recommender`` here.
        settings: what is set of it.
        space: what is searched of it, as in ``conf/tune.yaml``; empty: nothing.
        sampler: how it is searched.
        trials: how many; None: a grid, all of it.
        saves: what is left beside its rows.
        metric: of the validation by which settings are chosen, a choice of ``metrics``.
        seed: of its training; None: not told.
        notes: one line per option that is taken otherwise than in Elliot.
    """

    name: str
    choice: str
    settings: dict[str, Any] = field(default_factory=dict)
    space: dict[str, dict[str, Any]] = field(default_factory=dict)
    sampler: str = "grid"
    trials: int | None = None
    saves: set[str] = field(default_factory=set)
    metric: str = "ndcg_20"
    seed: int | None = None
    notes: list[str] = field(default_factory=list)

    def yaml(self) -> str:
        """Return it as a file of ``conf/recommender``.

        Raises:
            ConfigError: if a setting cannot be as it is told.
        """
        composition = _composition(self.choice, own_dir())
        changes = {f"{PART}.{name}": value for name, value in self.settings.items()}
        try:
            composition.make(PART, changes)
        except ConfigError as error:
            raise ConfigError(f"models.{self.name}: {error}") from None
        return composition.yaml(PART, changes)


@cache
def _composition(choice: str, own: Path | None) -> Composition:
    """Return a choice of recommender, composed; what that is depends on a folder of one's own."""
    del own
    return Composition([f"{PART}={choice}"], conf_dir())


def trained(name: str, told: Node, features: bool) -> Trained | str:
    """Return a model of a configuration, or why it is left out.

    Args:
        name: Elliot's.
        told: its parameters.
        features: whether the items have vectors.
    """
    model = MODELS.get(name)
    if model is None:
        return f"models.{name}: no model of Elliot's{nearest(name, MODELS)}; left out"
    if not model.choice:
        return f"models.{name}: {model.why}; left out"
    if model.pictures and not features:
        return (
            f"models.{name}: data_config.side_information gives no visual_features, which it "
            "learns from; left out"
        )
    found = Trained(name.lower(), model.choice, dict(model.fixed))
    known = _composition(model.choice, own_dir()).settings(PART)
    for key, value in told.items():
        if key in SEEDS:
            found.seed = int(value)
        elif key not in ("meta", "early_stopping"):
            _parameter(found, model, f"models.{name}.{key}", key, value)
    if name in ("AMF", "AMR"):
        _first_phase(found, f"models.{name}")
    epochs = f"{PART}.eval_every" in known
    _meta(found, told.get("meta") or {}, f"models.{name}.meta", epochs)
    _stopping(found, told.get("early_stopping") or {}, f"models.{name}.early_stopping", epochs)
    return found


def _parameter(found: Trained, model: Model, where: str, key: str, value: Any) -> None:
    """Add what a parameter becomes; or a line that says why it becomes nothing."""
    target = model.parameters.get(key)
    if target is None:
        hint = nearest(key, model.parameters)
        found.notes.append(f"{where}: no parameter that is known{hint}; left out")
    elif isinstance(target, Halving):
        _halving(found, where, value)
    elif isinstance(target, To):
        for setting in target.settings:
            _set(found, where, setting, value, target.keep)
    elif isinstance(target, Named):
        _named(found, target, where, value)
    elif isinstance(target, Negated):
        found.settings[target.setting] = not value
    elif isinstance(target, Only):
        if any(one not in target.values for one in listed(value)):
            found.notes.append(f"{where}: {value} is not here, {target.why}; left out")
    elif target:
        found.notes.append(f"{where}: {target}; left out")


def _set(found: Trained, where: str, setting: str, value: Any, keep: bool) -> None:
    if not is_search(value):
        found.settings[setting] = 1 - value if keep else value
        return
    space = space_of(where, value)
    if keep:
        if "choices" in space:
            space = {"choices": [1 - one for one in space["choices"]]}
        else:
            space = space | {"low": 1 - space["high"], "high": 1 - space["low"]}
    if list(space) == ["choices"] and len(space["choices"]) == 1:
        (found.settings[setting],) = space["choices"]
    else:
        found.space[f"{PART}.{setting}"] = space


def _named(found: Trained, target: Named, where: str, value: Any) -> None:
    """Set what is called otherwise here; or add a line on what is not here."""
    asked = [str(one).lower() for one in listed(value)]
    missing = [one for one in asked if one not in target.values]
    if missing:
        known = ", ".join(target.values)
        found.notes.append(
            f"{where}: {', '.join(missing)} is not here (there is: {known}); left out"
        )
        return
    values = [target.values[one] for one in asked]
    _set(found, where, target.setting, values if is_search(value) else values[0], keep=False)


def _halving(found: Trained, where: str, value: Any) -> None:
    """Set width and depth of layers that halve, told as ``(64, 32, 16)``, a text to YAML."""
    sizes = value[0] if isinstance(value, list) and len(value) == 1 else value
    widths = [int(n) for n in re.findall(r"\d+", str(sizes))]
    if isinstance(value, list) and len(value) > 1 and not all(isinstance(v, int) for v in value):
        found.notes.append(f"{where}: layers are not searched; left out")
    elif not widths or any(b * 2 != a for a, b in pairwise(widths)):
        found.notes.append(f"{where}: {value}, and layers halve here; left out")
    else:
        found.settings |= {"hidden": widths[0], "depth": len(widths)}


def _first_phase(found: Trained, where: str) -> None:
    """Take the adversarial epochs off the epochs, which are in all in Elliot."""
    epochs = found.settings.get("epochs")
    space = found.space.get(f"{PART}.adversarial_epochs", {})
    longest = max(space.get("choices", [space.get("high", 0)]))
    second = found.settings.get("adversarial_epochs") or int(longest)
    if not isinstance(epochs, int):
        return
    if not second:
        second = found.settings["adversarial_epochs"] = epochs // 2
    first = max(1, epochs - second)
    found.settings["epochs"] = first
    if space or first + second != epochs:
        found.notes.append(
            f"{where}.epochs: {epochs} in all; here {first} before the {second} adversarial ones"
        )


def _meta(found: Trained, meta: Mapping[str, Any], where: str, epochs: bool) -> None:
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
    if "validation_metric" in meta:
        _judged(found, str(meta["validation_metric"]), f"{where}.validation_metric", epochs)
    if epochs and "validation_rate" in meta:
        found.settings["eval_every"] = int(meta["validation_rate"])
    _search(found, meta, where)


def _judged(found: Trained, told: str, where: str, epochs: bool) -> None:
    """Set by which metric settings are chosen; or add a line on one that is not here."""
    name, _, k = told.partition("@")
    known = {theirs.lower(): ours for theirs, ours in JUDGES.items()}
    if name.lower() not in known or (k and not k.isdecimal()):
        hint = nearest(name, JUDGES)
        found.notes.append(f"{where}: {told} is not here{hint}; nDCG@20 chooses")
        return
    choice = known[name.lower()]
    found.metric = f"{choice}_{k or 10}" if choice not in WITHOUT_K else choice
    if epochs:
        found.notes.append(f"{where}: {told} chooses settings; nDCG@20 keeps the epoch")


def _search(found: Trained, meta: Mapping[str, Any], where: str) -> None:
    """Set how the space is searched, if there is any."""
    how = meta.get("hyper_opt_alg", "grid")
    if how not in SAMPLERS:
        hint = nearest(str(how), SAMPLERS)
        raise ConfigError(f"experiment.{where}.hyper_opt_alg: no {how!r}{hint}")
    found.sampler = SAMPLERS[how]
    found.trials = meta.get("hyper_max_evals")
    if found.space and how not in AS_WRITTEN:
        found.notes.append(
            f"{where}.hyper_opt_alg: {how} is not here, {found.sampler} searches instead"
        )
    if found.space and how != "grid" and found.trials is None:
        raise ConfigError(f"experiment.{where}.hyper_max_evals: {how} needs a number of trials")


def _stopping(found: Trained, told: Mapping[str, Any], where: str, epochs: bool) -> None:
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
    elif "epochs" in found.settings:
        found.settings["patience"] = max(1, int(found.settings["epochs"]))
