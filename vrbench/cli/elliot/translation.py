"""Translation of an Elliot configuration into configuration files and commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from vrbench.cli.elliot.configuration import Node, read_configuration, section
from vrbench.cli.elliot.data import Data, data_of
from vrbench.cli.elliot.measures import first_of, metrics_of
from vrbench.cli.elliot.selection import Judge
from vrbench.cli.elliot.side import Side, side_of
from vrbench.cli.elliot.table import OPTIONS
from vrbench.cli.elliot.trained import Trained
from vrbench.cli.elliot.training import trained
from vrbench.cli.instantiation import make
from vrbench.core.errors import ConfigError

MANY = "vrbench.attacks.embedding.perturbation.EmbeddingPGD"


@dataclass(frozen=True)
class Translation:
    """A translated configuration.

    Attributes:
        name: of its files.
        files: as text, by their path below a folder for ``--config-dir``.
        metrics: what is measured, as a file of ``conf/metrics`` has it.
        models: what is trained.
        data: overrides that say on what.
        folds: overrides that say on which folds.
        more: the other overrides of its sweep.
        tests: whether differences are to be tested.
        notes: one line per option that is not taken as it stands.
    """

    name: str
    files: Mapping[str, str]
    metrics: Mapping[str, Any]
    models: tuple[Trained, ...]
    data: tuple[str, ...]
    folds: tuple[str, ...]
    more: tuple[str, ...]
    tests: bool
    notes: tuple[str, ...]

    def best(self, model: Trained) -> str:
        """Return the choice of ``recommender`` that a model is run as."""
        return f"{self.name}/{model.name}" + ("_best" if model.space else "")

    def sweep(self) -> list[str]:
        """Return the overrides of the sweep over all models and folds."""
        models = ",".join(self.best(model) for model in self.models)
        return [*self.data, f"recommender={models}", f"metrics={self.name}", *self.more]

    def perturbed(self, model: Trained) -> list[list[str]]:
        """Return the overrides of sweeps over changes of a model's embeddings; perhaps none."""
        if model.perturbed is None:
            return []
        more = [told for told in self.more if told != "threat=none"]
        chosen = [*self.data, f"recommender={self.best(model)}", f"metrics={self.name}"]
        chosen += [*more, "threat=parameters", "budget.eps=${recommender.eps}"]
        return [
            [*chosen, "attack=embedding_fgsm"],
            [*chosen, f"attack={self.name}/{model.name}_steps", "budget.norm=row_l2,box"],
        ]

    def columns(self) -> list[str]:
        """Return the columns of its metrics in a table."""
        made = make(OmegaConf.create(dict(self.metrics)))
        return [metric.column for metric in made.values()]

    def tuned(self, model: Trained) -> list[str]:
        """Return the overrides under which the settings of a model are searched."""
        return [*self.data, f"recommender={self.name}/{model.name}"]


def translation(file: Path) -> Translation:
    """Return the translation of a configuration file of Elliot's.

    Raises:
        VRBenchError: one line on what cannot be read, or had here.
    """
    experiment = read_configuration(file)
    place = file.resolve().parent
    name = re.sub(r"\W+", "_", f"{experiment['dataset']}_{file.stem}".lower())
    side = side_of(experiment, section(experiment, "data_config"), place)
    models, left = _models(experiment, side)
    searched = any(model.space for model in models)
    data = data_of(experiment, place, name, side, searched)
    metrics, of_metrics = metrics_of(experiment, place)
    more, of_run = _run(experiment, models, data)
    notes = [*data.notes, *of_metrics, *left, *(n for m in models for n in m.notes), *of_run]
    return Translation(
        name,
        _files(name, data, metrics, models),
        metrics,
        tuple(models),
        tuple(data.overrides),
        tuple(_folds(data)),
        tuple(more),
        _tests(experiment),
        tuple(notes),
    )


