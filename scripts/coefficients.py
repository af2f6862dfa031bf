"""Draw the regressions of a table that `vrbench study` wrote: images/study_ml.png.

    python scripts/coefficients.py results/study_ml.csv --metric "rank shift" --out NAME.png

A cell is a coefficient and its p, by which its interval is known: p is of Student's t with as many
degrees of freedom as there are data sets, less one and less the number of characteristics.
"""

from __future__ import annotations

import argparse
import csv
import re
from math import nan
from pathlib import Path

from scipy.stats import t as student

from vrbench.report.plots.coefficients import draw
from vrbench.report.study import CHARACTERISTICS, Effect, Fit

CELL = re.compile(r"'?(?P<mean>[-+][\d.e-]+) \(p [=<] (?P<p>[\d.e-]+)\)")


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--metric", default="item HR@10")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    draw(read(chosen.table), chosen.metric, chosen.out)


def read(path: Path) -> list[Fit]:
    """Return the regressions of a table; inflations of single coefficients are not in it."""
    with open(path, newline="", encoding="utf-8") as file:
        return [fit_of(row) for row in csv.DictReader(file)]


def fit_of(row: dict[str, str]) -> Fit:
    """Return the regression of one line."""
    cells = {name: CELL.fullmatch(row.get(name, "")) for name in CHARACTERISTICS}
    known = {name: cell for name, cell in cells.items() if cell is not None}
    free = int(row["data sets"]) - 1 - len(known)
    effects = {}
    for name, cell in known.items():
        mean, p = float(cell["mean"]), float(cell["p"])
        half = abs(mean) / student.isf(p / 2, free) * student.isf(0.025, free)
        effects[name] = Effect(mean, mean - half, mean + half, p, nan)
    r2 = float(row["R2"]), float(row["adjusted R2"])
    change = float(row["mean change"])
    return Fit(row["attack"], row["recommender"], int(row["data sets"]), change, r2, effects)


if __name__ == "__main__":
    main()
