"""The search for changed pictures, or features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, BlackBox
from vrbench.attacks.budget import Budget
from vrbench.attacks.ensemble import Ensemble, Ledger
from vrbench.attacks.feature_budget import RowShares
from vrbench.attacks.goal import Goal, Verdict
from vrbench.attacks.loss_curve import curve, heard
from vrbench.attacks.masking import counts, noticed
from vrbench.attacks.oracle import Oracle
from vrbench.bench.batches import Ahead, at_once
from vrbench.bench.machine import Machine
from vrbench.bench.mapping import Block, map_blocks
from vrbench.bench.store import Artifact, Made, Store
from vrbench.core.masking_counts import added
from vrbench.core.seeds import Streams
from vrbench.core.spec import digest
from vrbench.core.visuals import BLOCK, Visuals
from vrbench.extractors.inference_copy import layout
from vrbench.threats.objectives.base import Objective


@dataclass(frozen=True)
class Adversary:
    """Who changes pictures or features.

    Attributes:
        attack: how he searches.
        budget: how far.
        objective: what for.
        knows: what the objective was made from.
        seed: of the attack's random streams.
    """

    attack: Attack
    budget: Budget
    objective: Objective
    knows: dict[str, Any]
    seed: int

    def inputs(self) -> dict[str, Any]:
        """Return what a change is searched with and for, as it stands in keys."""
        told = self.objective.told(self.knows.get("case"), example=self.attack.asks_example)
        return {
            "attack": self.attack,
            "budget": self.budget,
            "objective": self.objective,
            "knows": self.knows,
            "seed": self.seed,
        } | ({"told": told} if told else {})


def craft(
    store: Store,
    machine: Machine,
    adversary: Adversary,
    goal: Goal,
    images: Visuals,
    items: Tensor,
    device: torch.device,
) -> Artifact:
    """Return ``pixels``, ``(n, 3, H, W)`` float32, and ``queries``, ``(n,)`` int64.

    Its notes have ``masking``, how many items showed which sign of masked gradients, unless a chunk
    was made before signs were kept.

    Items are crafted in chunks, each an artifact of its own: an interrupted run goes on where it
    stopped, and no item's picture depends on its chunk. A joint attack has them all in one.

    Args:
        store: where they are kept.
        machine: who computes them; its precision, of the adversary's network, is part of the key.
        adversary: who attacks; part of the key.
        goal: the objective as the adversary computes it.
        images: clean pixels.
        items: ``(n,)`` items to attack.
        device: where to compute.
    """
    common = adversary.inputs() | {"images": images, "precision": machine.precision}
    chunks = items.split(max(len(items), 1) if adversary.attack.joint else BLOCK)
    keys = [common | {"items": chunk.tolist()} for chunk in chunks]
    compute = partial(_crafted, adversary, goal, images, device=device, machine=machine)
    together = at_once(device, images.shape) // BLOCK if machine.executor == "serial" else 1
    blocks = _blocks(store, keys, chunks, compute, together)
    parts = map_blocks(store, machine, "attacks", blocks, f"attacking ({adversary.attack.name})")
    spec = f"attacks/{digest([part.spec for part in parts])}"
    made = [part.tensors for part in parts if part.tensors is not None]
    if len(made) < len(parts):
        return Artifact(None, {}, spec)
    pixels = torch.cat([t["pixels"] for t in made])
    tensors = {
        "pixels": pixels.float().div(255) if pixels.dtype == torch.uint8 else pixels,
        "queries": torch.cat([t["queries"] for t in made]),
    }
    told = [part.notes.get("masking") for part in parts]
    known = [signs for signs in told if signs is not None]
    notes = {"masking": added(known)} if len(known) == len(told) else {}
    return Artifact(tensors, notes, spec)


def _blocks(
    store: Store,
    keys: Sequence[dict[str, Any]],
    chunks: Sequence[Tensor],
    compute: Callable[[Tensor], dict[str, Tensor]],
    together: int,
) -> list[Block]:
    """Return one block a chunk; ``together`` of those not in the store are computed at once."""
    if together <= 1:
        made_of = zip(keys, chunks, strict=True)
        return [Block(key, partial(_noted, partial(compute, chunk))) for key, chunk in made_of]
    missing = [not store.has("attacks", key) for key in keys]
    ahead = Ahead(chunks, compute, missing.__getitem__, together)
    return [Block(key, partial(_noted, partial(ahead.make, n))) for n, key in enumerate(keys)]


def _noted(make: Callable[[], dict[str, Tensor]]) -> Made:
    """Make a block; its losses become a curve, which a tracker may show, and signs are counted."""
    made = make()
    return made, {
        "curve": curve(made.pop("losses")),
        "masking": counts(made.pop("signs")),
        "items": len(next(iter(made.values()))),
    }


def _crafted(
    adversary: Adversary,
    goal: Goal,
    images: Visuals,
    chunk: Tensor,
    *,
    device: torch.device,
    machine: Machine,
) -> dict[str, Tensor]:
    attack, budget = adversary.attack, adversary.budget
    clean, asked = images[chunk].to(device), chunk.to(device)
    if device.type == "cuda":  # as the network takes them: no step turns them around
        lies = layout(device, getattr(torch, machine.precision))
        clean = clean.contiguous(memory_format=lies)
    aim: Oracle | Ledger | None = None
    if isinstance(attack, BlackBox):
        aim = Oracle(goal, limit=attack.queries, decisions=attack.decisions)
    elif isinstance(attack, Ensemble):
        aim = Ledger(goal)
    rng = Streams(adversary.seed, "attack")
    with heard() as answers, noticed() as signs:
        found = attack(clean, asked, goal if aim is None else aim, budget, rng)
    queries = torch.zeros_like(asked) if aim is None else aim.asked(asked)
    if budget.store != "float":
        found = (found * 255).round().byte()
    told = {"losses": answers.table(chunk), "signs": signs.table(chunk)}
    return {"pixels": found.contiguous(), "queries": queries, **told}


def perturb_features(
    store: Store, adversary: Adversary, clean: Visuals, only: Tensor | None = None
) -> Artifact:
    """Return ``rows``, ``(n, D)``: the features of ``only`` these items, or of every item, changed.

    The search runs on features divided by the largest absolute value of the table, which is the
    unit of the budget; of a budget in percent, that of a typical row (``RowShares``).
    """
    attack, objective = adversary.attack, adversary.objective

    def make() -> Made:
        every = torch.arange(len(clean), device=clean.device)
        items = every if only is None else only.to(clean.device)
        unit = max(float(clean[b].abs().max()) for b in every.split(4096)) or 1.0
        budget = adversary.budget
        if isinstance(budget, RowShares):
            budget = budget.among(clean[b] / unit for b in every.split(4096))

        class Scaled:
            def judge(self, x: Tensor, items: Tensor) -> Verdict:
                return objective.judge(x * unit, items)

        rng = Streams(adversary.seed, "attack")
        with heard() as answers:
            found = [
                attack(clean[b] / unit, b, Scaled(), budget, rng) * unit for b in items.split(1024)
            ]
        return {"rows": torch.cat(found)}, {
            "curve": curve(answers.table(items)),
            "items": len(items),
        }

    which = {} if only is None else {"items": only.tolist()}
    return store.fetch("disturbances", adversary.inputs() | {"visuals": clean} | which, make)
