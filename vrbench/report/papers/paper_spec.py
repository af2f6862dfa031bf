"""Specification of a paper: claims, required files, sweeps and published numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.files import regular
from vrbench.report.papers.claims.registry import CLAIMS
from vrbench.report.papers.published_comparison import Show

ENVIRONMENT = re.compile(r"\$\{(\w+):([^}]*)\}")  # ${NAME:what if it is not set}


@dataclass(frozen=True)
class Need:
    """A file that a run needs: what it is, where it must lie, and how to get it.

    ``where`` is the path as anyone may read it, with the name of the variable in it.
    """

    what: str
    path: Path
    where: str
    get: str

    @property
    def there(self) -> bool:
        """Whether it lies where it must."""
        return self.path.exists()


@dataclass(frozen=True)
class Asked:
    """A claim: its wording, its test, and the metric values that the test is given."""

    text: str
    test: str
    metric: str
    show: Show


@dataclass(frozen=True)
class Paper:
    """One file of ``conf/reproduce``.

    Attributes:
        name: of the file.
        title, source: what is reproduced, and where it was published.
        note: what a reader must know of the stand-ins: what was made smaller, and its cost.
        reported: a file of ``conf/reported``; None where no table can be had.
        show, axes, metrics, labels: of the table, see ``published_comparison.measured``.
        claims: what is tested.
        data: what each choice of data needs; the first is the published one.
        runs: for each preset and choice of data, the sweeps, as lists of overrides.
    """

    name: str
    title: str
    source: str
    note: str
    reported: str | None
    show: Show
    axes: tuple[str, ...]
    metrics: tuple[str, ...]
    labels: Mapping[str, Mapping[str, str]]
    claims: tuple[Asked, ...]
    data: Mapping[str, tuple[Need, ...]]
    runs: Mapping[str, Mapping[str, Sequence[Sequence[str]]]]

    @property
    def published(self) -> str:
        """The choice of data that the paper printed numbers of."""
        return next(iter(self.data))

    def choice(self, wanted: str | None) -> str:
        """Return ``wanted``, or the first choice of data whose files are all there, if any.

        Raises:
            ConfigError: if there is no such choice.
        """
        if wanted is None:
            there = (n for n, needs in self.data.items() if all(need.there for need in needs))
            return next(there, self.published)
        if wanted not in self.data:
            raise ConfigError(
                f"reproduce {self.name}: no data {wanted!r}{nearest(wanted, self.data)}; there is "
                f"{', '.join(self.data)}"
            )
        return wanted

    def presets(self, wanted: str | None, data: str) -> list[str]:
        """Return the presets to run.

        Raises:
            ConfigError: if there is no such preset for these data.
        """
        known = [name for name, runs in self.runs.items() if data in runs]
        if wanted is not None and wanted not in known:
            raise ConfigError(
                f"reproduce {self.name}: no preset {wanted!r}{nearest(wanted, known)}; there is "
                f"{', '.join(known)}"
            )
        return known if wanted is None else [wanted]


def read_paper(name: str, papers: Mapping[str, Path]) -> Paper:
    """Return the paper of a file of ``conf/reproduce``.

    Args:
        name: of the paper.
        papers: all files, by name.

    Raises:
        ConfigError: if there is none; the text names the nearest.
        DataError: if the file does not describe one.
    """
    if name not in papers:
        raise ConfigError(
            f"reproduce: no paper {name!r}{nearest(name, papers)}; there is {', '.join(papers)}"
        )
    path = regular(papers[name])
    try:
        told: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Paper(
            name=name,
            title=told["title"],
            source=told["source"],
            note=told["note"],
            reported=told["reported"],
            show=told["show"],
            axes=tuple(told["axes"]),
            metrics=tuple(told["metrics"]),
            labels=told["labels"],
            claims=tuple(
                Asked(
                    text=c["text"],
                    test=_known_test(c["test"]),
                    metric=c.get("metric", told["metrics"][0]),
                    show=c.get("show", told["show"]),
                )
                for c in told["claims"]
            ),
            data={n: tuple(_need(need) for need in needs) for n, needs in told["data"].items()},
            runs=_runs(told["runs"], told["data"]),
        )
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path} describes no paper: {error!r}") from error


def _known_test(name: str) -> str:
    if name not in CLAIMS:
        raise ValueError(f"no test {name!r}{nearest(name, CLAIMS)}")
    return name


def _runs(told: Any, data: Mapping[str, Any]) -> dict[str, dict[str, list[list[str]]]]:
    """Return sweeps by preset and data, as lists of overrides.

    Raises:
        ValueError: if they are anything else.
    """
    runs = {which: dict(of) for which, of in dict(told).items()}
    for which, of in runs.items():
        for name, sweeps in of.items():
            if name not in data:
                raise ValueError(f"runs.{which}: no data {name!r}{nearest(name, data)}")
            overrides = [o for sweep in sweeps for o in sweep]
            if not all(isinstance(o, str) and "=" in o for o in overrides):
                raise ValueError(f"runs.{which}.{name}: expected lists of overrides")
    return runs


def _need(told: Mapping[str, str]) -> Need:
    path = ENVIRONMENT.sub(lambda m: os.environ.get(m[1], m[2]), told["path"])
    where = ENVIRONMENT.sub(lambda m: f"${m[1]}", told["path"])
    return Need(told["what"], Path(path).expanduser(), where, told["get"])
