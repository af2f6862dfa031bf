"""Who computes the blocks of a long stage: this process, several of this machine, or Ray's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from vrbench.bench.machine import Machine
from vrbench.bench.torch_state import own_torch_state
from vrbench.core.errors import MissingDataError
from vrbench.core.progress import progress

T = TypeVar("T")
Job = Callable[[], T]  # of functions of modules: another process must be able to find it


def run_jobs(machine: Machine, jobs: Sequence[Job[T]], label: str) -> Iterator[T]:
    """Yield what each job returns, in their order; whoever computes them, the same.

    Args:
        machine: names the executor and the number of workers.
        jobs: independent of each other.
        label: of the progress bar.

    Raises:
        MissingDataError: if the executor's package is not installed; the text says what to install.
    """
    far = machine.executor != "serial" and len(jobs) > 1
    found = EXECUTORS[machine.executor](machine, jobs) if far else (job() for job in jobs)
    yield from progress(found, label, total=len(jobs)) if len(jobs) > 1 else found


def _joblib(machine: Machine, jobs: Sequence[Job[T]]) -> Iterator[T]:
    joblib = _library("joblib", "joblib")
    # A job at a time for each worker: a job is a block, and what is under way can be lost.
    run = joblib.Parallel(
        n_jobs=_workers(machine), return_as="generator", pre_dispatch="all", batch_size=1
    )
    found: Iterator[T] = run(joblib.delayed(_there)(machine, job) for job in jobs)
    return found


def _ray(machine: Machine, jobs: Sequence[Job[T]]) -> Iterator[T]:
    ray = _library("ray", "ray")
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    cards = 1 if machine.device.startswith("cuda") else 0
    remote = ray.remote(num_cpus=machine.threads or 1, num_gpus=cards)(_there)
    common = ray.put(machine)
    waiting = [remote.remote(common, job) for job in jobs]
    for task in waiting:
        try:
            found = ray.get(task)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None  # as any other executor's: one line
        yield found


EXECUTORS: dict[str, Callable[[Machine, Sequence[Job[Any]]], Iterator[Any]]] = {
    "joblib": _joblib,
    "ray": _ray,
}


def _there(machine: Machine, job: Job[T]) -> T:
    """Run a job in another process as it would run in this one."""
    machine.use()
    with own_torch_state(machine.device):
        return job()


def _workers(machine: Machine) -> int:
    return machine.workers or max(1, (os.cpu_count() or 1) // (machine.threads or 1))


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingDataError(
            f"machine.executor={name}: {name} is not installed; pip install 'vrbench[{extra}]'"
        ) from None
