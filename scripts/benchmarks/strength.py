r"""Whether one attack, with ten times its steps or questions, beats attack=standard.

    python scripts/benchmarks/strength.py --set size=32 num_items=360 num_users=400
    python scripts/benchmarks/strength.py --dataset clothing_men --extractors photos_standard \
        --recommenders vbpr/clothing_men --out strength_men.csv
    python scripts/benchmarks/strength.py --standard standard_2 --attacks standard
    python scripts/benchmarks/strength.py --objective promote_lists --share 0.1 --budget linf_16
    python scripts/benchmarks/strength.py --table strength.csv

A cell is a recommender behind an extractor. In each, every attack pushes the same items
(``--objective``: promote or promote_lists, which is reached at a smooth hit ratio of ``--share``).
A line says of one attack in one cell how many items reach the aim (their mean score over users
passes what enters the lists; that share of the users list them), and by how much it beats the
standard attack (``--standard``: 1, 2 or 3; one beside the other with ``--attacks standard``) on
those that neither leads there: its gain (of mean score; of the logarithm of the smooth hit ratio)
over the standard's, in percent (where the standard reaches the aim it keeps the first result, not
the highest). Lines are written as they come; started again, the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from victim import out

from vrbench import Experiment, Machine, Session, Store, Threat, choose, measure
from vrbench.metrics import AimReached
from vrbench.metrics.view import Crafted

TEN: dict[str, dict[str, int]] = {  # ten times what conf/attack/ gives each
    "pgd": {"steps": 100},
    "mifgsm": {"steps": 100},
    "adam": {"steps": 1000},
    "apgd": {"steps": 1000},
    "apgd_margin": {"steps": 1000},
    "fmn": {"steps": 1000},
    "regression": {"queries": 6400},
    "nes": {"queries": 20000},
    "square": {"queries": 20000},
    "standard": {},  # the other one, as it is
}
VERSIONS = {"standard": "1", "standard_2": "2", "standard_3": "3"}
COLUMNS = (
    "dataset", "objective", "share", "recommender", "extractor", "budget", "seed", "standard",
    "attack", "items", "reached", "standard_reached", "compared", "beats_by_percent", "seconds",
)  # fmt: skip


def main() -> None:
    """Measure what is not in the table yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="boutique")
    parser.add_argument("--set", nargs="*", default=[], help="settings of it, whole numbers")
    parser.add_argument("--recommenders", nargs="*", default=["vbpr", "amr", "deepstyle", "fm"])
    parser.add_argument("--extractors", nargs="*", default=["standard", "adversarial", "jpeg_75"])
    parser.add_argument("--standard", default="standard", choices=list(VERSIONS))
    single = [name for name in TEN if name != "standard"]
    parser.add_argument("--attacks", nargs="*", default=single, choices=list(TEN))
    parser.add_argument("--objective", default="promote", choices=["promote", "promote_lists"])
    parser.add_argument("--share", type=float, default=0.5, help="of users, for promote_lists")
    parser.add_argument("--budget", default="linf_8")
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--out", type=Path, default=Path("strength.csv"))
    parser.add_argument("--table", type=Path, help="print this file as Markdown; measure nothing")
    chosen = parser.parse_args()
    if chosen.table:
        out(table(read(chosen.table)))
        return
    told = dict(setting.split("=") for setting in chosen.set)
    data = choose("dataset", chosen.dataset, **{name: int(n) for name, n in told.items()})
    cells = [
        (e, r, s) for e in chosen.extractors for r in chosen.recommenders for s in chosen.seeds
    ]
    for extractor, recommender, seed in cells:
        where = {"dataset": chosen.dataset, "recommender": recommender, "extractor": extractor}
        where |= {"budget": chosen.budget, "seed": str(seed), "objective": chosen.objective}
        where |= {"standard": chosen.standard, "share": f"{chosen.share:g}"}
        known = {line["attack"] for line in read(chosen.out) if where.items() <= line.items()}
        if not set(chosen.attacks) <= known:
            todo = [name for name in chosen.attacks if name not in known]
            session = Session(Store(chosen.store), Machine(), seed, 0)
            measured(data, where, todo, chosen.items, session, chosen.out)


