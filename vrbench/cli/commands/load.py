"""Show an entry of a board, and load what its makers trained.

In Python: vrbench.load(NAME).recommender. NAME is that of a folder below $VRBENCH_ENTRIES
(entries), or a folder.
"""

from __future__ import annotations

import argparse
import sys


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("name", help="DATASET/WHO, or a folder")


def main(chosen: argparse.Namespace) -> int:
    """Load it, and print what it is; return the exit code."""
    from vrbench.cli.entries import load
    from vrbench.report.tables import plain

    found = load(chosen.name)
    card, model, network = found.card, found.recommender, found.extractor
    told = {
        "name": card.name,
        "by": card.by,
        "licence": card.licence,
        "paper": card.paper or "-",
        "attacks": card.attacks or "-",
        "recommender": f"{model.name}, {sum(p.numel() for p in model.parameters())} numbers",
        "extractor": f"{network.name}, {sum(p.numel() for p in network.parameters())} numbers",
        "users, items": f"{found.dataset.train.num_users}, {found.dataset.train.num_items}",
        "in Python": f"vrbench.load({chosen.name!r})",
    }
    for name, text in told.items():
        sys.stdout.write(f"{name:<13} {plain(text)}\n")
    return 0
