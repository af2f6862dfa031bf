"""A large catalogue through everything: seconds of each stage, and the most memory that was held.

    python scripts/benchmarks/catalogue.py --folder FOLDER [--size 224] [SETTING=VALUE ...]

Draws pictures (coloured noise, JPEG) and purchases at random, then runs ``python -m vrbench`` on
them: decode, extract features, train VBPR, attack with PGD-10, rank for everybody, measure. Memory
is what the process holds of its own; pages of mapped files are the system's, to drop as it likes.
A second call goes on where a first one was stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES, EACH = 20, 6  # of items; purchases of a user


def main() -> None:
    """Print one line a stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--attacked", type=int, default=1_000)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--extractor", default="efficientnet_lite0")
    parser.add_argument("settings", nargs="*", help="more of the job, such as extractor.epochs=1")
    chosen = parser.parse_args()
    began = time.monotonic()
    draw(chosen)
    told(f"drawing {chosen.pictures:,} pictures", time.monotonic() - began)
    run(chosen)


def told(what: str, seconds: float) -> None:
    """Print a line."""
    sys.stdout.write(f"{what:44} {seconds:9.1f} s\n")
    sys.stdout.flush()


def draw(chosen: argparse.Namespace) -> None:
    """Write pictures, a product list and a purchase log, if they are not there."""
    folder: Path = chosen.folder / "shop"
    if (folder / "purchases.csv").exists():
        return
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    numbers = np.arange(chosen.pictures)
    with ProcessPoolExecutor(chosen.threads) as pool:
        some = partial(pictures, folder / "photos", chosen.size)
        for _ in pool.map(some, np.array_split(numbers, max(1, chosen.pictures // 500))):
            pass
    rows = [f"i{n},photos/{n}.jpg,c{n % CATEGORIES}" for n in numbers]
    (folder / "items.csv").write_text("\n".join(["item_id,image,category", *rows]) + "\n")
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(chosen.users), EACH)
    items = (chosen.pictures * rng.random(len(users)) ** 2).astype(int)  # the first ones sell best
    days = rng.integers(0, 300, len(users))
    start = np.datetime64("2025-01-01")
    lines = [f"u{u},i{i},{start + d}" for u, i, d in zip(users, items, days, strict=True)]
    (folder / "purchases.csv").write_text("\n".join(["customer,product,date", *lines]) + "\n")


def pictures(folder: Path, size: int, numbers: np.ndarray) -> None:
    """Write pictures of some items, each drawn from its number."""
    for n in numbers.tolist():
        coarse = np.random.default_rng(n).integers(0, 256, (14, 14, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((size, size), Image.Resampling.BILINEAR)
        smooth.save(folder / f"{n}.jpg", quality=85)


def run(chosen: argparse.Namespace) -> None:
    """Run the job in a process of its own, and watch what it holds."""
    folder: Path = chosen.folder.absolute()
    told_it = [
        *("dataset=shop", f"dataset.path={folder / 'shop'}", f"dataset.size={chosen.size}"),
        f"extractor={chosen.extractor}",
        *("recommender=vbpr", f"recommender.epochs={chosen.epochs}", "recommender.batch_size=4096"),
        *("scenario=any_items", f"scenario.max_items={chosen.attacked}"),
        *("attack=pgd", "objective=promote_lists", "metrics=attacks"),
        f"machine={'gpu' if chosen.device == 'cuda' else 'cpu'}",
        f"machine.threads={chosen.threads}",
        *chosen.settings,
        *(f"store={folder / 'store'}", f"hydra.run.dir={folder / 'run'}"),
    ]
    process = subprocess.Popen([sys.executable, "-m", "vrbench", *told_it], cwd=folder)
    most, began = 0, time.monotonic()
    while process.poll() is None:
        most = max(most, held(process.pid))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit("the job failed: see above")
    told("all stages", time.monotonic() - began)
    found = json.loads((folder / "run" / "rows.json").read_text())
    for stage in found["stages"]:
        told(f"  {stage['stage']}", stage["seconds"])
    sys.stdout.write(f"most memory held {most / 2**30:.2f} GiB\n")


def held(pid: int) -> int:
    """Return the bytes of memory that a process holds of its own; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kept = [line for line in lines if line.startswith(("RssAnon", "RssShmem"))]
    return sum(1024 * int(line.split()[1]) for line in kept)


if __name__ == "__main__":
    main()