def measured(
    data: Any, where: dict[str, str], names: list[str], items: int, session: Session, to: Path
) -> None:
    """Measure attacks in one cell, and add their lines to a file."""
    parts = {
        "dataset": data,
        "extractor": choose("extractor", where["extractor"]),
        "recommender": choose("recommender", where["recommender"]),
        "budget": choose("budget", where["budget"]),
        "objective": aim_of(where),
        "scenario": choose("scenario", "any_items", max_items=items),
        "threat": Threat(timing="evasion"),
    }

    def crafted(name: str, **settings: int) -> Crafted:
        attack = choose("attack", name, **settings)
        found = measure(Experiment(**parts, attack=attack), session, [AimReached()])
        assert found is not None
        assert found.crafted is not None
        return found.crafted

    standard = crafted(where["standard"])
    for name in names:
        began = time.perf_counter()
        found = crafted(name, **TEN[name])
        line = where | {"attack": name} | compared(found, standard)
        line["seconds"] = f"{time.perf_counter() - began:.0f}"
        written(line, to)
        out(" ".join(f"{line[c]}" for c in COLUMNS))


def aim_of(where: dict[str, str]) -> Any:
    """Return the objective of a cell; a share of users is no part of the mean score."""
    if where["objective"] == "promote":
        return choose("objective", "promote")
    return choose("objective", where["objective"], share=float(where["share"]))


def compared(found: Crafted, standard: Crafted) -> dict[str, str]:
    """Return how many reach the aim, and by how much an attack gains more where none does."""
    ours, theirs = reached(found), reached(standard)
    both = ~ours & ~theirs
    gain, usual = gained(found)[both], gained(standard)[both]
    more = 100 * (float(gain.sum()) / float(usual.sum()) - 1) if both.any() else float("nan")
    return {
        "items": str(len(ours)),
        "reached": str(int(ours.sum())),
        "standard_reached": str(int(theirs.sum())),
        "compared": str(int(both.sum())),
        "beats_by_percent": f"{more:.2f}",
    }


def reached(found: Crafted) -> Tensor:
    """Return, ``(n,)`` bool, which pictures reach the aim."""
    return found.reached


def gained(found: Crafted) -> Tensor:
    """Return, ``(n,)``, how much score each picture gained: by how much its margin fell."""
    assert found.margin_before is not None
    return (found.margin_before - found.margin).double()


def read(path: Path) -> list[dict[str, str]]:
    """Return the lines of a file; none if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def written(line: dict[str, str], path: Path) -> None:
    """Add a line to a file."""
    fresh = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(line)


def table(lines: list[dict[str, str]]) -> str:
    """Return a line a cell as Markdown: items reached, and the attack that comes nearest."""
    cells: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for line in lines:
        cells.setdefault(tuple(line[c] for c in COLUMNS[1:8]), []).append(line)
    told = ["| standard | aim | recommender | extractor | budget | seed | reached | most gained |"]
    told.append("|---|---|---|---|---|---|---|---|")
    for (aim, share, recommender, extractor, budget, seed, standard), found in cells.items():
        most = max(found, key=lambda line: int(line["reached"]))
        known = [line for line in found if line["beats_by_percent"] != "nan"]
        far = max(known, key=lambda line: float(line["beats_by_percent"]), default=None)
        gain = "nobody is left"
        if far is not None:
            beats = float(far["beats_by_percent"])
            gain = f"{far['attack']} {beats:+.2f} % on {far['compared']}"
        number = VERSIONS[standard]
        whom = f"{aim}, {share}" if aim == "promote_lists" else aim
        told.append(
            f"| {number} | {whom} | {recommender} | {extractor} | {budget} | {seed} | "
            f"{most['standard_reached']}, {most['reached']} of {most['items']} | {gain} |"
        )
    return "\n".join(told)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
