"""A recommender behind a function of Python."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Any

from vrbench.core.errors import ConfigError, DataError
from vrbench.recommenders.external.question import Count, Question

NAMED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class FunctionDoor:
    """Calls ``module:function`` with users, items and pictures.

    Args:
        function: its name; the module is imported, from the folder of the command too.

    Raises:
        ConfigError: if there is no such function, or it is one of Python's own.
    """

    def __init__(self, function: str) -> None:
        self.who, self._call = function, _found(function)

    def ask(self, question: Question, count: Count) -> Any:
        """Return what the function returns.

        Raises:
            ConfigError: if no request is left.
            DataError: if it raises; the text says what.
        """
        users, items = list(question.users), list(question.items)
        count()
        try:
            return self._call(users, items, dict(question.pictures))
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"{self.who} failed on {len(users)} users: {told}") from error


def _found(function: str) -> Callable[..., Any]:
    if not NAMED.fullmatch(function):
        raise ConfigError(f"recommender.function: expected module:function, got {function!r}")
    module, _, name = function.partition(":")
    if module.partition(".")[0] in sys.stdlib_module_names:  # not even imported
        raise ConfigError(f"recommender.function: {module} is Python's own: name one of yours")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"recommender.function: cannot find {function} ({error})") from None
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"recommender.function: {module} cannot be imported: {told}") from error
    if not callable(found):
        raise ConfigError(
            f"recommender.function: {function} is a {type(found).__name__}, no function"
        )
    called: Callable[..., Any] = found
    return called
