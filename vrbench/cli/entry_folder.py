"""Folder layout of a submitted entry: model card, measured rows, trained weights or pictures.

card.yaml      who, what, under which licence, how it was run, and the sha256 of each file
rows.jsonl     what its runs measured, one per aim, as ``leaderboard --record`` writes it
model.safetensors, network_0.safetensors, ...    what was learnt
attacked/17.png, ... or attacked.parquet         of an attack on another entry: its pictures
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import Confined, read_yaml, regular, sha256
from vrbench.core.weights import read_plain
from vrbench.report.run_records import Entry, readable

CARD, ROWS, MODEL = "card.yaml", "rows.jsonl", "model.safetensors"
NETWORK = re.compile(r"network_(\d)\.safetensors")
PICTURES, TABLE = "attacked", "attacked.parquet"
PICTURE = re.compile(rf"{PICTURES}/\d{{1,18}}\.png", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SHA = re.compile(r"[0-9a-f]{64}")
ADVERSARY = ("attack", "budget", "objective")  # in which the runs of one entry may differ
LONGEST = 300  # letters of a text of a card
LARGEST = 1 << 16  # bytes of a card


@dataclass(frozen=True, kw_only=True)
class Card:
    """The model card of an entry.

    Attributes:
        name: what it is loaded by, ``data set/who-how``.
        by: who measured it.
        licence: of the weights or pictures.
        overrides: the command line of its run; of one of them, where several aims were run.
        files: the sha256 of every other file, by name.
        paper: where it is described; "": nowhere.
        attacks: of attacked pictures, the entry whose shop they attack; "": weights.
    """

    name: str
    by: str
    licence: str
    overrides: list[str]
    files: dict[str, str] = field(default_factory=dict)
    paper: str = ""
    attacks: str = ""

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
    missing = [name for name in known if name not in told and name not in ("paper", "attacks")]
    unknown = [str(name)[:40] for name in told if name not in known]
    if missing or unknown:
        return f"missing: {', '.join(missing) or 'nothing'}; unknown: {', '.join(unknown) or 'no'}"
    return (
        _wrong_texts(told)
        or _wrong_list(told["overrides"])
        or _wrong_files(told["files"], bool(told.get("attacks")))
    )


def _wrong_texts(told: Mapping[Any, Any]) -> str:
    texts = {name: told.get(name, "") for name in ("name", "by", "licence", "paper", "attacks")}
    for name, text in texts.items():
        optional = name in ("paper", "attacks")
        if not isinstance(text, str) or len(text) > LONGEST or not (text or optional):
            return f"{name}: expected a text of 1 to {LONGEST} letters"
    for name in ("name", "attacks"):
        if texts[name] and not NAME.fullmatch(texts[name]):
            return f"{name}: expected DATASET/WHO, of letters, digits, '.', '_' and '-'"
    return ""


def _wrong_list(overrides: Any) -> str:
    texts = isinstance(overrides, list) and all(isinstance(line, str) for line in overrides)
    return "" if texts else "overrides: expected a list of texts"


def _wrong_files(files: Any, pictures: bool) -> str:
    needed = {ROWS} if pictures else {ROWS, MODEL}
    if not isinstance(files, dict) or not needed <= set(files):
        return f"files: expected {' and '.join(sorted(needed))}, and their sha256"
    for name, told in files.items():
        if not isinstance(name, str) or not (name in needed or _belongs(name, pictures)):
            return f"files: {str(name)[:40]!r} is none of an entry's"
        if not isinstance(told, str) or not SHA.fullmatch(told):
            return f"files: expected the sha256 of {name}"
    if pictures and (len(files) < 2 or (TABLE in files and len(files) > 2)):
        return f"files: expected pictures, as {PICTURES}/POSITION.png or as {TABLE}"
    return ""


def _belongs(name: str, pictures: bool) -> bool:
    """Whether an entry may have a file of that name beside those that it needs."""
    if pictures:
        return name == TABLE or PICTURE.fullmatch(name) is not None
    return NETWORK.fullmatch(name) is not None


def check_files(folder: Path, card: Card) -> None:
    """Raise unless every file of a card is there, and is the one that the card means.

    Of pictures no others may lie beside them: a folder of pictures is read as a whole.

    Raises:
        MissingDataError, DataError: one line that names the file.
    """
    inside = Confined(folder)
    for name, told in card.files.items():
        path = inside.path(name)
        found = sha256(regular(path, f"no {path}, and the card names it"))
        if found != told:
            raise DataError(f"{path} has the sha256 {found[:16]}..., not the card's")
    if card.attacks:
        there = [folder / TABLE] if (folder / TABLE).exists() else []
        there += (folder / PICTURES).iterdir() if (folder / PICTURES).is_dir() else []
        for path in sorted(there):
            if path.relative_to(folder).as_posix() not in card.files:
                raise DataError(f"{path} is not named by the card: take it out")


def read_runs(folder: Path) -> list[Entry]:
    """Return the runs that an entry is about: one per aim, of one shop.

    Raises:
        DataError: if there is none with rows, or they are of several shops.
    """
    found = [entry for _, entry in readable([folder / ROWS]) if "rows" in entry]
    if not found:
        raise DataError(f"{folder / ROWS} has no run that can be read")
    if wrong := several_shops(found):
        raise DataError(f"{folder / ROWS}: {wrong}")
    return found


def several_shops(runs: Sequence[Entry]) -> str:
    """Return in what runs differ beside the adversary's attack, budget and aim; "": nothing."""
    shops = [shop_of(run) for run in runs]
    differing = [name for name in shops[0] if any(s.get(name) != shops[0][name] for s in shops)]
    return f"its runs differ in {', '.join(differing)}: an entry is of one" if differing else ""


def shop_of(run: Entry) -> dict[str, Any]:
    """Return what runs of one entry share: keys of all parts but the adversary's, and seeds."""
    told = {part: made.get("key") for part, made in run["parts"].items()}
    told |= {name: run.get(name) for name in ("seed", "extractor_seed", "metrics")}
    return {name: what for name, what in told.items() if name not in ADVERSARY}


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
