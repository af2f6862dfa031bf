"""Folder layout of a submitted entry: model card, measured rows, trained weights.

card.yaml      who, what, under which licence, how it was run, and the sha256 of each file
rows.jsonl     what the run measured, as ``leaderboard --record`` writes it
model.safetensors, network_0.safetensors, ...    what was learnt
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import read_yaml, regular, sha256
from vrbench.core.weights import read_plain
from vrbench.report.run_records import Entry, readable

CARD, ROWS, MODEL = "card.yaml", "rows.jsonl", "model.safetensors"
NETWORK = re.compile(r"network_(\d)\.safetensors")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SHA = re.compile(r"[0-9a-f]{64}")
LONGEST = 300  # letters of a text of a card
LARGEST = 1 << 16  # bytes of a card


@dataclass(frozen=True, kw_only=True)
class Card:
    """The model card of an entry.

    Attributes:
        name: what it is loaded by, ``data set/who-how``.
        by: who measured it.
        licence: of the weights.
        overrides: the command line of its run.
        files: the sha256 of every other file, by name.
        paper: where it is described; "": nowhere.
    """

    name: str
    by: str
    licence: str
    overrides: list[str]
    files: dict[str, str] = field(default_factory=dict)
    paper: str = ""

    def text(self) -> str:
        """Return the card as YAML."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)


def read_card(folder: Path) -> Card:
    """Return the card of an entry; nothing in it is called, and no file is looked at.

    Raises:
        MissingDataError: if there is none.
        DataError: one line about what is wrong with it.
    """
    path = regular(folder / CARD, f"no {folder / CARD}: an entry has a card")
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path} is larger than a card is")
    told = read_yaml(path)
    if not isinstance(told, dict):
        raise DataError(f"{path}: expected names and values")
    if wrong := _wrong(told):
        raise DataError(f"{path}: {wrong}")
    return Card(**told)


def _wrong(told: Mapping[Any, Any]) -> str:
    """Return what is wrong with the content of a card; "": nothing."""
    known = Card.__dataclass_fields__
    missing = [name for name in known if name not in told and name != "paper"]
    unknown = [str(name)[:40] for name in told if name not in known]
    if missing or unknown:
        return f"missing: {', '.join(missing) or 'nothing'}; unknown: {', '.join(unknown) or 'no'}"
    return _wrong_texts(told) or _wrong_list(told["overrides"]) or _wrong_files(told["files"])


def _wrong_texts(told: Mapping[Any, Any]) -> str:
    texts = {name: told.get(name, "") for name in ("name", "by", "licence", "paper")}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > LONGEST or not (text or name == "paper"):
            return f"{name}: expected a text of 1 to {LONGEST} letters"
    if not NAME.fullmatch(texts["name"]):
        return "name: expected DATASET/WHO, of letters, digits, '.', '_' and '-'"
    return ""


def _wrong_list(overrides: Any) -> str:
    texts = isinstance(overrides, list) and all(isinstance(line, str) for line in overrides)
    return "" if texts else "overrides: expected a list of texts"


def _wrong_files(files: Any) -> str:
    if not isinstance(files, dict) or not {ROWS, MODEL} <= set(files):
        return f"files: expected {ROWS} and {MODEL}, and their sha256"
    for name, told in files.items():
        if name not in (ROWS, MODEL) and not (isinstance(name, str) and NETWORK.fullmatch(name)):
            return f"files: {str(name)[:40]!r} is none of an entry's"
        if not isinstance(told, str) or not SHA.fullmatch(told):
            return f"files: expected the sha256 of {name}"
    return ""


def check_files(folder: Path, card: Card) -> None:
    """Raise unless every file of a card is there, and is the one that the card means.

    Raises:
        MissingDataError, DataError: one line that names the file.
    """
    for name, told in card.files.items():
        found = sha256(regular(folder / name, f"no {folder / name}, and the card names it"))
        if found != told:
            raise DataError(f"{folder / name} has the sha256 {found[:16]}..., not the card's")


def read_rows(folder: Path) -> Entry:
    """Return the run that an entry is about.

    Raises:
        DataError: if it is not one run with rows.
    """
    found = [entry for _, entry in readable([folder / ROWS]) if "rows" in entry]
    if len(found) != 1:
        raise DataError(f"{folder / ROWS} has {len(found)} runs that can be read, expected one")
    return found[0]


def read_weights(folder: Path, card: Card) -> dict[str, list[dict[str, Tensor]]]:
    """Return what was learnt, by stage, in the order in which a run learns it.

    Raises:
        DataError: if a file holds anything but finite numbers by name.
    """
    networks = sorted(name for name in card.files if NETWORK.fullmatch(name))
    found = {"extractors": [], "models": [read_plain(folder / MODEL)]} | {
        "extractors": [read_plain(folder / name) for name in networks]
    }
    for states in found.values():
        for state in states:
            bad = [n for n, t in state.items() if t.is_floating_point() and not t.isfinite().all()]
            if bad:
                raise DataError(f"{folder}: {bad[0]} holds numbers that are not finite")
    return found


def find(name: str | Path, places: Path) -> Path:
    """Return the folder of an entry, given by its folder or by its name.

    Raises:
        ConfigError: if there is none; says which there are.
    """
    folder = Path(name)
    if (folder / CARD).is_file():
        return folder
    known: dict[str, Path] = {}
    for card in sorted(places.rglob(CARD)) if places.is_dir() else []:
        try:
            known[read_card(card.parent).name] = card.parent
        except (DataError, MissingDataError):
            continue
    if str(name) not in known:
        from vrbench.core.errors import nearest

        raise ConfigError(
            f"no entry {str(name)!r}{nearest(str(name), known)} in {places} (there is: "
            f"{', '.join(known) or 'nothing'}); name its folder, or set VRBENCH_ENTRIES"
        )
    return known[str(name)]
