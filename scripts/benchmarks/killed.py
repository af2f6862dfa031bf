"""A run on thousands of photos, killed three times, against one that nobody disturbed.

    python scripts/benchmarks/killed.py dataset=hm extractor=efficientnet_lite0 attack.steps=2

Arguments are those of `python -m vrbench`. The run is killed (SIGKILL) in the middle of decoding,
of feature extraction and of crafting, and started again each time. Printed: what was kept at each
kill, what the next start made anew, and whether every number of the store and every row is equal.
Exit code 1 if one is not.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vrbench.bench.blocks import WRITTEN

SECONDS = re.compile(rb'"seconds": [0-9.e-]+')
NUMBERS = ("rows.npy", "tensors.safetensors", "notes.json")


def command(root: Path, settings: list[str]) -> list[str]:
    """Return a run with a store and a folder of its own."""
    return [
        *(sys.executable, "-m", "vrbench", "machine.threads=1", *settings),
        *(f"store={root / 'store'}", f"hydra.run.dir={root / 'run'}"),
    ]


def noted(root: Path, stage: str) -> int:
    """Return how many blocks of a table are on the disk, of one that is not whole yet."""
    notes = list((root / "store").glob(f"{stage}/.draft-*/{WRITTEN}"))
    return max((path.read_text().count("\n") - 1 for path in notes), default=0)


def crafted(root: Path) -> int:
    """Return how many blocks of attacked pictures are whole."""
    return len(list((root / "store").glob("attacks/*/made.json")))


def kill_when(root: Path, settings: list[str], reached: Callable[[], int]) -> int:
    """Start the run, kill it once a count is reached, and return that count; 0 if it ended."""
    process = subprocess.Popen(command(root, settings), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        if (count := reached()) >= 1:
            time.sleep(0.3)  # into the next block
            process.kill()
            process.wait()
            return max(count, reached())
        time.sleep(0.05)
    return 0


def content(root: Path) -> dict[str, bytes]:
    """Return the numbers of a store by address; how long an epoch took is none."""
    files = (path for name in NUMBERS for path in (root / "store").glob(f"*/*/{name}"))
    return {
        str(path.relative_to(root)): SECONDS.sub(b"", path.read_bytes())
        if path.suffix == ".json"
        else path.read_bytes()
        for path in files
    }


def rows(root: Path) -> object:
    """Return the rows of a run."""
    return json.loads((root / "run" / "rows.json").read_text())["rows"]


def main(settings: list[str]) -> int:
    """Compare a run that is killed with one that is not."""
    with tempfile.TemporaryDirectory() as place:
        quiet, killed = Path(place) / "quiet", Path(place) / "killed"
        subprocess.run(command(quiet, settings), check=True, stdout=subprocess.DEVNULL)
        stages: dict[str, Callable[[], int]] = {
            "pixels": lambda: noted(killed, "pixels"),
            "features": lambda: noted(killed, "features"),
            "attacks": lambda: crafted(killed),
        }
        for stage, reached in stages.items():
            kept = kill_when(killed, settings, reached)
            sys.stdout.write(f"{stage:9} killed with {kept} blocks on the disk\n")
        subprocess.run(command(killed, settings), check=True, stdout=subprocess.DEVNULL)
        one, other = content(quiet), content(killed)
        equal = one == other and rows(quiet) == rows(killed)
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                sys.stdout.write(f"differs: {name}\n")
        sys.stdout.write(
            f"{len(one)} files of numbers, {sum(map(len, one.values())) / 1e6:.0f} MB: "
            f"{'every byte and every row is equal' if equal else 'NOT equal'}\n"
        )
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
