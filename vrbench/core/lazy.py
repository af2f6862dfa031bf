"""Names that a module finds when they are asked for, so that importing it is instant."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

ROOT = Path(__file__).resolve().parents[2]  # the folder in which vrbench is
Face = tuple[Callable[[str], Any], Callable[[], list[str]]]  # __getattr__ and __dir__ (PEP 562)


def components(face: str, packages: str | tuple[str, ...], *kinds: str) -> Face:
    """Return ``__getattr__`` and ``__dir__`` of a module that shows the components of some kinds.

    These are the classes of ``kinds``, those that extend them, and the functions with settings
    that return one. They are read from the files of ``packages`` and of the folders in them, so
    there is no list to keep. What has the name of a module beside it is not shown.

    Args:
        face: dotted name of the module.
        packages: dotted name of where the components are defined, or several.
        kinds: names of classes.
    """
    within = (packages,) if isinstance(packages, str) else packages

    def shown() -> dict[str, str]:
        beside = _modules_in(face)
        return {n: home for n, home in _of_kinds(within, kinds).items() if n not in beside}

    def find(name: str) -> Any:
        if name.startswith("_") or name in _modules_in(face) or name not in shown():
            raise _missing(face, name, shown)
        return getattr(importlib.import_module(shown()[name]), name)

    return find, lambda: sorted(shown())


def names(
    face: str,
    modules: Iterable[str],
    defined: Mapping[str, Iterable[str]],
    own: Iterable[str] = (),
) -> Face:
    """Return ``__getattr__`` and ``__dir__`` of a package that shows chosen names.

    Args:
        face: dotted name of the package.
        modules: names of modules in it.
        defined: by dotted name of a package, the classes and functions in its files.
        own: what it has itself, to be listed with the others.
    """
    inside = set(modules)
    homes = {name: package for package, chosen in defined.items() for name in chosen}

    def find(name: str) -> Any:
        if name in inside:
            return importlib.import_module(f"{face}.{name}")
        if name not in homes:
            raise _missing(face, name, lambda: [*inside, *homes])
        (home,) = (module for module, node in _defined(homes[name]) if node.name == name)
        return getattr(importlib.import_module(home), name)

    return find, lambda: sorted([*inside, *homes, *own])


def _missing(face: str, name: str, known: Callable[[], Iterable[str]]) -> AttributeError:
    if name.startswith("_") or name in _modules_in(face):  # Python asks for these by itself
        return AttributeError(f"module {face!r} has no attribute {name!r}")
    from vrbench.core.errors import nearest

    return AttributeError(f"{face} has no {name!r}{nearest(name, known())}")


@cache
def _of_kinds(packages: tuple[str, ...], kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the module of each component of some kinds, by name."""
    import ast

    found = [defined for package in packages for defined in _defined(package)]
    known = _below(kinds, [node for _, node in found if isinstance(node, ast.ClassDef)])
    shown: dict[str, str] = {}
    for module, node in found:
        of_kind = node.name in known if isinstance(node, ast.ClassDef) else _makes(node, known)
        if of_kind and not node.name.startswith("_"):
            assert node.name not in shown, f"{node.name} is in {module} and in {shown[node.name]}"
            shown[node.name] = module
    return shown


def _below(kinds: Iterable[str], classes: Iterable[ast.ClassDef]) -> set[str]:
    """Return the names of some kinds and of all ``classes`` that descend from them."""
    import ast

    bases = {node.name: {_last(ast.unparse(base)) for base in node.bases} for node in classes}
    known = set(kinds)
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return known


def _last(base: str) -> str:
    """Return the name of a class without its module and without what stands in brackets."""
    return base.partition("[")[0].rpartition(".")[2]


def _makes(function: ast.FunctionDef, known: set[str]) -> bool:
    """Whether a function has settings and says that it returns one of some classes."""
    import ast

    told = function.returns
    return bool(function.args.kwonlyargs) and isinstance(told, ast.Name) and told.id in known


@cache
def _defined(package: str) -> tuple[tuple[str, ast.ClassDef | ast.FunctionDef], ...]:
    """Return the classes and functions in the files of a package, or of a module, with homes."""
    return tuple(_read(ROOT.joinpath(*package.split("."))))


def _read(place: Path) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    import ast

    for path in sorted(place.rglob("*.py")) or [place.with_suffix(".py")]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield module, node


@cache
def _modules_in(package: str) -> set[str]:
    """Return the names of the modules in a package; of a module, none."""
    return {path.stem for path in ROOT.joinpath(*package.split(".")).glob("*")}
