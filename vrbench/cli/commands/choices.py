"""List every choice of an axis, and what it is.

With --long also its class, paper and settings; of attacks what the adversary must know, and what
they cost.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vrbench.cli.axes import LISTED, WHOLE
from vrbench.cli.checks import NO_SETTINGS, check
from vrbench.cli.choices import choices
from vrbench.cli.folders import choice_names, conf_dir
from vrbench.cli.instantiation import make
from vrbench.cli.remarks import remarks
from vrbench.cli.targets import find
from vrbench.core.errors import ConfigError, VRBenchError, offered
from vrbench.report.tables import in_columns, markdown, text

Told = dict[str, str]
WIDTH, MOST = 80, 100  # letters of a line without a terminal, and on a wide one


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("axis", nargs="?", help="attack, recommender, ...; default: all")
    parser.add_argument("--long", action="store_true", help="all there is to say, on long lines")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")


def main(chosen: argparse.Namespace) -> int:
    """Print the choices; return the exit code."""
    axes = [chosen.axis] if chosen.axis else LISTED
    if chosen.format == "json":
        told = {axis: listed(axis, conf_dir()) for axis in axes}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return 0
    for axis in axes:  # each as soon as it is known: all take seconds
        sys.stdout.write(_shown(axis, listed(axis, conf_dir()), chosen.format, chosen.long))
        sys.stdout.flush()
    return 0


def _shown(axis: str, told: Sequence[Told], format: str, long: bool) -> str:
    """Return the choices of an axis below its name."""
    records = told if format == "markdown" else [_unmarked(record) for record in told]
    heads = [head for head in records[0] if any(record[head] for record in records)]
    lines = [[record[head] for head in heads] for record in records]
    if format == "markdown":
        return f"## {axis}\n\n{markdown(heads, lines)}\n\n"
    if long:
        return f"{axis}\n\n{text(heads, lines, words=True)}\n\n"
    return f"{axis}\n\n{_short(axis, records)}\n\n"


def _unmarked(record: Told) -> Told:
    """Return it without the marks of code in a docstring, which no terminal shows as such."""
    return record | {"what": record["what"].replace("``", "").replace("\\*", "*")}


def _short(axis: str, records: Sequence[Told]) -> str:
    """Return names and what they are, as wide as the terminal; 80 letters where there is none."""
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, MOST)
    name = "class" if axis == "metrics" else "name"  # a metric stands in several files
    return in_columns([(record[name], _what(record)) for record in records], width)


def _what(record: Told) -> str:
    """Return what a choice is, with the settings that tell it from others of its class."""
    settings = record.get("settings")
    return f"{record['what']} {settings}" if settings else record["what"]


def listed(axis: str, conf: Path) -> list[Told]:
    """Return one record per choice of an axis, all with the same fields.

    ``name`` is what is written on the command line; ``class``, ``what`` and ``paper`` are those of
    the code behind it. Attacks also tell what the adversary ``knows``, and how many verdicts
    (``forward``) and gradients (``backward``) a picture takes at most, by these settings; for a
    black box the verdicts are its queries. Recommenders tell what they are ``shown``; budgets,
    scenarios and threats their ``settings``. A metric is listed once, with its files as ``name``.
    A machine, a preset or an experiment is several settings at once and has no class: its files
    say what it is, and of a data set what tells it from others of its class.

    Raises:
        ConfigError: if there is no such axis.
    """
    if axis not in LISTED:
        raise ConfigError(f"no axis {axis!r}{offered(axis, LISTED)}")
    said = remarks(axis, conf) if axis in (*WHOLE, "dataset", "split") else {}
    if axis in WHOLE:
        return [{"name": name, "what": _said(name, said)} for name in choice_names(axis, conf)]
    found = choices(axis, conf)
    if axis == "metrics":
        return _metrics(found)
    told = [{"name": name} | _told(axis, node) for name, node in found.items()]
    return [record | {"what": _said(record["name"], said) or record["what"]} for record in told]


def _said(name: str, said: Mapping[str, str]) -> str:
    """Return the remark on a choice; "" where there is none."""
    numbered = (re.sub(r"\d+", "N", name, count=1), name)
    return next((said[key] for key in numbered[::-1] if said.get(key)), "")


def _told(axis: str, node: Any) -> Told:
    """Return what there is to say of one choice."""
    target = find(node["_target_"])
    told = _described(target) | {"class": _classes(node)}
    if axis == "attack":
        told |= _of_attack(target, node)
    elif axis == "recommender":
        told["shown"] = target.signal.value if target.signal else "nothing"
    elif axis in ("budget", "scenario", "threat"):
        told["settings"] = " ".join(f"{k}={_plain(v)}" for k, v in node.items() if _own(k, v))
    told["what"] = told.pop("what")  # the longest, last
    return told


def _classes(node: Any) -> str:
    """Return the name of the class, and in brackets that of the network or attack inside it."""
    name, inside = str(find(node["_target_"]).__name__), node.get("network") or node.get("inner")
    return f"{name} ({_classes(inside)})" if inside else name


def _described(target: Any) -> Told:
    summary = (inspect.getdoc(target) or "").partition("\n\n")[0]
    return {
        "class": str(target.__name__),
        "paper": str(getattr(target, "paper", "")),
        "what": " ".join(summary.split()),
    }


def _of_attack(target: Any, node: Any) -> Told:
    """Return what an attack needs; what cannot be made here (no library, no path) says less."""
    try:
        check(node, "attack")
        made = make(node)
    except VRBenchError:
        made = None
    cost = getattr(made, "cost", None)
    forward, backward = map(str, cost) if cost else ("?", "?")
    knows = str(getattr(made or target, "knows", ""))
    return {"knows": knows, "forward": forward, "backward": backward}


def _own(key: str, value: Any) -> bool:
    return key not in NO_SETTINGS and value is not None


def _plain(value: Any) -> str:
    return _classes(value) if hasattr(value, "get") and "_target_" in value else str(value)


def _metrics(found: dict[str, Any]) -> list[Told]:
    told: dict[str, Told] = {}
    for choice, group in found.items():
        for node in group.values():
            record = _described(find(node["_target_"]))
            kept = told.setdefault(record["class"], {"name": "", **record})
            if choice not in kept["name"].split(", "):
                kept["name"] = ", ".join(filter(None, [kept["name"], choice]))
    return list(told.values())
