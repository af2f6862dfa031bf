"""``python -m vrbench`` with an empty store: seconds on this device, and on two CPU cores.

python scripts/benchmarks/whole.py --device cuda [--quick]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from turns import arguments, row


def job(machine: str) -> dict[str, float]:
    """Run the main job in a process of its own; return the seconds of its stages."""
    with tempfile.TemporaryDirectory() as folder:
        told = [f"machine={machine}", f"store={folder}/store", f"hydra.run.dir={folder}/run"]
        command = [sys.executable, "-m", "vrbench", *told]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise SystemExit((done.stderr.strip().splitlines() or ["vrbench: no word"])[-1])
        stages = json.loads(Path(folder, "run", "rows.json").read_text())["stages"]
    found: dict[str, float] = {}
    for stage in stages:
        found[stage["stage"]] = found.get(stage["stage"], 0) + stage["seconds"]
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    machines = ["cpu", "gpu"] if chosen.device == "cuda" else ["cpu"]
    taken: dict[str, list[float]] = {name: [] for name in machines}
    stages: dict[str, dict[str, float]] = {}
    for _ in range(1 if chosen.quick else chosen.turns):
        for name in machines:
            began = time.perf_counter()
            stages[name] = job(name)
            taken[name].append(time.perf_counter() - began)
    found = {name: statistics.median(times) for name, times in taken.items()}
    for name, median in found.items():
        whole, who = "python -m vrbench, empty store", f"machine={name}"
        row(whole, who, median, "s", ratio=median / found["cpu"], base="machine=cpu")
        for stage, lasted in stages[name].items():
            if lasted > 0.05 * median:
                row(f"of it {stage}", who, lasted, "s")


if __name__ == "__main__":
    main()
