"""``python -m vrbench`` with an empty store: seconds on this device, and on two CPU cores.

python scripts/benchmarks/whole.py --device cuda [--quick]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial

from turns import arguments, row, seconds


def job(machine: str) -> None:
    """Run the main job in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = [f"machine={machine}", f"store={folder}/store", f"hydra.run.dir={folder}/run"]
        command = [sys.executable, "-m", "vrbench", *told]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)


def main() -> None:
    chosen = arguments(__doc__ or "")
    machines = ["cpu", "gpu"] if chosen.device == "cuda" else ["cpu"]
    taken: dict[str, list[float]] = {name: [] for name in machines}
    for _ in range(1 if chosen.quick else chosen.turns):
        for name in machines:
            taken[name].append(seconds(partial(job, name), "cpu"))
    found = {name: statistics.median(times) for name, times in taken.items()}
    for name, median in found.items():
        ratio, base = median / found["cpu"], "machine=cpu"
        row(
            "python -m vrbench, empty store", f"machine={name}", median, "s", ratio=ratio, base=base
        )


if __name__ == "__main__":
    main()
