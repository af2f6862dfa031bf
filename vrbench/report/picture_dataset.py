"""Clean and attacked pictures for others: beside a run, or as a data set with a card."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from torch import Tensor

from vrbench.core.archives import reading
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.extras import extra
from vrbench.core.files import regular
from vrbench.report.run_records import Entry, may_show, moving, read
from vrbench.report.tables import markdown, number

PARTS = ("clean", "attacked")
LISTED = "metadata.csv"  # as Hugging Face's imagefolder has it
FIELDS = ("file_name", "position", "item_id", "category")
NAME, POSITION = re.compile(r"[0-9]{1,18}\.png"), re.compile(r"[0-9]{1,18}")


def write_pictures(
    pixels: Tensor,
    items: Tensor,
    folder: str | os.PathLike[str],
    *,
    names: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> None:
    """Write ``POSITION.png`` for every picture, and a ``metadata.csv`` that names them.

    The attack ``imported`` reads such a folder back, with these pictures or others.

    Args:
        pixels: ``(n, 3, H, W)`` in [0, 1]; rounded to 8 bits.
        items: ``(n,)`` positions in the catalogue.
        folder: made when needed.
        names: the id of every item of the catalogue; or empty, then positions stand for them.
        categories: of every item of the catalogue; or empty.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    values = (pixels * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    with open(folder / LISTED, "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\n")
        write.writerow(FIELDS)
        for position, picture in zip(items.tolist(), values, strict=True):
            Image.fromarray(picture).save(folder / f"{position}.png")
            name = names[position] if names else position
            kind = categories[position] if categories else ""
            write.writerow([f"{position}.png", position, name, kind])


def publish(run: Path, to: Path, *, licence: str, source: str, parquet: bool) -> None:
    """Write the pictures of a run as a data set of Hugging Face's layout, with a card.

    Splits are ``clean`` and ``attacked``: folders of PNG with a ``metadata.csv``, or Parquet files
    with the same columns and the PNG files as ``image``. ``attack=imported`` reads both back.

    Args:
        run: a folder with ``rows.json`` and ``pictures``, as ``save=[pictures]`` leaves it.
        to: a new folder.
        licence: of the pictures, as Hugging Face abbreviates it.
        source: where the clean pictures are from, for the card.
        parquet: write Parquet, not folders.

    Raises:
        MissingDataError: if the run, its pictures, or one of them is not there.
        DataError: if its list of pictures cannot be read, or they may not be passed on.
        ConfigError: if there is more than one run, ``to`` is not empty, or pyarrow is missing.
    """
    found = read([run])
    if len(found) != 1:
        raise ConfigError(f"{len(found)} runs below {run}: name the folder of one")
    ((path, entry),) = found
    if not may_show(entry):
        name = entry["parts"]["dataset"]["name"]
        raise DataError(f"the pictures of {name} may not be redistributed: nothing is exported")
    listed = {part: _listed(path.parent / "pictures" / part) for part in PARTS}
    if to.is_dir() and any(to.iterdir()):
        raise ConfigError(f"{to} is not empty: name a new folder")
    write = _to_parquet() if parquet else _to_folder
    to.mkdir(parents=True, exist_ok=True)
    for part, rows in listed.items():
        write(path.parent / "pictures" / part, rows, to / part)
    (to / "README.md").write_text(_card(entry, licence, source, parquet), encoding="utf-8")


def _listed(folder: Path) -> list[dict[str, str]]:
    """Return the lines of ``metadata.csv``, every picture being there.

    The list may be a stranger's: it names files of this folder, by digits, and nothing else.
    """
    listed = folder / LISTED
    regular(
        listed, f"no {listed}: run it again with save=[pictures]; what is stored is not made anew"
    )
    _refuse_link(folder, folder.parent, listed)
    with reading(listed), open(listed, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        told = {key: row.get(key) for key in FIELDS}
        if not all(isinstance(value, str) for value in told.values()) or not POSITION.fullmatch(
            row["position"]
        ):
            raise DataError(f"{listed}: expected lines of {','.join(FIELDS)}, got {_told(row)}")
        if not NAME.fullmatch(row["file_name"]):
            raise DataError(
                f"{listed}: expected a name of digits and .png, got {row['file_name'][:80]!r}"
            )
        _check(folder / row["file_name"])
    return rows


def _check(picture: Path) -> None:
    regular(picture, f"no picture {picture}: run it again with save=[pictures]")
    _refuse_link(picture)
    with reading(picture), Image.open(picture, formats=["PNG"]) as opened:
        opened.verify()


def _refuse_link(*places: Path) -> None:
    for place in places:
        if place.is_symlink():
            raise DataError(f"{place} is a link: what it leads to is not published")


def _told(row: dict[str, str]) -> str:
    return repr(dict(row))[:200]


def _to_folder(pictures: Path, rows: Iterable[dict[str, str]], to: Path) -> None:
    to.mkdir()
    with open(to / LISTED, "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\n")
        write.writerow(FIELDS)
        for row in rows:
            write.writerow([row[field] for field in FIELDS])
            shutil.copyfile(pictures / row["file_name"], to / row["file_name"])


def _to_parquet() -> Any:
    pa = extra("pyarrow", needed_by="--parquet", group="parquet")
    pq = extra("pyarrow.parquet", needed_by="--parquet", group="parquet")
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    kinds = {"image": image, "position": pa.int64(), "item_id": pa.string()}
    kinds["category"] = pa.string()
    features = {name: {"dtype": str(kind), "_type": "Value"} for name, kind in kinds.items()}
    features["image"] = {"_type": "Image"}  # what makes `datasets` decode it
    told = json.dumps({"info": {"features": features}})
    schema = pa.schema(list(kinds.items()), metadata={"huggingface": told})

    def write(pictures: Path, rows: Iterable[dict[str, str]], to: Path) -> None:
        lines = [
            {
                "image": {
                    "bytes": (pictures / r["file_name"]).read_bytes(),
                    "path": r["file_name"],
                },
                "position": int(r["position"]),
                "item_id": r["item_id"],
                "category": r["category"],
            }
            for r in rows
        ]
        pq.write_table(pa.Table.from_pylist(lines, schema=schema), to.with_suffix(".parquet"))

    return write


def _card(entry: Entry, licence: str, source: str, parquet: bool) -> str:
    """Return the README of a data set: front matter, and what the pictures are."""
    names = {part: made["name"] for part, made in entry["parts"].items()}
    where = "{}.parquet" if parquet else "{}/**"
    front = {
        "license": licence,
        "pretty_name": f"{names['dataset']}, attacked by {names['attack']}",
        "tags": ["adversarial", "recommender-systems", "vrbench"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": part, "path": where.format(part)} for part in PARTS],
            }
        ],
    }
    told = moving(entry["overrides"])
    kept = " ".join(o for o in told if not o.lstrip("+~").startswith("attack"))
    again = f"python -m vrbench {kept} attack=imported attack.path=FOLDER".replace("  ", " ")
    facts = [[what, told_of] for what, told_of in _facts(entry, licence, source).items()]
    rows = [
        [r["metric"], number(r["before"]), number(r["after"]), str(r["n"])] for r in entry["rows"]
    ]
    return (
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n"
        f"# {front['pretty_name']}\n\n"
        "Product pictures and their adversarial versions, made by vrbench. Splits: `clean` and "
        "`attacked`; `position` is an item's place in the catalogue of the source.\n\n"
        f"{markdown(['what', 'value'], facts)}\n\n"
        f"Made by\n\n    python -m vrbench {' '.join(told)}\n\n"
        f"and measured again, FOLDER being this one, by\n\n    {again}\n\n"
        f"{markdown(['metric', 'clean', 'attacked', 'n'], rows)}\n"
    )


def _facts(entry: Entry, licence: str, source: str) -> dict[str, str]:
    """Return what the pictures are, whose, and how they were made."""
    case = entry["case"]
    return {
        "pictures": f"{case['items']} of {case['source']!r}, to be taken for {case['target']!r} "
        f"({case['labels']} labels)",
        "source": source,
        "licence": licence,
        "seeds": f"{entry['seed']} (extractor: {entry['extractor_seed']})",
        **{part: _settings(made) for part, made in entry["parts"].items()},
        "versions": _settings(entry["versions"]),
    }


def _settings(told: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in told.items())
