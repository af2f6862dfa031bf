"""A network's pass on a processor, with memory that is kept and with memory that is handed back.

    python scripts/benchmarks/memory.py

EfficientNet-Lite0 with random weights, 64 pictures of 224 px, one thread, each side in a process of
its own, in turns; seconds of the processor, of these those in the kernel, and pages asked for.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from contextlib import nullcontext

TURNS = 3


def main() -> None:
    """Print one line a side."""
    if sys.argv[1:]:
        sys.stdout.write(json.dumps(measured(keep=sys.argv[1] == "kept")))
        return
    found: dict[str, list[dict[str, float]]] = {"handed back": [], "kept": []}
    for _ in range(TURNS):
        for side, runs in found.items():
            command = [sys.executable, __file__, side]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append(json.loads(done.stdout))
    for side, runs in found.items():
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        sys.stdout.write(
            f"{side:12} {median['busy']:6.2f} s, of these {median['kernel']:5.2f} in the kernel; "
            f"{median['pages']:9,.0f} pages; most held {median['most']:.2f} GiB\n"
        )


def measured(keep: bool) -> dict[str, float]:
    """Return what one pass takes, the third one of a process."""
    import timm
    import torch

    from vrbench.core.memory import kept_when_freed

    torch.set_num_threads(1)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    network = network.to(memory_format=torch.channels_last)
    x = torch.rand(64, 3, 224, 224).to(memory_format=torch.channels_last)
    with torch.no_grad(), kept_when_freed() if keep else nullcontext(True) as kept:
        if not kept:
            raise SystemExit("nothing is kept here: another C library, or malloc's variables")
        network(x), network(x)
        before = resource.getrusage(resource.RUSAGE_SELF)
        network(x)
        after = resource.getrusage(resource.RUSAGE_SELF)
    kernel = after.ru_stime - before.ru_stime
    return {
        "busy": after.ru_utime - before.ru_utime + kernel,
        "kernel": kernel,
        "pages": after.ru_minflt - before.ru_minflt,
        "most": after.ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    main()
