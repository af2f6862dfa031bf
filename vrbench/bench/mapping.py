"""A long stage in blocks, each an artifact: whoever computes them, what is done is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vrbench.bench.executors import run_jobs
from vrbench.bench.machine import Machine
from vrbench.bench.store import Artifact, Made, Store
from vrbench.core.spec import describe


@dataclass(frozen=True)
class Block:
    """A part of a stage.

    Attributes:
        inputs: all that it is made from; its key.
        make: computes it, here or in another process: a ``partial`` of a module's function.
    """

    inputs: dict[str, Any]
    make: Callable[[], Made]


def map_blocks(
    store: Store, machine: Machine, stage: str, blocks: Sequence[Block], label: str
) -> list[Artifact]:
    """Return the artifact of each block, in their order, made by the machine's executor.

    A process that is killed loses the blocks under way, one for each worker, and no more. What
    comes out is the same whoever computes it.

    Args:
        store: where the blocks are kept; a dry one makes nothing.
        machine: names the executor.
        stage: where the blocks are filed.
        blocks: independent of each other.
        label: of the progress bar.
    """
    if store.dry:
        return [store.fetch(stage, block.inputs, block.make) for block in blocks]
    if machine.executor == "serial":
        jobs = [partial(store.fetch, stage, block.inputs, block.make) for block in blocks]
        return list(run_jobs(machine, jobs, label))
    missing = [block for block in blocks if not store.has(stage, block.inputs)]
    made = run_jobs(
        machine,
        [
            partial(_elsewhere, store.root, store.device, stage, describe(b.inputs), b.make)
            for b in missing
        ],
        label,
    )
    logs = {log["address"]: log for log in made}
    found = []
    for block in blocks:
        artifact = store.fetch(stage, block.inputs, block.make)
        store.log[-1] |= logs.get(artifact.spec, {})
        found.append(artifact)
    return found


def _elsewhere(
    root: Path, device: str, stage: str, inputs: Any, make: Callable[[], Made]
) -> dict[str, Any]:
    """Make a block from another process; return what its store noted."""
    store = Store(root.absolute(), device=device)
    store.fetch(stage, inputs, make)
    return store.log[-1]
