"""Overrides in the grammar of Hydra: quoting, merging, expanding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from vrbench.core.errors import ConfigError

WORDS = {"true", "false", "null", "inf", "nan"}  # of the grammar: no text unless quoted
LONG = 20  # values of a range, of which more are told by its ends


def quoted(value: str) -> str:
    """Return ``value`` as one string of Hydra's grammar, whatever is in it; a plain word as it is.

    Example:
        >>> quoted("bag"), quoted("T-Shirt"), quoted("null")
        ('bag', "'T-Shirt'", "'null'")
    """
    if value.isascii() and value.isidentifier() and value.lower() not in WORDS:
        return value
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + (r"\'" if m[2] else ""), value)
    return f"'{escaped}'"  # backslashes count before quotes only


def merged(overrides: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return ``overrides`` with ``more`` in the place of those for the same setting."""
    by_key = {override.partition("=")[0]: override for override in [*overrides, *more]}
    return list(by_key.values())


def each_choice(arguments: list[str]) -> list[list[str]]:
    """Return override lists in which every swept value occurs at least once.

    Of a range of more than 20 values the ends do.
    """
    for argument in arguments:
        if "=" not in argument and not argument.startswith("~"):
            raise ConfigError(
                f"no command {argument!r}; settings are written axis=choice, as in attack=pgd "
                "(`python -m vrbench --help` shows them; `leaderboard` is a command)"
            )
    try:
        parsed = OverridesParser.create().parse_overrides(arguments)
    except HydraException as error:
        raise ConfigError(str(error).splitlines()[0]) from None
    swept = [_each_value(override) for override in parsed]
    first = [values[0] for values in swept]
    more = [
        [*first[:n], value, *first[n + 1 :]]
        for n, values in enumerate(swept)
        for value in values[1:]
    ]
    return [first, *more]


def _each_value(override: Override) -> list[str]:
    """Return an override for each value that it sweeps; of a single one, itself.

    Raises:
        ConfigError: if it sweeps no values, or any between two numbers.
    """
    if override.is_sweep_override():
        key = override.get_key_element()
        named = f"{override.input_line}: name the values, as in {key}=A,B or {key}=range(0,3)"
        if override.is_interval_sweep():
            raise ConfigError(f"{named}; an interval has no first one")
        try:
            told = [f"{key}={value}" for value in override.sweep_string_iterator()]
        except (HydraException, ValueError):  # a pattern, a step of zero
            raise ConfigError(named) from None
        if not told:
            raise ConfigError(f"{named}; there are none")
        return [told[0], told[-1]] if override.is_range_sweep() and len(told) > LONG else told
    assert override.input_line is not None
    return [override.input_line]
