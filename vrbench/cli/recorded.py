"""Validation of the overrides of untrusted records.

A configuration is code: whoever writes ``_target_`` says what is called. A record that is to be
checked was written by somebody else, so of its overrides only two kinds are read: names of
choices, and plain values of settings that those choices have. Everything else is refused before
anything is composed, by what is allowed, not by what is known to be bad.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from vrbench.core.errors import ConfigError

_WORD = r"[^\W_](?:[\w-]|\.\d)*"
NAME = re.compile(f"{_WORD}(?:/{_WORD})*")  # of a choice: nothing that leads elsewhere
DOTTED = re.compile(r"[^\W_]\w*(\.[^\W_]\w*)*")  # no part is private: _target_, _partial_ ...
OF_THE_RUN = ("seed", "extractor_seed", "control")
OF_NO_MATTER = ("store", "save", "dry_run")  # where it was kept: a check keeps it elsewhere
WORDS = (  # settings whose text is a name, looked up in what the shop holds; never a path
    "scenario.source",
    "scenario.target",
    "objective.hook",
    "objective.hook_item",
    "machine.device",
)
NOT_AXES = ("reported", "reproduce", "tune", "variants")  # of conf/: no run chooses there


def readable(
    overrides: Sequence[Any], axes: Collection[str], exists: Callable[[str, str], bool]
) -> tuple[list[str], dict[str, str]]:
    """Return the overrides of a record that are safe to compose, and their text values.

    Args:
        overrides: as the record has them.
        axes: names of the groups of choices.
        exists: whether an axis has a choice of that name.

    Returns:
        Overrides for Hydra, and by dotted key the values that are text: whether a setting may be
        given that text depends on the setting, see ``allowed_text``.

    Raises:
        ConfigError: on the first override that reaches outside; one line.
    """
    kept, texts = [], {}
    for line in overrides:
        override = _parsed(line)
        key, value = override.key_or_group, override.value()
        if key.partition(".")[0] == "track":
            continue  # whom it was told: a check tells nobody
        if override.package is not None or (key in axes and "." not in key):
            _check_choice(line, override, axes, exists)
        else:
            _check_setting(line, override, axes)
            if key in OF_NO_MATTER:
                continue
            if isinstance(value, str):
                texts[key] = str(value)
        kept.append(str(line))
    return kept, texts


def allowed_text(key: str, text: str, options: Collection[object]) -> None:
    """Check that a text value of an untrusted record is allowed for a setting.

    Args:
        key: of the setting, dotted.
        text: what the record says.
        options: the words its annotation lists, if it lists any.

    Raises:
        ConfigError: if the setting takes any text and is no name: a path, an address, a class.
    """
    if key not in WORDS and text not in options:
        _refuse(f"{key}={text}", "text is read from a record for names and listed words only")


def _parsed(line: Any) -> Override:
    if not isinstance(line, str) or not line.isprintable():
        _refuse(line, "an override is one line of text")
    try:
        override = OverridesParser.create().parse_override(line)
    except HydraException:
        _refuse(line, "it is no KEY=VALUE")
    if override.is_sweep_override():
        _refuse(line, "a cell has one value per setting")
    if override.is_delete() or override.is_force_add():
        _refuse(line, "nothing is taken out or put in")
    return override


def _check_choice(
    line: str, override: Override, axes: Collection[str], exists: Callable[[str, str], bool]
) -> None:
    """Check ``AXIS=NAME``, and ``AXIS@PLACE=NAME`` (also with ``+``) inside an axis."""
    axis, place, name = override.key_or_group, override.package, override.value()
    if axis not in axes:
        _refuse(line, f"{axis!r} is no axis")
    if place is not None:
        if not DOTTED.fullmatch(place) or place.partition(".")[0] not in axes or "." not in place:
            _refuse(line, "a choice is put inside another one only")
    elif override.is_add():
        _refuse(line, "nothing is put in")
    if type(name) is not str or not NAME.fullmatch(name) or not exists(axis, name):
        _refuse(line, f"{axis} has no such choice here")


def _check_setting(line: str, override: Override, axes: Collection[str]) -> None:
    """Check ``AXIS.SETTING=VALUE``, or that of a setting of the run itself."""
    key, value = override.key_or_group, override.value()
    if override.type is not OverrideType.CHANGE:
        _refuse(line, "nothing is put in")
    if not DOTTED.fullmatch(key):
        _refuse(line, f"{key!r} is no setting")
    if key.partition(".")[0] not in axes and key not in (*OF_THE_RUN, *OF_NO_MATTER):
        _refuse(line, f"{key!r} belongs to no axis")
    if not isinstance(value, list):
        _check_plain(line, value)
        return
    for part in cast(list[Any], value):
        _check_plain(line, part)
        if isinstance(part, str) and key not in OF_NO_MATTER:
            _refuse(line, "lists hold numbers only")


def _check_plain(line: str, value: Any) -> None:
    if isinstance(value, dict | list):
        _refuse(line, "values are numbers and words")
    if isinstance(value, str) and "${" in value:
        _refuse(line, "nothing is looked up outside: ${...}")


def _refuse(line: Any, why: str) -> NoReturn:
    shown = line if isinstance(line, str) and line.isprintable() else ascii(line)
    raise ConfigError(f"a record's override {shown} is not composed: {why}")
