"""What is drawn: curves, what an attack gains against what it costs, rows of pictures."""

from vrbench.report.plots.gains import EPS, against, svg

__all__ = ["EPS", "against", "svg"]
