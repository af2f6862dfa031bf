"""``python -m vrbench`` with an empty store: seconds on this device, and on two CPU cores.

python scripts/benchmarks/whole.py --device cuda [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial

from turns import arguments, in_turns, row


def job(machine: str) -> None:
    """Run the main job in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = [f"machine={machine}", f"store={folder}/store", f"hydra.run.dir={folder}/run"]
        command = [sys.executable, "-m", "vrbench", *told]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)


def main() -> None:
    chosen = arguments(__doc__ or "")
    ways = {"machine=cpu": partial(job, "cpu")}
    if chosen.device == "cuda":
        ways["machine=gpu"] = partial(job, "gpu")
    found = in_turns(ways, chosen.device, 1 if chosen.quick else chosen.turns)
    for name, taken in found.items():
        ratio = taken / found["machine=cpu"] if "machine=cpu" in found else float("nan")
        row("python -m vrbench, empty store", name, taken, "s", ratio=ratio, base="machine=cpu")


if __name__ == "__main__":
    main()
