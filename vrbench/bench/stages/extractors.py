"""The training of an extractor."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from vrbench.bench.store import Store
from vrbench.core.seeds import stream
from vrbench.core.visuals import Overlay, Visuals
from vrbench.data.catalogue import Catalogue
from vrbench.extractors.base import Extractor, Lesson
from vrbench.extractors.defences.base import Purified


def teach(
    store: Store,
    extractor: Extractor,
    catalogue: Catalogue,
    images: Visuals,
    seed: int,
    device: str,
) -> tuple[Extractor, dict[str, Any]]:
    """Return a fitted, frozen copy of the extractor, and notes; the extractor itself is left alone.

    It is taught on the catalogue's labels if it learns. A fifth of the items, drawn at random per
    seed, is held out; the notes say how the extractor does on them: ``final`` (accuracies),
    ``curve`` (per epoch), ``origin`` (of its first weights). What stands in front of a network is
    taught after the network, which is an artifact of its own.
    """
    if isinstance(extractor.spec, str):  # an artifact's address: it is fitted
        return extractor, {"origin": extractor.origin}
    made = copy.deepcopy(extractor).float()  # whatever the default was where it was made
    made.build(catalogue.names)
    made = made.to(device).with_fitted_parts(
        lambda inner: teach(store, inner, catalogue, images, seed, device)[0]
    )
    if not made.learns:
        return made.eval().requires_grad_(False), {"origin": made.origin}
    kept: dict[str, Tensor] = {}  # weights that are an artifact already
    if isinstance(made, Purified):
        kept = {f"inner.{name}": weight for name, weight in made.inner.state_dict().items()}

    def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
        lesson = Lesson(
            images, catalogue.categories, catalogue.names, *split_off(len(catalogue), seed)
        )
        report = made.fit(lesson, stream(seed, "teach"))
        notes = {"final": report.final, "curve": report.curve, "origin": made.origin}
        return {n: w for n, w in made.state_dict().items() if n not in kept}, notes

    inputs = {"extractor": made, "origin": made.origin, "on": catalogue, "seed": seed}
    if isinstance(images, Overlay):  # not the catalogue's own
        inputs["changed"] = images
    found = store.fetch("extractors", inputs, make)
    if found.tensors is not None:
        made.load_state_dict(kept | found.tensors)
    made.spec = found.spec
    return made.eval().requires_grad_(False), found.notes


def split_off(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return, ascending, the items that a network is taught on, and the fifth held out."""
    order = torch.randperm(count, generator=stream(seed, "held out"))
    return order[count // 5 :].sort().values, order[: count // 5].sort().values
