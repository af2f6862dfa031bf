"""The content of ``rows.json``: configuration, components with their keys, and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import vrbench
from vrbench.cli.axes import PARTS, name_of
from vrbench.cli.changed import changed_settings
from vrbench.cli.effort import effort
from vrbench.cli.folders import conf_dir

if TYPE_CHECKING:
    from vrbench.bench.result import Result
    from vrbench.data.dataset import Dataset

PACKAGES = ("torch", "torchvision", "timm", "lpips", "numpy", "scipy", "hydra-core")
ENVIRONMENT = "${oc.env:"
ADAPTED = ("torchattacks", "foolbox")  # libraries whose attacks can be used


def asked(cfg: DictConfig) -> dict[str, Any]:
    """Return the configuration part of a record, known before anything is computed."""
    from vrbench.report.run_records import SCHEMA

    running = HydraConfig.get()
    choices, overrides = dict(running.runtime.choices), list(running.overrides.task)
    changed = changed_settings(cfg, choices, overrides, conf_dir())
    return {
        "schema": SCHEMA,
        "seed": cfg.seed,
        "extractor_seed": cfg.extractor_seed,
        "sweep": running.callbacks["report"]["sweep"],
        "began": datetime.now(timezone.utc).isoformat(),
        "overrides": overrides,
        "parts": {
            part: {"name": name_of(part, choices)} | ({"changed": changed[part]} if changed else {})
            for part in PARTS
        },
    }


def add_parts(entry: dict[str, Any], cfg: DictConfig, parts: dict[str, Any]) -> None:
    """Add to a record which component each part is: key, settings, and the search they are of."""
    from vrbench.core.spec import digest

    for part, made in parts.items():
        entry["parts"][part] |= {
            "key": digest(made),
            "component": _component(made),
            "settings": _settings(cfg[part], made),
        }
        entry["parts"][part] |= of_the_search(entry["parts"][part], cfg[part])
    if parts["dataset"].fold is not None:
        entry["parts"]["dataset"]["fold"] = fold_told(parts["dataset"])
    budget = parts["budget"]
    norm = getattr(budget, "norm", type(budget).__name__)
    entry["parts"]["budget"] |= {"eps": budget.eps, "norm": norm}


def of_the_search(part: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return as ``tuned`` what a choice says of its search; {} once a setting was changed."""
    note = effort(node)
    return {"tuned": note} if note is not None and part.get("changed") == {} else {}


def fold_told(dataset: Dataset) -> dict[str, Any] | None:
    """Return which fold a data set is, of how many, and the key of what they share; or None."""
    from vrbench.core.spec import digest

    fold = dataset.fold
    if fold is None:
        return None
    which = {"number": fold.number, "valid": fold.valid}
    counts = {"count": fold.count, "valid_count": fold.valid_count}
    return which | counts | {"shared": digest(dataset.spec_of_folds)}


def add_metrics(entry: dict[str, Any], metrics: Sequence[Any]) -> None:
    """Add to a record the key and settings of each metric, by column."""
    from vrbench.core.spec import describe, digest, flat

    entry["metrics"] = {
        metric.column: {"key": digest(metric), "settings": flat(describe(metric))}
        for metric in metrics
    }


def of_result(result: Result, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the case, the rows, and how the attacked items moved."""
    from vrbench.bench.result import moved
    from vrbench.recommenders.external.asked import External

    case, lists, scenario = result.case, result.lists, parts["scenario"]
    told: dict[str, Any] = {
        "case": {
            "source": case.source,
            "target": case.target,
            "items": len(case.items),
            "size": int((case.labels == case.names.index(case.source)).sum()),
            "labels": scenario.labels,
            "k": scenario.k,
            "standing": _standing(result, scenario.k),
            "tied": dict(zip(("source", "target"), case.tied, strict=True)),
        },
        "redistributable": parts["dataset"].catalogue.redistributable,
        "extractor": result.notes,
        "rows": [asdict(row) for row in result.rows],
    }
    if result.crafted is not None and result.crafted.masking:
        told["masking"] = {sign: list(found) for sign, found in result.crafted.masking.items()}
    if parts["dataset"].offered is not None:
        told["biased"] = "ranked among sampled items (Krichene and Rendle, KDD 2020)"
    if parts["dataset"].catalogue.features is not None:
        told["features"] = parts["dataset"].catalogue.features.spec
    shop = result.models.get("before")
    if isinstance(shop, External):
        told["asked"] = shop.told()
    if "after" in lists and len(case.items):
        names = parts["dataset"].item_ids
        found = moved(lists["before"], lists["after"], names)
        margins = None if result.crafted is None else result.crafted.margin_before
        told["items"] = [
            asdict(m)
            | {
                "popularity": int(parts["dataset"].train.popularity[m.position]),
                "margin": None if margins is None else float(margins[n]),
            }
            for n, m in enumerate(found)
        ]
    return told


def versions() -> dict[str, str]:
    """Return the versions of what took part, the system, and the processor."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import machine, python_version, system

    found = {"python": python_version(), "vrbench": vrbench.__version__}
    found["system"] = f"{system()} {machine()}"
    found["processor"] = processor()
    for package in (*PACKAGES, *ADAPTED):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


@cache
def processor() -> str:
    """Return the processor's name and the vector units that torch uses, which decide rounding.

    Where the system names no processor, it is the architecture.
    """
    import platform

    from torch.backends.cpu import get_cpu_capability

    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        name = next(named, name)
    return f"{name}, {get_cpu_capability()}"


def _component(made: Any) -> str | None:
    """Return the name of the component behind a choice; None for plain data."""
    from vrbench.core.spec import describe

    told = describe(made)
    return str(told["name"]) if isinstance(told, dict) and "name" in told else None


def _settings(node: DictConfig, made: Any) -> dict[str, Any]:
    """Return what tells this part from others of its name; of data, how they were asked for.

    What comes from the environment stands there by its variable: where it lies here tells nobody
    elsewhere anything.
    """
    from vrbench.core.spec import describe, flat

    told = describe(made)
    if isinstance(told, dict):
        return flat(told)
    written = flat(OmegaConf.to_container(node, resolve=False))
    asked = flat(OmegaConf.to_container(node, resolve=True))
    return {
        key: written[key] if ENVIRONMENT in str(written.get(key, "")) else value
        for key, value in asked.items()
    }


def _standing(result: Result, k: int) -> dict[str, Any]:
    """Return how often source and target were recommended before the attack, by role."""
    from vrbench.bench.result import standing

    case, found = result.case, {}
    for role, name in (("source", case.source), ("target", case.target)):
        where = standing(result.lists["before"], case.names.index(name), k)
        found[role] = None if where is None or not case.settled else asdict(where)
    return found
