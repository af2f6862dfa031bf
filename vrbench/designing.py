"""From a command line to designed pictures: compose, design, judge, write."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vrbench.bench.design import Designed, design
from vrbench.bench.store import Store
from vrbench.cli import conf_dir
from vrbench.config import Composition
from vrbench.core.errors import ConfigError
from vrbench.report.strips import Group, strips
from vrbench.report.tables import number

log = logging.getLogger(__name__)
LINES = 5  # users on one sheet
PARTS = ("dataset", "extractor", "recommender", "judge", "design", "machine")


def designed(
    overrides: Sequence[str], folder: Path, picture: Path | None = None
) -> tuple[Sequence[str], list[list[str]]]:
    """Design and judge; write a sheet per user and ``judged.json``; return heads and lines.

    Args:
        overrides: as after ``python -m vrbench``.
        folder: where the sheets go.
        picture: one sheet of several users, a line each; None draws none.

    Raises:
        ConfigError: one line about what is wrong with the command.
    """
    composition = Composition(list(overrides), conf_dir(), "design")
    cfg = composition.cfg
    parts = {part: composition.make(part) for part in PARTS}
    if picture is not None and not parts["dataset"].catalogue.redistributable:
        raise ConfigError("the pictures of this data set may not be redistributed: no --picture")
    parts["machine"].use()
    names = parts["dataset"].catalogue.names
    found = design(
        **parts,
        store=Store(Path(cfg.store)),
        seed=cfg.seed,
        extractor_seed=cfg.extractor_seed,
        users=cfg.users,
    )
    folder.mkdir(parents=True, exist_ok=True)
    user_ids = parts["dataset"].user_ids
    for n, user in enumerate(found.users.tolist()):
        strips(user_lines(found, n, names), folder / f"user_{user}.png")
    if picture is not None:
        strips([user_line(found, n, names) for n in range(min(LINES, len(found.users)))], picture)
    about = [user_ids[user] for user in found.users.tolist()]
    told = {"overrides": list(overrides), "seed": cfg.seed, "users": about, "rows": found.rows}
    (folder / "judged.json").write_text(json.dumps(told, indent=1))
    log.info("a sheet per user: %s", folder)
    heads = list(found.rows[0])
    return heads, [[_cell(row[head]) for head in heads] for row in found.rows]


def user_lines(found: Designed, n: int, names: Sequence[str]) -> list[tuple[str, list[Group]]]:
    """Return the sheet of the ``n``-th user."""
    category = names[int(found.categories[n])]

    def real(items: Tensor) -> Tensor:
        return found.images[items]

    samples, made = found.made.samples, found.made.designed
    order = (made.worth[n] - made.doubt[n]).argsort(descending=True)
    return [
        (
            f"user {int(found.users[n])}, asked about: {category}",
            [
                ("bought", real(found.bought[n][:8]), ()),
                ("best real item", real(found.retrieved[n][None]), ()),
            ],
        ),
        ("samples of the GAN", [("", samples.pictures[n], _notes(samples.worth[n]))]),
        ("designed", [("", made.pictures[n][order], _notes(made.worth[n][order]))]),
        (
            "tailored",
            [
                ("item", real(found.asked[n][None]), ()),
                ("as drawn", found.made.copies.pictures[n], _notes(found.made.copies.worth[n])),
                ("tailored", found.made.tailored.pictures[n], _notes(found.made.tailored.worth[n])),
            ],
        ),
    ]


def user_line(found: Designed, n: int, names: Sequence[str]) -> tuple[str, list[Group]]:
    """Return the ``n``-th user in one line: the first pictures of each kind."""
    bought, *_ = user_lines(found, n, names)
    made, samples = found.made.designed, found.made.samples
    order = (made.worth[n] - made.doubt[n]).argsort(descending=True)[:4]
    asked = found.images[found.asked[n][None]]
    changed = torch.cat([asked, found.made.copies.pictures[n], found.made.tailored.pictures[n]])
    title, ((_, owned, _), best) = bought
    return title, [
        ("bought", owned[:4], ()),
        best,
        ("samples of the GAN", samples.pictures[n][:4], _notes(samples.worth[n][:4])),
        ("designed, the best four", made.pictures[n][order], _notes(made.worth[n][order])),
        ("an item, as drawn, tailored", changed, ()),
    ]


def _notes(worth: Tensor) -> list[str]:
    return [f"{value:+.1f}" for value in worth.tolist()]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value)
