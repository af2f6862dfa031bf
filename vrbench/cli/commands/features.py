"""Export the features of a run for the models of others.

Clean and attacked ones. The run must have been made with save=[features]. Layouts: npy (PART.npy,
item_ids.txt), mmrec (PART/image_feat.npy), cornac (PART.npz), ducho (PART/ID.npy), warprec
(PART.tsv, side information).
dataset=features reads them back.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

LAYOUTS = ("npy", "mmrec", "cornac", "ducho", "warprec")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("export",))
    parser.add_argument("run", type=Path, help="its folder")
    parser.add_argument("--to", type=Path, required=True, help="a new folder")
    parser.add_argument("--layout", choices=LAYOUTS, default="npy")


def main(chosen: argparse.Namespace) -> int:
    """Write the features; return the exit code."""
    for path in exported(chosen.run, chosen.to, chosen.layout):
        sys.stdout.write(f"{path}\n")
    return 0


def exported(run: Path, to: Path, layout: str) -> list[Path]:
    """Convert saved features to the layout of another tool; return the path of each part.

    Raises:
        MissingDataError: if the run, or its features, are not there.
        DataError: if they cannot be read, or ids do not fit the layout.
        ConfigError: if there is more than one run, or ``to`` is not empty.
    """
    from vrbench.core.errors import ConfigError, MissingDataError
    from vrbench.data.feature_layouts import IDS, write_features
    from vrbench.data.readers.feature_files import read_features
    from vrbench.report import writing
    from vrbench.report.run_records import read

    writing.check(to / IDS)
    found = read([run])
    if len(found) != 1:
        raise ConfigError(f"{len(found)} runs below {run}: name the folder of one")
    ((record, entry),) = found
    place = record.parent / "features"
    parts = [part for part in ("clean", "attacked") if (place / f"{part}.npy").exists()]
    if not parts:
        raise MissingDataError(f"no features in {place}: run it again with save=[features]")
    if to.is_dir() and any(to.iterdir()):
        raise ConfigError(f"{to} is not empty: name a new folder")
    written = []
    for part in parts:
        held = read_features(place / f"{part}.npy", str(place / IDS))
        told = _manifest(entry, part)
        written.append(write_features(to, part, held.rows, held.ids, layout, told))
    return written


def _manifest(entry: dict[str, Any], part: str) -> dict[str, str]:
    """Return what is known of a run's features: their network, or what the data set said."""
    names = {axis: str(chosen.get("name")) for axis, chosen in entry["parts"].items()}
    brought = entry.get("features") if names["extractor"] == "ready" else None
    told = dict(brought[3]) if brought else {"encoder": names["extractor"]}
    attack = f", {names['attack']} {names['budget']}" if part == "attacked" else ""
    return told | {"source": f"vrbench: {part}, {names['dataset']}{attack}"}
