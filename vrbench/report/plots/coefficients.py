"""Coefficients of regressions and their intervals, drawn side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrbench.report.plots.curves import save
from vrbench.report.plots.gains import styled
from vrbench.report.plots.looks import looks
from vrbench.report.plots.thing_words import in_words
from vrbench.report.study import Fit, names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CALLED = {"rank shift": "places gained", "places": "places gained"}


def draw(found: Sequence[Fit], metric: str, path: Path) -> None:
    """Draw every fit's coefficients with their 95 % intervals into a picture.

    Args:
        found: the regressions.
        metric: whose change they explain.
        path: where to; the ending says the format.

    Raises:
        ConfigError: if the ending is of no format.
        StorageError: if it cannot be written.
    """
    with styled():
        save(lambda: _figure(found, metric), path)


def _figure(found: Sequence[Fit], metric: str) -> Figure:
    from matplotlib.figure import Figure

    names, of = names_of(found), CALLED.get(metric, f"the change of {metric}")
    figure = Figure(figsize=(6.8, 1.6 + 0.6 * len(names)), layout="constrained", dpi=150)
    axes = figure.subplots()
    attacks = [fit.attack for fit in found]
    alone = len(set(attacks)) == len(attacks)
    names_of_fits = [fit.attack if alone else f"{fit.attack}, {fit.recommender}" for fit in found]
    drawn = looks(names_of_fits)
    for n, fit in enumerate(found):
        aside = (n - (len(found) - 1) / 2) * 0.7 / max(1, len(found))
        places = [names.index(name) + aside for name in fit.effects]
        effects = list(fit.effects.values())
        values = [effect.coefficient for effect in effects]
        below = [effect.coefficient - effect.low for effect in effects]
        above = [effect.high - effect.coefficient for effect in effects]
        told = in_words(f"{fit.attack}, {fit.recommender}")
        label = f"{told} (R2 {fit.r2[0]:.2f})"
        axes.errorbar(
            values,
            places,
            xerr=[below, above],
            fmt=drawn[names_of_fits[n]].marker,
            markersize=4,
            color=drawn[names_of_fits[n]].colour,
            label=label,
        )
    title = f"What goes with {of}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(f"{of}, per standard deviation, 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure
