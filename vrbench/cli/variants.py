"""Configuration choices defined as table rows, and former names of choices.

Where choices of an axis differ in a few settings, one of them is a file and the others are rows of
``conf/variants/AXIS.yaml``, each read by Hydra as if it were a file of its own::

    vbpr/tied: {tied: true, scale: max}        # over vbpr, as its name says
    cw_margin: {over: cw, confidence: 1.0}
    linf_N: {over: linf_8, N: [2, 4], eps: N}  # linf_2, linf_4; linf_3 as well
    few_N: {N: [10], defaults: [chr_N, auc]}   # over nothing: what a file of its own would say

``over`` is another choice of the axis, ``N`` the numbers to be listed, the rest what the file would
say. ``conf/renamed.yaml`` has the spellings of earlier versions: they compose what they did.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

FOLDER = "variants"  # of conf/: a table an axis
RENAMED = "renamed.yaml"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
Table = dict[str, dict[str, Any]]
if TYPE_CHECKING:
    from yaml import SafeLoader as Base
else:
    Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where there is one


class Loader(Base):
    """Reads YAML as OmegaConf does: ``1e-3`` is a number, a date is text, no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if key.tag.endswith(":str"))
        for key, times in keys.items():
            if times > 1:
                told = f"{key!r} stands {times} times"
                raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
    for first, forms in Base.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


class Row(NamedTuple):
    """A choice defined as a row of a table."""

    over: str  # the choice that it changes; "" if it stands by itself
    defaults: list[Any]  # what it chooses inside, as in a file
    settings: dict[str, Any]


def row(axis: str, name: str, conf: Path) -> Row | None:
    """Return what the tables say of a choice; None if it is a file, or is none.

    Args:
        axis: ``"recommender"``, ...
        name: as on the command line; an earlier spelling, too.
        conf: the shipped folder.
    """
    if (now := current(axis, name, conf)) != name:
        return Row(now, [], {})
    rows = table(conf / FOLDER / f"{axis}.yaml")
    if not rows or (conf / axis / f"{name}.yaml").is_file():
        return None
    if (found := _told(name, rows)) is None:
        return None
    told = {key: value for key, value in found.items() if key != "N"}
    return Row(told.pop("over", name.rpartition("/")[0]), told.pop("defaults", []), told)


def names(axis: str, conf: Path) -> list[str]:
    """Return the choices that the table of an axis names, one for each number it lists."""
    return [
        pattern.replace("N", str(number))
        for pattern, told in table(conf / FOLDER / f"{axis}.yaml").items()
        for number in told.get("N", ["N"])
    ]


def current(axis: str, name: str, conf: Path) -> str:
    """Return the current name of a choice."""
    return str(table(conf / RENAMED).get(axis, {}).get(name, name))


@cache
def table(path: Path) -> Table:
    """Return what a file of named mappings says; nothing if there is none."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:  # as OmegaConf reads it, without a node a value
        return cast(Table, yaml.load(file, Loader=Loader) or {})


def _told(name: str, table: Table) -> dict[str, Any] | None:
    """Return the row of that name, or of that name with N for one of its numbers, N filled in."""
    if name in table and "N" not in table[name]:
        return table[name]
    for found in NUMBER.finditer(name):
        pattern, number = f"{name[: found.start()]}N{name[found.end() :]}", _number(found[0])
        if pattern in table and "N" in table[pattern] and f"{number}" == found[0]:
            return {key: _filled(value, number) for key, value in table[pattern].items()}
    return None


def _number(digits: str) -> int | float:
    return float(digits) if "." in digits else int(digits)


def _filled(value: Any, number: int | float) -> Any:
    """Return a setting with the number in place of N, also in the name of another choice."""
    if isinstance(value, dict):
        return {key: _filled(inner, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, number) for inner in value]
    if not isinstance(value, str):
        return value
    return number if value == "N" else value.replace("_N", f"_{number}")


@cache
def _package(axis: str, name: str, conf: Path) -> str | None:
    """Return where a choice says that it belongs if not to its axis: ``_global_``."""
    while (found := row(axis, name, conf)) is not None:
        if not found.over:
            return None
        name = found.over
    text = (conf / axis / f"{name}.yaml").read_text(encoding="utf-8")
    return FileConfigSource._get_header_dict(text)["package"]


class Choices(FileConfigSource):
    """The files of ``conf/``, and the rows of its tables as files."""

    @staticmethod
    def scheme() -> str:
        return "vrbench"

    def load_config(self, config_path: str) -> ConfigResult:
        found = self._row(config_path)
        if found is None:
            return super().load_config(config_path)
        axis, _, name = config_path.partition("/")
        package = _package(axis, name, Path(self.path))
        over = f"/{axis}/{found.over}" + ("" if package else "@_here_")
        told = {"defaults": [*([over] if found.over else []), *_in_order(found)]} | found.settings
        return ConfigResult(
            self.provider, self.full_path(), OmegaConf.create(told), {"package": package}
        )

    def is_config(self, config_path: str) -> bool:
        return self._row(config_path) is not None or super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        found = super().list(config_path, results_filter)
        more = [] if results_filter == ObjectType.GROUP else names(config_path, Path(self.path))
        return sorted({*found, *more})

    def _row(self, config_path: str) -> Row | None:
        axis, _, name = config_path.partition("/")
        return row(axis, name, Path(self.path))


def _in_order(found: Row) -> list[Any]:
    """Return what a row chooses inside, with the place of its own settings among it."""
    if "_self_" in found.defaults:
        return found.defaults
    first = [d for d in found.defaults if not _overrides(d)]
    last = [d for d in found.defaults if _overrides(d)]
    return [*first, "_self_", *last]


def _overrides(default: Any) -> bool:
    """Whether an entry of a defaults list replaces a choice, and so stands at its end."""
    return isinstance(default, dict) and next(iter(default)).startswith("override ")


class WithTables(SearchPathPlugin):
    """Lets Hydra read the tables of a folder that has some."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for element in search_path.get_path():
            folder = Path(str(element.path).removeprefix("file://"))
            if element.provider == "main" and (folder / FOLDER).is_dir():
                element.path = f"{Choices.scheme()}://{folder}"


Plugins.instance().register(Choices)  # known to Hydra in every process that composes with us
Plugins.instance().register(WithTables)
