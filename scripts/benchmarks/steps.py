"""Pairwise training: triples per second of vrbench and of a bare loop of VBPR, by batch size.

    python scripts/benchmarks/steps.py --device cuda [--quick]

24,379 users x 7,371 items x 89,020 purchases x 2,048 features, made at random. The bare loop draws
on the device, knows no purchase from another when it draws, has one dense Adam, and never
evaluates. Ours are trained for some epochs and for three times as many: the difference counts, so
that first parameters and a captured graph, which are made once, do not. VBPR at three batch sizes,
then BPR-MF, DeepStyle, FM and the adversarial phase of AMR at one, all beside the same bare loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from turns import arguments, in_turns, rated, row

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR

USERS, ITEMS, COUNT, DIM, FACTORS = 24_379, 7_371, 89_020, 2_048, 32
OTHERS, BARE = 4_096, "bare loop"  # the batch of the other models, and what all are compared with


def purchases(count: int) -> Interactions:
    """Return purchases at random."""
    rng = stream(0, "benchmark")
    users = torch.randint(USERS, (count * 2,), generator=rng)
    items = torch.randint(ITEMS, (count * 2,), generator=rng)
    pairs = (users * ITEMS + items).unique()
    pairs = pairs[torch.randperm(len(pairs), generator=rng)[:count]]
    return Interactions.of(pairs // ITEMS, pairs % ITEMS, USERS, ITEMS)


class Bare(nn.Module):
    """VBPR as one writes it down."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features
        self.user, self.taste = nn.Embedding(USERS, FACTORS), nn.Embedding(USERS, FACTORS)
        self.item, self.bias = nn.Embedding(ITEMS, FACTORS), nn.Embedding(ITEMS, 1)
        self.project = nn.Linear(DIM, FACTORS + 1, bias=False)

    def forward(self, users: Tensor, liked: Tensor, other: Tensor) -> Tensor:
        seen = self.project(self.features[liked] - self.features[other])
        latent = self.item(liked) - self.item(other)
        margin = (self.user(users) * latent).sum(1) + (self.taste(users) * seen[:, :-1]).sum(1)
        margin = margin + seen[:, -1] + (self.bias(liked) - self.bias(other)).squeeze(1)
        return F.softplus(-margin).mean() + 1e-4 * (self.user(users) ** 2).sum(1).mean()


def bare_epoch(
    model: Bare, optimiser: torch.optim.Optimizer, pairs: tuple[Tensor, Tensor], size: int
) -> None:
    """Take the steps of one epoch."""
    users, items = pairs
    for some in torch.randperm(len(users), device=users.device).split(size):
        other = torch.randint(ITEMS, some.shape, device=users.device)
        loss = model(users[some], items[some], other)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def main() -> None:
    chosen = arguments(__doc__ or "")
    device = chosen.device
    count = COUNT // 8 if chosen.quick and device == "cpu" else COUNT
    train, none = purchases(count), torch.empty(0, dtype=torch.int64)
    valid = Interactions.of(none, none, USERS, ITEMS)
    features = torch.rand(ITEMS, DIM, generator=stream(0, "features"))
    visuals = Table(Signal.VECTOR, features, None, device=device)
    pairs = (train.users.to(device), train.items.to(device))
    beside, less = {}, 2 if chosen.quick else 1
    for size, more in ((512, 2), (4_096, 8), (32_768, 20)):
        model = Bare(visuals.rows).to(device)
        adam = torch.optim.Adam(model.parameters(), lr=0.002)
        epochs = 2 if device == "cpu" else 3 * more // less

        ours = partial(trained, VBPR, train, valid, visuals, size, epochs)
        step = partial(bare_epoch, model, adam, pairs, size)

        def bare(epochs: int = epochs, epoch: Callable[[], None] = step) -> None:
            for _ in range(epochs):
                epoch()

        found = rates(ours, {BARE: bare}, device, chosen.turns)
        rated(f"VBPR, 2,048 features, batch {size:,}", count * epochs, "triples/s", found, BARE)
        beside[size] = count * epochs / found[BARE]
    for kind in (AMR, BPRMF, DeepStyle, FM):
        few = 1 if device == "cpu" else 10 // less
        ours = partial(trained, kind, train, valid, visuals, OTHERS, few)
        rate = count * few / rates(ours, {}, device, chosen.turns)["vrbench"]
        what, ratio = f"{kind.__name__}, batch {OTHERS:,}", rate / beside[OTHERS]
        row(what, "vrbench", rate, "triples/s", ratio=ratio, base=f"{BARE} of VBPR")


def trained(
    kind: Any,
    train: Interactions,
    valid: Interactions,
    visuals: Table,
    size: int,
    epochs: int,
    times: int,
) -> None:
    """Train a model for ``times`` times ``epochs``; of AMR that is its second phase."""
    phase = "adversarial_epochs" if kind is AMR else "epochs"
    settings = {"epochs": 1, phase: times * epochs, "batch_size": size, "factors": FACTORS}
    if issubclass(kind, VBPR):
        settings["visual_factors"] = FACTORS
    looks = (DIM,) if kind.signal else ()
    categories = torch.arange(ITEMS) % 20
    made = kind(Sizes(USERS, ITEMS, looks, categories), **settings).to(visuals.device)
    made.fit(train, valid, visuals, stream(0, "train"))


def rates(
    ours: Callable[[int], None], others: dict[str, Callable[[], None]], device: str, turns: int
) -> dict[str, float]:
    """Return the seconds of ours, without what is made once, and of others."""
    found = in_turns(
        {"once": partial(ours, 1), "thrice": partial(ours, 3), **others}, device, turns
    )
    if {"once", "thrice"} <= set(found):
        found["vrbench"] = (found.pop("thrice") - found.pop("once")) / 2
    return found


if __name__ == "__main__":
    main()
