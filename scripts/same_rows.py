"""Eleven cells by an earlier version, and again by this one in the same store: the same rows?

    python scripts/same_rows.py REVISION

Exit code 1 where a row differs or a stage was made anew: then a number or a key has moved, and the
changelog should say so. The revision is of this project's git, at the earliest the first that has
``vrbench.testing`` and the names of ``import vrbench`` (dc07db4).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def cells() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what ``run`` is given, and a name for it: each aim under each threat, and surfaces."""
    from vrbench import Threat
    from vrbench.attacks import PGD, EmbeddingPGD
    from vrbench.budgets import Embeddings, Linf, Rows
    from vrbench.extractors import Colour
    from vrbench.metrics import CHR, NDCG, PredictionShift, TargetedSuccess
    from vrbench.objectives import Misrank, Promote, TargetClass
    from vrbench.surfaces import Features, Parameters
    from vrbench.testing.world import parts

    metrics = [CHR(k=5), NDCG(k=5), PredictionShift(), TargetedSuccess()]
    common = parts(metrics=metrics, attack=PGD(), budget=Linf(eps=64))
    threats = {
        "evasion": Threat(),
        "poisoning": Threat(timing="poisoning"),
        "transfer": Threat(surrogate=Colour(sharpness=5.0, grid=2)),
        "mixed": Threat(timing="poisoning", mixed=Colour(grid=2)),
    }
    for aim in (TargetClass, Promote):
        for name, threat in threats.items():
            yield f"{name} {aim.__name__}", common | {"objective": partial(aim), "threat": threat}
    yield "nobody", common | {"threat": Threat(timing="none")}
    misrank = common | {"objective": partial(Misrank)}
    features = {"budget": Rows(eps=0.5), "threat": Threat(surface=Features())}
    yield "features Misrank", misrank | features
    weights = {"attack": EmbeddingPGD(), "budget": Embeddings(eps=1.0)}
    yield "parameters Misrank", misrank | weights | {"threat": Threat(surface=Parameters())}


def measured(store: Path) -> dict[str, Any]:
    """Return the rows of each cell as this interpreter's vrbench has them, and what it made."""
    import torch

    from vrbench import Store, run

    torch.set_num_threads(1)
    told: dict[str, Any] = {}
    for name, given in cells():
        kept = Store(store)
        found = run(**given, store=kept)
        assert found is not None
        rows = [[row.metric, row.before, row.after] for row in found.rows]
        made = [entry["stage"] for entry in kept.log if not entry["cached"]]
        told[name] = {"rows": rows, "made": made}
    return told


def measured_by(tree: Path, store: Path) -> dict[str, Any]:
    """Return what the vrbench in ``tree`` measures."""
    command = [sys.executable, str(Path(__file__).resolve()), "--store", str(store)]
    shown = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=store, env=shown, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def unpacked(revision: str, place: Path) -> Path:
    """Return a folder with the vrbench of a revision."""
    command = ["git", "archive", revision, "vrbench", "conf"]
    held = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=BytesIO(held)) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # from 3.11.4 on
        packed.extractall(place)
    return place


def compared(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return one line for each cell that is not what it was; JSON has NaN equal to itself."""
    lines = []
    for name, cell in now.items():
        same = json.dumps(cell["rows"]) == json.dumps(before[name]["rows"])
        if not same or cell["made"]:
            made = f"made anew: {', '.join(cell['made']) or 'nothing'}"
            lines.append(f"{name}: rows {'equal' if same else 'differ'}; {made}")
    return lines


def main(revision: str) -> int:
    """Compare, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        tree, store = Path(folder, "tree"), Path(folder, "store")
        for place in (tree, store):
            place.mkdir()
        before = measured_by(unpacked(revision, tree), store)
        now = measured_by(ROOT, store)
    moved = compared(before, now)
    text = "\n".join([*moved, f"{len(now) - len(moved)} of {len(now)} cells as at {revision}"])
    sys.stdout.write(text + "\n")
    return int(bool(moved))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--store"]:
        sys.stdout.write(json.dumps(measured(Path(sys.argv[2]))))
    elif len(sys.argv) == 2:
        sys.exit(main(sys.argv[1]))
    else:
        sys.exit(__doc__)