def _models(experiment: Node, side: Side) -> tuple[list[Trained], list[str]]:
    """Return what is trained, and one line per model that is not."""
    judge = Judge(*first_of(section(experiment, "evaluation"), experiment), _validates(experiment))
    found: list[Trained] = []
    left: list[str] = []
    for name, told in section(experiment, "models").items():
        if str(name).startswith("external."):
            raise ConfigError(
                f"experiment.models.{name}: nothing of a file is executed; a class of yours: "
                "--config-dir"
            )
        made = trained(str(name), told or {}, side.has, judge)
        if isinstance(made, str):
            left.append(made)
        else:
            found.append(made)
    if not found:
        raise ConfigError(f"experiment.models: none is here: {'; '.join(left)}")
    return found, left


def _validates(experiment: Node) -> bool:
    """Return whether a part of the data is held out for validation."""
    config = section(experiment, "data_config")
    if config.get("strategy") == "dataset":
        return bool(section(experiment, "splitting").get("validation_splitting"))
    return config.get("strategy") == "hierarchy" or "validation_path" in config


def _files(
    name: str, data: Data, metrics: Mapping[str, Any], models: list[Trained]
) -> dict[str, str]:
    files = {f"metrics/{name}.yaml": _yaml(metrics)}
    if data.split is not None:
        files[f"split/{name}.yaml"] = _yaml(data.split)
    for model in models:
        files[f"recommender/{name}/{model.name}.yaml"] = model.yaml()
        if model.space:
            files[f"tune/{name}/{model.name}.yaml"] = _yaml(model.space)
        if model.perturbed:
            made = {"_target_": MANY, **model.perturbed, "start": "zero"}
            files[f"attack/{name}/{model.name}_steps.yaml"] = _yaml(made)
    return files


def _yaml(told: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(told), sort_keys=False)


def _run(experiment: Node, models: list[Trained], data: Data) -> tuple[list[str], list[str]]:
    """Return the overrides of the sweep that are not of data, models or metrics; and notes."""
    notes = list[str]()
    told = ["threat=none", *_folds(data), *_saves(experiment, models)]
    told += [*_seeds(models, notes), *_device(experiment, notes)]
    told += ["dry_run=true"] if experiment.get("config_test") else []
    return told, notes + _places(experiment)


def _saves(experiment: Node, models: list[Trained]) -> list[str]:
    """Return the override that names what is written down beside rows."""
    saves = {save for model in models for save in model.saves}
    saves |= {"splits"} if section(experiment, "splitting").get("save_on_disk") else set()
    return [f"save=[{','.join(sorted(saves))}]"] if saves else []


def _seeds(models: list[Trained], notes: list[str]) -> list[str]:
    """Return the override for the seeds of all models."""
    seeds = sorted({model.seed for model in models if model.seed is not None})
    if len(seeds) > 1:
        notes.append(f"models: seeds {seeds} differ, all models are trained under each")
    return [f"seed={','.join(map(str, seeds))}"] if seeds else []


def _folds(data: Data) -> list[str]:
    """Return the overrides that sweep over the folds."""
    each = zip(("fold", "valid_fold"), data.folds, strict=True)
    return [f"{data.inner}.{name}={','.join(map(str, range(n)))}" for name, n in each if n > 1]


def _places(experiment: Node) -> list[str]:
    """Return a note for each folder and log that is elsewhere here."""
    return [
        f"{name}: {option.here.replace('`', '')}"
        for name, option in OPTIONS.items()
        if name in experiment and "." not in name
        if not option.taken and name.startswith(("path_", "log_"))
    ]


def _device(experiment: Node, notes: list[str]) -> list[str]:
    """Return the override for the card that is asked for, if it is there."""
    card = experiment.get("gpu", -1)
    if not isinstance(card, int) or card < 0:
        return []
    from torch import cuda

    if card < cuda.device_count():
        return [f"machine.device=cuda:{card}"]
    notes.append(f"gpu: {card}: no such card is here, the processor is taken")
    return []


def _tests(experiment: Node) -> bool:
    evaluation = section(experiment, "evaluation")
    return bool(evaluation.get("paired_ttest") or evaluation.get("wilcoxon_test"))
