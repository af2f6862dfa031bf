"""What the axes of a plot say: a metric and its unit, the size of a change and its own."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

EPS = "eps"
GREY_LEVELS = "grey levels of 255"
ACROSS = {
    EPS: "size of the change, eps (in the units of the budget)",
    "queries": "questions asked, per picture",
    "SSIM": "SSIM of clean and attacked pictures (1: no change)",
    "PSNR": "PSNR of clean and attacked pictures (dB)",
    "LPIPS": "LPIPS of clean and attacked pictures (0: no change)",
    "LPIPS_untrained": "LPIPS without its published weights (0: no change)",
    "L2 change": f"length of the change, L2 ({GREY_LEVELS})",
    "Linf change": f"largest change of a value ({GREY_LEVELS})",
}
BUDGETS = {  # by norm
    "Linf": f"budget: largest change of a value ({GREY_LEVELS})",
    "L2": f"budget: length of the change, L2 ({GREY_LEVELS})",
    "L1": f"budget: sum of all changes, L1 ({GREY_LEVELS})",
    "L0": "budget: share of pixels that change",
}
UNITS = {  # by how a metric's name begins; the longest counts
    "item HR": "share of users",
    "CHR": "items per list",
    "success": "share of pictures",
    "aim reached": "share of pictures",
    "rank shift": "places",
    "prediction shift": "score of that recommender",
    "nDCG": "0 to 1",
    "nCDCG": "0 to 1",
    "recall": "share of held-out purchases",
}
SHARES = ("share ", "item HR", "success", "aim reached", "recall", "nDCG", "nCDCG")
COUNTS = ("CHR",)


def bounds(metric: str) -> tuple[float, float]:
    """Return the least and the most that a metric can be."""
    if metric.startswith(SHARES):
        return 0.0, 1.0
    return (0.0, inf) if metric.startswith(COUNTS) else (-inf, inf)


def across(x: str, norms: Iterable[str] = ()) -> str:
    """Return what stands below a plot.

    Args:
        x: "eps" or a metric.
        norms: of the budgets that are drawn; of one, "eps" is told in its unit.
    """
    found = set(norms)
    if x == EPS and len(found) == 1:
        return BUDGETS.get(next(iter(found)), ACROSS[EPS])
    return ACROSS.get(x, x)


def upwards(metric: str) -> str:
    """Return a metric with its unit; without one where it is not known."""
    begins = [name for name in UNITS if metric.startswith(name)]
    return f"{metric} ({UNITS[max(begins, key=len)]})" if begins else metric
