"""Translation of what an Elliot configuration knows of items: features, pictures, attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrbench.cli.elliot.configuration import Node, listed, section
from vrbench.cli.elliot.paths import path_of
from vrbench.cli.elliot.table import SIDE
from vrbench.cli.overrides import quoted
from vrbench.core.errors import ConfigError, nearest
from vrbench.data.sources.var import BASES, SPLITS

WHERE = "experiment.data_config.side_information"
VISUAL = ("VisualAttribute", "VisualAttributes", "VisualLoader")


@dataclass
class Side:
    """What is known of items.

    Attributes:
        around: choices of ``dataset`` around the data, and the settings of each.
        has: see ``Model.needs``.
        pictures: whether they lie beside fixed splits, where VAR has them.
        size: of the pictures; None: not told.
        notes: one line per option that is not read.
    """

    around: dict[str, list[str]] = field(default_factory=dict)
    has: set[str] = field(default_factory=set)
    pictures: bool = False
    size: int | None = None
    notes: list[str] = field(default_factory=list)


def side_of(experiment: Node, config: Node, place: Path) -> Side:
    """Return what is known of items.

    Args:
        experiment: see ``read_configuration``.
        config: its ``data_config``.
        place: the folder of the file.

    Raises:
        ConfigError: if a loader or an option of it is not here.
    """
    found = Side()
    for loader in listed(config.get("side_information")):
        if not isinstance(loader, Mapping):
            raise ConfigError(f"{WHERE}: expected loaders with options, got {loader!r}")
        kind = str(loader.get("dataloader", config.get("dataloader")))
        told = {name: value for name, value in loader.items() if name != "dataloader"}
        if kind in VISUAL:
            _visual(found, told, experiment, place)
            _pictures(found, told, experiment, place)
        elif kind == "ItemAttributes":
            _attributes(found, told, experiment, place)
        else:
            raise ConfigError(
                f"{WHERE}: the loader {kind} is not here; VisualAttribute and ItemAttributes are"
            )
    return found


def _visual(found: Side, told: Mapping[str, Any], experiment: Node, place: Path) -> None:
    _known("VisualAttribute", {("visual_features" if n == "feature_data" else n) for n in told})
    names = ("visual_features", "feature_data", "visual_pca_features")
    given = [name for name in names if told.get(name)]
    if given:
        path = path_of(place, told[given[0]], experiment)
        found.around["features"] = [f"path={quoted(str(path))}", "extractor=ready"]
        found.has.add("features")
    for name in [*given[1:], "visual_feat_map_features"]:
        if told.get(name):
            here = SIDE[f"VisualAttribute.{name}"]
            found.notes.append(f"data_config.side_information.{name}: {here.replace('`', '')}")
    if not given and not told.get("images_src_folder"):
        raise ConfigError(f"{WHERE}: VisualAttribute: no visual_features, no images_src_folder")


def _pictures(found: Side, told: Mapping[str, Any], experiment: Node, place: Path) -> None:
    """Note whether the pictures lie where VAR has them; they are then known of the items.

    Raises:
        ConfigError: if they are to be made other than square.
    """
    if not told.get("images_src_folder"):
        return
    train = section(experiment, "data_config").get("train_path", "")
    folder = path_of(place, told["images_src_folder"], experiment)
    beside = path_of(place, train, experiment).parent if train else place
    where = [beside / base / "images" for base in (*BASES, "")]
    if folder not in where or Path(str(train)).name != SPLITS["train"]:
        found.notes.append(
            "data_config.side_information.images_src_folder: read where it is "
            f"{BASES[0]}/images beside {SPLITS['train']}; left out"
        )
        return
    sides = {int(n) for n in re.findall(r"\d+", str(told.get("output_image_size", "")))}
    if len(sides) > 1:
        raise ConfigError(f"{WHERE}.output_image_size: pictures are square here, got {sides}")
    found.pictures, found.size = True, min(sides, default=None)
    found.has |= {"pictures"} if "features" in found.has else {"features", "maps", "pictures"}


def _attributes(found: Side, told: Mapping[str, Any], experiment: Node, place: Path) -> None:
    _known("ItemAttributes", set(told))
    if not told.get("attribute_file"):
        raise ConfigError(f"{WHERE}: ItemAttributes: no attribute_file")
    path = path_of(place, told["attribute_file"], experiment)
    found.around["attributes"] = [f"path={quoted(str(path))}"]
    found.has.add("attributes")


def _known(loader: str, names: set[str]) -> None:
    """Raise unless a loader has all these options."""
    known = [name.partition(".")[2] for name in SIDE if name.startswith(f"{loader}.")]
    for name in sorted(names - set(known)):
        raise ConfigError(f"{WHERE}.{name}: {loader} has none{nearest(name, known)}")
