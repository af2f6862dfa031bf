"""The tables of the page "Coming from Elliot", made of what is translated."""

from __future__ import annotations

from vrbench.cli.elliot.models import MODELS
from vrbench.cli.elliot.parameters import (
    Evaluated,
    Halving,
    Model,
    Named,
    Negated,
    OneLayer,
    Only,
    PowerOfTwo,
    Target,
    To,
)
from vrbench.cli.elliot.spaces import AS_WRITTEN, FUNCTIONS, SAMPLERS
from vrbench.cli.elliot.table import EARLY, FILTERS, META, METRICS, OPTIONS, SIDE

Lines = list[tuple[str, str]]


def tables() -> dict[str, Lines]:
    """Return by title the lines of each table: what it is in Elliot, and where it is here."""
    return {
        "Options": [(name, option.here) for name, option in OPTIONS.items()],
        "Side information": list(SIDE.items()),
        "Prefilters": [(name, f"`{choice}`") for name, (choice, _) in FILTERS.items()],
        "Of every model": [
            *((f"meta.{name}", option.here) for name, option in META.items()),
            *((f"early_stopping.{name}", option.here) for name, option in EARLY.items()),
        ],
        "Searches": [
            *((name, f"`{sampler}`" + _instead(name)) for name, sampler in SAMPLERS.items()),
            *((name, "the same") for name in FUNCTIONS),
        ],
        "Metrics": [
            (name, "; ".join(filter(None, [_class(measure.target), measure.note])))
            for name, measure in METRICS.items()
        ],
        "Models": [(name, _model(model)) for name, model in MODELS.items()],
        "Parameters": [
            (f"{name}.{key}", _parameter(told))
            for name, model in MODELS.items()
            for key, told in model.parameters.items()
        ],
    }


def _instead(sampler: str) -> str:
    return "" if sampler in AS_WRITTEN else ", and said"


def _class(target: str) -> str:
    return f"`{target.rpartition('.')[2]}`" if target else ""


def _model(model: Model) -> str:
    fixed = [f"`{name}={value}`" for name, value in model.fixed.items()]
    choice = f"`recommender={model.choice}`" if model.choice else ""
    return "; ".join(filter(None, [choice, *fixed, model.why]))


def _parameter(told: Target) -> str:
    if isinstance(told, To):
        names = ", ".join(f"`{setting}`" for setting in told.settings)
        return f"{names}, which is 1 minus it" if told.keep else names
    if isinstance(told, Only):
        return f"only {', '.join(map(str, told.values))}: {told.why}"
    if isinstance(told, Named):
        known = dict.fromkeys(told.values.values())
        which = ", ".join(known) if len(known) < 6 else f"one of {len(known)}"
        return f"`{told.setting}`: {which}"
    if isinstance(told, PowerOfTwo):
        return f"`{told.setting}`, where it is a power of two"
    if isinstance(told, Negated):
        return f"`{told.setting}`, which is its contrary"
    if isinstance(told, Evaluated):
        return "of `meta.eval_perturbations`"
    if isinstance(told, OneLayer):
        return f"`{told.setting}`, where there is one layer"
    if isinstance(told, Halving):
        return "`hidden`, `depth`, where each is half of the one before"
    return told or "not needed"
