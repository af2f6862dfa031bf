"""What an extractor makes of the catalogue: features, and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from vrbench.bench.batches import at_once
from vrbench.bench.executors import run_jobs
from vrbench.bench.machine import Machine
from vrbench.bench.store import Artifact, Store
from vrbench.core.memory import kept_when_freed
from vrbench.core.progress import progress
from vrbench.core.visuals import BLOCK, Signal, Table, Visuals
from vrbench.extractors.base import Extractor


def extract_features(
    store: Store, machine: Machine, images: Visuals, extractor: Extractor, signal: Signal | None
) -> Visuals:
    """Return ``images`` as a recommender that asks for ``signal`` sees them."""
    if signal is None or signal is Signal.PIXELS:
        return images.to(extractor.device)
    with torch.no_grad():
        shape = extractor.see(torch.zeros(1, *images.shape, device=extractor.device), signal).shape
    dtype = torch.float16 if signal is Signal.MAPS else torch.float32

    made = store.fetch_rows(
        "features",
        {"images": images, "extractor": extractor, "signal": signal},
        (len(images), *shape[1:]),
        dtype,
        partial(_features, images, extractor, signal),
        machine.block,
        lambda jobs: run_jobs(machine, jobs, "extracting features"),
    )
    rows = (
        torch.empty((len(images), *shape[1:]), dtype=dtype, device="meta")
        if made.tensors is None
        else made.tensors["rows"]
    )
    resident = signal is Signal.VECTOR and made.tensors is not None
    file = None if made.tensors is None else store.file_of(made)
    return Table(signal, rows, made.spec, device=extractor.device, resident=resident, file=file)


@torch.no_grad()
def _features(
    images: Visuals, extractor: Extractor, signal: Signal, start: int, stop: int
) -> Tensor:
    blocks = torch.arange(start, stop).split(at_once(extractor.device, images.shape))

    def read(block: Tensor) -> Tensor:
        return images[block].to(extractor.device)

    if extractor.device.type == "cuda":  # a processor has no time to spare for it
        return torch.cat([extractor.see(x, signal).cpu() for x in read_ahead(read, blocks)])
    rows: Tensor | None = None
    with kept_when_freed():
        for block in blocks:
            found = extractor.see(read(block), signal)
            rows = found.new_empty(stop - start, *found.shape[1:]) if rows is None else rows
            rows[block - start] = found
    assert rows is not None
    return rows


def read_ahead(read: Callable[[Tensor], Tensor], blocks: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield what ``read`` returns of each block; the next one is read while one is computed."""
    with ThreadPoolExecutor(1) as pool:
        coming = [pool.submit(read, block) for block in blocks[:1]]
        for following in [*blocks[1:], None]:
            now = coming.pop()
            if following is not None:
                coming.append(pool.submit(read, following))
            yield now.result()


@torch.no_grad()
def label(store: Store, images: Visuals, extractor: Extractor) -> Artifact:
    """Return the ``labels``, ``(num_items,)``, that ``extractor`` predicts on clean images."""

    def make() -> dict[str, Tensor]:
        found = [
            extractor(images[b].to(extractor.device)).logits.argmax(1).cpu()
            for b in progress(torch.arange(len(images)).split(BLOCK), "labelling")
        ]
        return {"labels": torch.cat(found)}

    return store.fetch("labels", {"images": images, "extractor": extractor}, make)
