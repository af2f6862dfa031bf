"""Translation of the metrics of an Elliot configuration into a file of ``conf/metrics``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vrbench.cli.elliot.configuration import Node, listed, section
from vrbench.cli.elliot.table import METRICS, RANKERS_ONLY, Measure
from vrbench.core.errors import ConfigError, DataError, nearest


def metrics_of(experiment: Node, place: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return a file of ``conf/metrics``, and one line per metric that is another or not here.

    Args:
        experiment: see ``read_configuration``.
        place: the folder of the file.

    Raises:
        ConfigError: if an option cannot be had here, or no metric is left.
    """
    evaluation = section(experiment, "evaluation")
    cutoffs = _told_cutoffs(evaluation, experiment)
    threshold = _threshold(evaluation)
    notes: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for name, told in _asked(evaluation):
        measure = METRICS.get(name, Measure())
        if not measure.target:
            why = measure.note or f"no metric of Elliot's{nearest(name, METRICS)}"
            notes.append(f"evaluation.{name}: {why}; left out")
            continue
        if name in RANKERS_ONLY:
            notes.append(f"evaluation.{name}: {measure.note}")
        settings, left = _settings(measure, told, place, name)
        notes += left
        graded = {"threshold": threshold} if measure.graded else {}
        settings = dict(measure.fixed) | graded | settings
        for k in cutoffs if measure.k else [None]:
            cutoff, key = ({}, name.lower()) if k is None else ({"k": k}, f"{name.lower()}_{k}")
            while key in found:
                key += "_"
            found[key] = {"_target_": measure.target} | cutoff | settings
    if not found:
        raise ConfigError(f"experiment.evaluation: no metric is left: {'; '.join(notes)}")
    return found, notes


def first_of(evaluation: Node, experiment: Node) -> tuple[str, int]:
    """Return Elliot's first metric and first cutoff, by which it chooses where nothing is told.

    Raises:
        ConfigError: if no metric, or no cutoff, is told.
    """
    for name, _ in _asked(evaluation):
        return name, _told_cutoffs(evaluation, experiment)[0]
    raise ConfigError("experiment.evaluation: no metric: set simple_metrics")


def _told_cutoffs(evaluation: Node, experiment: Node) -> list[int]:
    """Return the lengths of lists that metrics are of.

    Raises:
        ConfigError: if none is told.
    """
    told = listed(evaluation.get("cutoffs", experiment.get("top_k")))
    if not told:
        raise ConfigError("experiment.top_k: neither it nor evaluation.cutoffs says how many")
    return [int(k) for k in told]


def _asked(evaluation: Node) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the metrics that are asked for by name, and what is told of each."""
    for name in listed(evaluation.get("simple_metrics")):
        yield _called(str(name)), {"metric": name}
    for told in listed(evaluation.get("complex_metrics")):
        if not isinstance(told, dict) or "metric" not in told:
            raise DataError(f"experiment.evaluation.complex_metrics: {told!r} names no metric")
        yield _called(str(told["metric"])), told


def _threshold(evaluation: Node) -> float:
    """Return from which rating on something is relevant.

    Raises:
        ConfigError: if it is no number.
    """
    told = evaluation.get("relevance_threshold", 0)
    if not isinstance(told, int | float) or isinstance(told, bool):
        raise ConfigError(
            f"experiment.evaluation.relevance_threshold: expected a number, got {told!r}"
        )
    return told


def _settings(
    measure: Measure, told: Mapping[str, Any], place: Path, name: str
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a complex metric, and one line per parameter left out."""
    found: dict[str, Any] = {}
    notes = []
    for key, value in told.items():
        if key == "metric":
            continue
        setting = measure.settings.get(key)
        if setting is None or setting == "?":
            known = [known for known in measure.settings if measure.settings[known] != "?"]
            notes.append(f"evaluation.{name}.{key}: not here{nearest(key, known)}; left out")
        elif setting and key.startswith("metric_"):
            found[setting] = METRICS.get(_called(str(value)), Measure()).target.rpartition(".")[2]
        elif setting:
            found[setting] = str(place / str(value)) if key.endswith("_file") else value
    return found, notes


def _called(name: str) -> str:
    """Return a metric's name as the table spells it; Elliot takes capitals for small letters."""
    return {known.lower(): known for known in METRICS}.get(name.lower(), name)
