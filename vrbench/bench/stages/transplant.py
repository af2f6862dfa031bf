"""The stage in which items are given what other items look like."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.transplant import Transplant
from vrbench.bench.store import Artifact, Store
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Visuals
from vrbench.threats.case import Case


def transplant(
    store: Store, visuals: Visuals, case: Case, attack: Transplant, seed: int
) -> Artifact:
    """Return ``rows``, ``(n, *visuals.shape)``: what the case's items are given.

    The donors are all items of the target category, as the case labels them, that are not attacked.

    Raises:
        IncompatibleError: if there are none.
    """
    of_target = case.labels == case.names.index(case.target)
    donors = torch.nonzero(of_target.index_fill(0, case.items, value=False)).squeeze(1)
    if not len(donors):
        raise IncompatibleError(f"no item of category {case.target!r} to take the looks of")

    def make() -> dict[str, Tensor]:
        return {"rows": attack(visuals, donors, case.items, Streams(seed, "attack"))}

    inputs = {
        "attack": attack,
        "visuals": visuals,
        "items": case.items.tolist(),
        "donors": donors.tolist(),
        "seed": seed,
    }
    return store.fetch("transplants", inputs, make)
