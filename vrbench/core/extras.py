"""Libraries that only some components need."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Any

from vrbench.core.errors import ConfigError


def extra(module: str, *, needed_by: str, group: str) -> Any:
    """Return the imported ``module`` of a library that is not always installed.

    Args:
        module: its full name.
        needed_by: the component that asks for it.
        group: the extra of vrbench that brings it.

    Raises:
        ConfigError: if it is not there; says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ConfigError(
            f"{needed_by} needs the library {library} ({error}): pip install 'vrbench[{group}]'"
        ) from error


@cache
def has_triton() -> bool:
    """Return whether Triton is installed, which comes with PyTorch where it knows GPUs."""
    return find_spec("triton") is not None
