"""The training of a GAN."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor

from vrbench.bench.stages.extractors import split_off
from vrbench.bench.store import Store
from vrbench.core.seeds import stream
from vrbench.core.spec import digest
from vrbench.core.visuals import Visuals
from vrbench.data.catalogue import Catalogue
from vrbench.generators.lsgan import LSGAN


def train_gan(
    store: Store, generator: LSGAN, catalogue: Catalogue, images: Visuals, seed: int, device: str
) -> tuple[LSGAN, dict[str, Any]]:
    """Return a copy of a GAN taught the pictures of a catalogue; and notes.

    The notes are ``curve`` and ``held_out``: a fifth of the items, drawn at random per seed, is
    held out, so that copying can be told. An interrupted training goes on from its checkpoint, of
    any number of epochs.
    """
    if isinstance(generator.spec, str):  # an artifact's address: it is fitted
        return generator, {}
    made, recipe = copy.deepcopy(generator), generator.spec
    made.build(catalogue.categories, len(catalogue.names))
    made.to(device)
    rest, held_out = split_off(len(catalogue), seed)

    def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
        any_length = {"generator": recipe | {"epochs": None}, "on": catalogue, "seed": seed}
        path = store.root / "generators" / f"{digest(any_length)}.checkpoint"
        curve = made.fit(images, rest, stream(seed, "imagine"), path)
        return made.state_dict(), {"curve": curve, "held_out": held_out.tolist()}

    found = store.fetch("generators", {"generator": made, "on": catalogue, "seed": seed}, make)
    if found.tensors is not None:
        made.load_state_dict(found.tensors)
    made.spec = found.spec
    return made.eval().requires_grad_(False), found.notes
