"""Configuration folders: the shipped one, and a user's, which takes precedence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from vrbench.cli import variants
from vrbench.core.errors import ConfigError
from vrbench.report.order import natural

FLAGS = ("--config-dir", "-cd")  # as Hydra calls them
_own: ContextVar[Path | None] = ContextVar("own", default=None)


def conf_dir() -> Path:
    """Return the folder of the YAML files: inside the package (wheel) or beside it (clone)."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "conf", here.parent / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise AssertionError("vrbench is installed without its conf/ folder")


def own_dir() -> Path | None:
    """Return the folder named by ``--config-dir``, if one was named."""
    return _own.get()


def without_own(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """Return a command line without its ``--config-dir``, and the folder that it names.

    Raises:
        ConfigError: if it names none, or two.
    """
    kept: list[str] = []
    found: list[str] = []
    left = iter(arguments)
    for argument in left:
        flag, equals, value = argument.partition("=")
        if flag not in FLAGS:
            kept.append(argument)
            continue
        found.append(value if equals else next(left, ""))
    if len(found) > 1 or "" in found:
        raise ConfigError("--config-dir: expected one folder")
    return kept, Path(found[0]) if found else None


@contextmanager
def own_first(folder: Path | None) -> Iterator[None]:
    """Let whatever is composed come from ``folder`` first, then from the shipped files.

    Raises:
        ConfigError: if there is no such folder.
    """
    if folder is not None:
        if not folder.is_dir():
            raise ConfigError(f"--config-dir: no folder {folder}")
        Plugins.instance().register(OwnFirst)
        folder = folder.resolve()
    before = _own.set(folder)
    try:
        yield
    finally:
        _own.reset(before)


def files_of(group: str, conf: Path) -> dict[str, Path]:
    """Return by name, sorted, the files of a group of ``conf``; the user's own come first.

    Args:
        group: an axis, or what no run composes: ``reported``, ``reproduce``, ``tune``.
        conf: the shipped folder.
    """
    found: dict[str, Path] = {}
    for folder in (place / group for place in (conf, own_dir()) if place):
        paths = folder.rglob("*.yaml")
        found |= {path.relative_to(folder).as_posix()[: -len(".yaml")]: path for path in paths}
    return dict(sorted(found.items()))


def choice_names(axis: str, conf: Path) -> list[str]:
    """Return the choices of an axis, those of the user's own folder included; linf_2 before 16."""
    return sorted({*files_of(axis, conf), *variants.names(axis, conf)}, key=natural)


def called(axis: str, choice: str, conf: Path) -> str:
    """Return the current name of a choice that was renamed; a user's own file keeps its name."""
    own = own_dir()
    if own is not None and (own / axis / f"{choice}.yaml").is_file():
        return choice
    return variants.current(axis, choice, conf)


def overruled(folder: Path) -> list[str]:
    """Return the files of ``folder`` that are taken instead of what is shipped under their name."""
    shipped = conf_dir()
    found = {path.relative_to(folder) for path in folder.glob("**/*.yaml")}
    return sorted(str(path) for path in found if _is_shipped(path, shipped))


def _is_shipped(path: Path, conf: Path) -> bool:
    """Whether a file of that name is shipped, or a row of a table in its place."""
    axis, name = path.parts[0], path.relative_to(path.parts[0]).with_suffix("").as_posix()
    told = variants.row(axis, name, conf) is not None or name in variants.names(axis, conf)
    return told or (conf / path).is_file() or (axis == "tune" and name in tuned(conf))


def tuned(conf: Path) -> dict[str, Any]:
    """Return by name the search spaces that are shipped, each as YAML has it."""
    return variants.table(conf / "tune.yaml")


class OwnFirst(SearchPathPlugin):
    """Puts the user's own folder before the shipped one; Hydra itself would put it behind."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = own_dir()
        if folder is not None:
            search_path.prepend("own", f"file://{folder}", anchor="main")
