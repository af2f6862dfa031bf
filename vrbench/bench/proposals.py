"""What a GAN proposes to users, made once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.bench.store import Store
from vrbench.bench.taste import Taste
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Visuals
from vrbench.data.catalogue import Catalogue
from vrbench.generators.design import Design, Proposals
from vrbench.recommenders.base import Recommender


class Made(NamedTuple):
    """What a GAN proposes to ``n`` users.

    Attributes:
        samples, designed: ``S`` pictures each, before and after the climb.
        copies, tailored: the asked item as the GAN draws it, before and after.
    """

    samples: Proposals
    designed: Proposals
    copies: Proposals
    tailored: Proposals

    def kinds(self, best: Tensor) -> dict[str, Tensor]:
        """Return ``(n, S, 3, H, W)`` pictures by the name of their kind."""
        each = torch.arange(len(best))
        return {
            "GAN samples": self.samples.pictures,
            "all designed": self.designed.pictures,
            "best designed": self.designed.pictures[each, best][:, None],
            "copy of the asked item": self.copies.pictures,
            "tailored from it": self.tailored.pictures,
        }


def propose(
    store: Store,
    design: Design,
    model: Recommender,
    taste: Taste,
    catalogue: Catalogue,
    images: Visuals,
    users: Tensor,
    asked: Tensor,
    seed: int,
    device: str,
) -> Made:
    """Return what the GAN proposes, made once."""

    def make() -> dict[str, Tensor]:
        who, categories = users.to(device), design.generator.categories_of(asked.to(device))
        size = (images.shape[1], images.shape[2])
        drawn = Design(design.generator, starts=design.starts, steps=0, spread=design.spread)
        given = (who, categories, taste, size)
        copies, tailored = design.tailor(
            who, categories, images[asked].to(device), taste, Streams(seed, "tailor")
        )
        made = Made(
            samples=drawn.propose(*given, Streams(seed, "design")),
            designed=design.propose(*given, Streams(seed, "design")),
            copies=copies,
            tailored=tailored,
        )
        return {f"{n}.{m}": t for n, p in made._asdict().items() for m, t in p._asdict().items()}

    inputs = {"design": design, "recommender": model, "images": images, "seed": seed}
    inputs |= {"users": users.tolist(), "asked": asked.tolist(), "on": catalogue}
    tensors = store.fetch("designs", inputs, make).tensors
    assert tensors is not None
    return Made(
        *(Proposals(*(tensors[f"{n}.{m}"] for m in Proposals._fields)) for n in Made._fields)
    )
