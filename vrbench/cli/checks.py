"""Checks a configuration against the signatures it will call, before anything is made."""

from __future__ import annotations

from typing import Any, Literal, cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vrbench.cli.axes import kinds_of
from vrbench.cli.effort import KEY as NOTE
from vrbench.cli.effort import effort
from vrbench.cli.schema import classes_in, listed_words, wrong
from vrbench.cli.targets import find, made_by
from vrbench.core.errors import ConfigError, nearest
from vrbench.core.spec import hints_of, inputs_of, settings

HYDRA_KEYS = {"_target_", "_partial_", "_args_", "_convert_", "_recursive_"}
NO_SETTINGS = HYDRA_KEYS | {NOTE}
SHOWN = 60  # letters of a wrong value
Saved = Literal["features", "lists", "model", "pictures", "profiles", "splits"]
OF_THE_RUN = {  # settings that belong to no component
    "seed": int,
    "extractor_seed": int,
    "control": bool | None,
    "save": list[Saved],
    "dry_run": bool,
    "store": str,
    "users": int,
}


def check(cfg: Any, where: str = "") -> None:
    """Check every node of ``cfg`` that has a ``_target_``, and the settings of the run itself.

    Raises:
        ConfigError: on the first unknown key, missing key, or value of the wrong type or out of
            range; the message says where, what was expected, and what may have been meant.
    """
    try:
        if not where:
            _check_run(cfg)
        _check(cfg, where, kinds_of().get(where, ()))
    except OmegaConfBaseException as error:  # ${...} that cannot be resolved
        told = " ".join(str(error).split(" full_key")[0].split())
        raise ConfigError(f"{where or 'the configuration'}: {told}") from None


def _check_run(cfg: DictConfig) -> None:
    values = OmegaConf.masked_copy(cfg, [k for k in OF_THE_RUN if k in cfg])
    for key, value in cast(dict[str, Any], OmegaConf.to_container(values, resolve=True)).items():
        if key == "save" and isinstance(value, list):
            _check_saved(value)
        _check_value(key, value, OF_THE_RUN[key])
        if key == "store" and not value.strip():
            raise ConfigError("store: expected a folder, got an empty name")


def _check_saved(wanted: list[Any]) -> None:
    known = sorted(map(str, listed_words(Saved)))
    for what in wanted:
        if what not in known:
            raise ConfigError(
                f"save: expected some of {', '.join(known)}, got {what!r}{nearest(what, known)}"
            )


def _check(cfg: Any, where: str, kinds: tuple[type, ...]) -> None:
    """Check a node and all below it; what it makes must be one of ``kinds``, if there are any."""
    if isinstance(cfg, ListConfig):
        for n, child in enumerate(cfg):
            _check(child, f"{where}[{n}]", kinds)
    if not isinstance(cfg, DictConfig):
        return
    called = "_target_" in cfg
    within = _check_call(cfg, where, kinds) if called else _check_group(cfg, where, kinds)
    for key, wanted in within.items():
        child, name = (
            None if OmegaConf.is_missing(cfg, key) else cfg[key],
            f"{where}.{key}".lstrip("."),
        )
        if not isinstance(child, DictConfig) and wanted and not called:
            raise ConfigError(f"{name}: expected a choice or component, got {_cut(child)}")
        _check(child, name, wanted)


def _check_group(
    cfg: DictConfig, where: str, kinds: tuple[type, ...]
) -> dict[str, tuple[type, ...]]:
    """Check a node that calls nothing; return by key what each node in it may make."""
    if where in kinds_of() and where != "metrics":
        raise ConfigError(f"{where}: expected a choice, as in {where}=NAME, got {_cut(cfg)}")
    axes = kinds_of() if not where else dict.fromkeys(map(str, cfg), kinds)
    return {key: axes.get(key, ()) for key in map(str, cfg)}


def _check_call(
    cfg: DictConfig, where: str, kinds: tuple[type, ...]
) -> dict[str, tuple[type, ...]]:
    """Check one call; return by key the classes that its annotation allows."""
    target, given = _target(cfg, where, kinds), set(map(str, cfg)) - NO_SETTINGS
    _check_note(cfg, where)
    _check_names(cfg, where, target, given)
    hints = hints_of(target)
    values = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    for key in sorted(given & set(hints)):
        _check_value(f"{where}.{key}", values[key], hints[key])
    return {key: _component_classes(hints.get(key)) for key in sorted(given)}


def _check_note(cfg: DictConfig, where: str) -> None:
    try:
        effort(cfg)
    except ConfigError as error:
        raise ConfigError(f"{where}.{NOTE}: {error}") from None


def _check_names(cfg: DictConfig, where: str, target: Any, given: set[str]) -> None:
    """Raise unless a call is given what it needs, and nothing that it has not."""
    known, inputs = settings(target), inputs_of(target)
    called = getattr(target, "name", target.__name__)
    for key in sorted(given - set(known)):
        if key in inputs and OmegaConf.is_dict(cfg[key]) and "_target_" in cfg[key]:
            continue
        raise ConfigError(
            f"{where}: {called} has no setting {key!r}{nearest(key, known)} "
            f"(it has: {', '.join(known) or 'none'})"
        )
    needed = [k for k, p in known.items() if p.default is p.empty]
    needed += [] if cfg.get("_partial_") else inputs
    for key in [*needed, *sorted(given)]:
        if key not in given:
            raise ConfigError(f"{where}: {called} needs {key!r}")
        if OmegaConf.is_missing(cfg, key):
            raise ConfigError(f"{where}.{key} has no value yet: give one with {where}.{key}=...")


def _target(cfg: DictConfig, where: str, kinds: tuple[type, ...]) -> Any:
    """Return what a node calls, if it may be called there."""
    target = find(cfg._target_, f"{where}._target_")
    made = made_by(target)
    assert made is not None
    if kinds and not issubclass(made, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"{where}._target_: expected {wanted}, got {cfg._target_}")
    for key in ("_args_", "_convert_", "_recursive_"):
        if key in cfg:
            raise ConfigError(f"{where}.{key}: settings are given by name, as they are")
    if cfg.get("_partial_") not in (None, True, False):
        raise ConfigError(f"{where}._partial_: expected true or false, got {cfg._partial_!r}")
    if cfg.get("_partial_") and not set(inputs_of(target)) - set(map(str, cfg)):
        raise ConfigError(f"{where}._partial_: the run adds nothing to {cfg._target_}")
    return target


def _check_value(where: str, value: Any, hint: Any) -> None:
    expected = wrong(value, hint, where.rpartition(".")[2])
    if expected is None:
        return
    told = f"{where}: expected {expected}, got {_cut(value)}"
    if expected.startswith("str") and isinstance(value, int | float):
        told += f"; as text: {where}=\"'{value}'\""
    raise ConfigError(told)


def _component_classes(hint: Any) -> tuple[type, ...]:
    """Return the classes an annotation allows; none if it allows more than can be told."""
    found = classes_in(hint)
    return () if any(getattr(kind, "_is_protocol", False) for kind in found) else found


def _cut(value: Any) -> str:
    told = ascii(value) if not str(value).isprintable() else repr(value)
    return told if len(told) <= SHOWN else f"{told[:SHOWN]}..."
