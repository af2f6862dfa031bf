"""Where modules stand now that people know by an earlier path, in their code and their YAML."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "vrbench.auditing": "vrbench.cli.commands.audit",
    "vrbench.checking": "vrbench.cli.commands.check",
    "vrbench.checks": "vrbench.cli.checks",
    "vrbench.commands": "vrbench.cli.commands",
    "vrbench.completion": "vrbench.cli.completion",
    "vrbench.designing": "vrbench.cli.commands.design",
    "vrbench.fetching": "vrbench.extractors.releases",
    "vrbench.folders": "vrbench.cli.folders",
    "vrbench.keeping": "vrbench.cli.commands.store",
    "vrbench.listing": "vrbench.cli.commands.choices",
    "vrbench.outcomes": "vrbench.cli.outcomes",
    "vrbench.plainly": "vrbench.cli.plainly",
    "vrbench.recorded": "vrbench.cli.recorded",
    "vrbench.reproduce": "vrbench.cli.commands.reproduce",
    "vrbench.schema": "vrbench.cli.schema",
    "vrbench.sweeps": "vrbench.cli.sweeps",
    "vrbench.targets": "vrbench.cli.targets",
    "vrbench.trouble": "vrbench.cli.trouble",
    "vrbench.tuning": "vrbench.cli.commands.tune",
    "vrbench.usage": "vrbench.cli.usage",
}


class Moved:
    """Finds a module under its earlier path: the same module, not a copy, and a warning.

    A finder and loader of Python's import system, without its base classes, which take long to
    import.
    """

    def __init__(self, moved: Mapping[str, str]) -> None:
        self.moved = moved

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to import what is called ``name``, if that is an earlier path."""
        loader: Any = self
        return ModuleSpec(name, loader) if name in self.moved else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of today in the place of ``module``."""
        name = module.__name__
        now = self.moved[name]
        warnings.warn(f"{name} is now {now}", DeprecationWarning, stacklevel=2)
        sys.modules[name] = importlib.import_module(now)


def redirect() -> None:
    """Let earlier paths be imported; asked first, for an older copy of us may lie elsewhere."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, Moved(MOVED))
