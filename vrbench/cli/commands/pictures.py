"""Export the pictures of a run as a data set with a card.

Clean and attacked ones. The run must have been made with save=[pictures]. attack=imported reads
the data set back, and so does Hugging Face's load_dataset(FOLDER).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("export",))
    parser.add_argument("run", type=Path, help="its folder")
    parser.add_argument("--to", type=Path, required=True, help="a new folder")
    parser.add_argument("--parquet", action="store_true", help="not PNG files; '.[parquet]'")
    parser.add_argument("--licence", required=True, help="of the pictures: cc0-1.0, mit, other ...")
    parser.add_argument("--source", required=True, help="where the clean pictures are from")


def main(chosen: argparse.Namespace) -> int:
    """Write the data set; return the exit code."""
    from vrbench.report.picture_dataset import publish

    publish(
        chosen.run,
        chosen.to,
        licence=chosen.licence,
        source=chosen.source,
        parquet=chosen.parquet,
    )
    sys.stdout.write(f"{chosen.to}: read its README.md before you publish it\n")
    return 0
