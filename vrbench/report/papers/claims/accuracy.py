"""Claims about recommendation accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from vrbench.report.papers.claims.base import NOTHING, Verdict
from vrbench.report.papers.claims.rule import compared, in_every
from vrbench.report.papers.published_comparison import Cell


def cfgan_is_best(cells: Sequence[Cell]) -> Verdict:
    """CFGAN: it ranks better than all that it was compared with."""
    of = {c.where["recommender"]: c for c in cells}
    if "CFGAN" not in of or len(of) < 2:
        return NOTHING
    cfgan = of.pop("CFGAN")
    above = sorted(name for name, other in of.items() if other.value > cfgan.value)
    said = f"{cfgan.metric} {cfgan.value:.4g}; above it: {', '.join(above) or 'none'}"
    better = {name: compared(cfgan, other).holds() for name, other in of.items()}
    holds = in_every(better.values())
    if holds is None:
        near = sorted(name for name, more in better.items() if more is None)
        return Verdict(None, f"{said}; not told from {', '.join(near)} over seeds")
    return Verdict(holds, said)
