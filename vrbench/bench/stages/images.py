"""Pictures, decoded once."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from vrbench.bench.executors import run_jobs
from vrbench.bench.machine import Machine
from vrbench.bench.store import Store
from vrbench.core.visuals import BLOCK, OnDemand, Signal, Table, Visuals


def decode_images(store: Store, machine: Machine, images: Visuals) -> Visuals:
    """Return ``images`` decoded once: 8-bit pixels, memory-mapped, whatever their number."""
    if not isinstance(images, OnDemand):
        return images
    made = store.fetch_rows(
        "pixels",
        images,
        (len(images), *images.shape),
        torch.uint8,
        partial(_decoded, images),
        machine.block,
        lambda jobs: run_jobs(machine, jobs, "making pictures"),
    )
    if made.tensors is None:
        return images
    return Table(
        Signal.PIXELS,
        made.tensors["rows"],
        images.spec,
        resident=False,
        file=store.file_of(made),
    )


def _decoded(images: OnDemand, start: int, stop: int) -> Tensor:
    return torch.cat([images.decode(b) for b in torch.arange(start, stop).split(BLOCK)])
