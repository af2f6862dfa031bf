"""Design pictures for users with a GAN, judged by other rankers.

The judges are rankers it never saw. A sheet per user goes to a folder; the table says what the
judges think.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vrbench.cli import output
from vrbench.cli.composition import Composition
from vrbench.cli.folders import conf_dir
from vrbench.core.errors import ConfigError
from vrbench.report import writing
from vrbench.report.tables import number

if TYPE_CHECKING:
    from torch import Tensor

    from vrbench.bench.design import Designed
    from vrbench.report.plots.image_grid import Group

log = logging.getLogger(__name__)
LINES = 5  # users on one sheet
DESIGN_PARTS = ("dataset", "extractor", "recommender", "judge", "design", "machine")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "overrides", nargs="*", default=[], help="as for a run: dataset=... recommender=..."
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/design"), help="of the sheets")
    parser.add_argument("--picture", type=Path, help="also draw several users on one PNG")
    output.with_format(parser)


def main(chosen: argparse.Namespace) -> int:
    """Design pictures and print how the judging rankers rank them; return the exit code."""
    writing.check(chosen.out, chosen.picture)
    output.show_progress()
    output.table(chosen, *designed(chosen.overrides, chosen.folder, chosen.picture))
    return 0


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
    from vrbench.bench.design import design
    from vrbench.bench.store import Store
    from vrbench.report.plots.image_grid import strips

    composition = Composition(list(overrides), conf_dir(), "design")
    cfg = composition.cfg
    parts = {part: composition.make(part) for part in DESIGN_PARTS}
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
        strips(
            [user_line(found, n, names) for n in range(min(LINES, len(found.users)))],
            picture,
            letters=18,
        )
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
    import torch

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
