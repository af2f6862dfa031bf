"""Attacked pictures that were made elsewhere."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal
from vrbench.attacks.picture_files import size_of, source_of
from vrbench.attacks.picture_positions import positions
from vrbench.core.errors import DataError
from vrbench.core.seeds import Streams

log = logging.getLogger(__name__)
FAR = 16.0  # mean grey levels; a change of Linf 16, as large as they come, stays below


class Imported(Attack):
    """Pictures from a folder or a file, brought into the budget and judged like any attack's.

    ``budget=free`` takes them as they are, and the rows say how far they went. Nothing that is
    read is executed. A folder holds 8-bit PNG files in RGB, of the size of the catalogue's
    pictures: either ``POSITION.png``, by position in the catalogue, or those that a
    ``metadata.csv`` in it names (``file_name,position``, and more; paths are relative to the
    folder), which is what ``save=[pictures]`` writes beside a run. A ``.parquet`` file has columns
    ``image``, a PNG file's ``bytes``, and ``position``. Of a data set that ``python -m vrbench
    pictures`` made, in either form, the attacked part is read. A ``.safetensors`` or ``.npz`` file
    has ``items``, ``(n,)`` positions, and ``pixels``, ``(n, 3, H, W)``, uint8 or float in [0, 1].

    The key of this attack holds what the files contain, not where they lie. Files lie in the
    folder; links that lead out of it are refused. Pictures that are far from the catalogue's are
    said aloud: they may be named otherwise.

    Args:
        path: the folder or file.
        ids: where a folder's files are named by item id (AIP, VAR), and a ``metadata.csv`` by
            ``item_id``: the catalogue's ``items.csv``, or VAR's folder of pictures.

    Raises:
        MissingDataError: if it, or the picture of an attacked item, is not there.
        ConfigError: if it is Parquet, and pyarrow is not installed.
        DataError: if a picture cannot be read or has another size or mode.

    Example:
        >>> import numpy
        >>> import torch
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from vrbench.attacks import Imported
        >>> from vrbench.testing.world import red_removed
        >>> file = Path(mkdtemp()) / "made.npz"
        >>> white = torch.full((3, 3, 16, 16), 255, dtype=torch.uint8)
        >>> numpy.savez(file, items=numpy.arange(3), pixels=white.numpy())
        >>> red_removed(Imported(path=str(file))).lt(0).tolist()
        [True, True, True]
    """

    paper = ""
    cost = Cost(0, 0)
    knows = "nothing, here"
    needs_radius = False

    def __init__(self, *, path: str, ids: str | None = None) -> None:
        self.path, self.ids = path, ids
        self._source = source_of(Path(path), None if ids is None else positions(Path(ids)))
        named = {name: value for name, value in self.spec.items() if name not in ("path", "ids")}
        self.spec = {**named, "content": self._source.digest}

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        found = [self._source.picture(item) for item in items.tolist()]
        for item, x in zip(items.tolist(), found, strict=True):
            if x.shape != clean.shape[1:]:
                raise DataError(
                    f"{self.path}: the picture of position {item} is {size_of(x)}, expected "
                    f"{size_of(clean[0])}: the catalogue's pictures must not be resized"
                )
        if not found:
            return clean
        made = torch.stack(found).to(clean)
        self._say_if_far(made, clean)
        return made

    def _say_if_far(self, made: Tensor, clean: Tensor) -> None:
        """Warn of pictures so far from the catalogue's that they may show other items."""
        levels = (made - clean).abs().mean((1, 2, 3)) * 255
        far = levels > FAR
        if far.any():
            log.warning(
                "%s: %d of %d pictures are far from those of their items (%.0f grey levels on "
                "average): if they are named by item id and not by position, set attack.ids",
                self.path,
                int(far.sum()),
                len(far),
                levels[far].mean().item(),
            )
