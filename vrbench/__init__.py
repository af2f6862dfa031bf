"""vrbench: attacks on the images of visual recommenders, measured.

``vrbench.run`` measures one attack on one shop. What it takes stands, by class name, in
``vrbench.attacks``, ``vrbench.recommenders``, ``vrbench.metrics`` ...; ``dir()`` of each lists it.
``vrbench.choose`` gives a shipped choice by its name on the command line. Nothing is imported
before it is asked for.
"""

from vrbench.core.lazy import names as _names
from vrbench.moved import redirect as _redirect

_redirect()
__version__ = "0.1.0"

__getattr__, __dir__ = _names(
    __name__,
    modules=(
        "attacks",
        "budgets",
        "datasets",
        "detectors",
        "extractors",
        "filters",
        "generators",
        "metrics",
        "objectives",
        "recommenders",
        "scenarios",
        "splits",
        "surfaces",
        "threats",
    ),
    defined={
        "vrbench.bench": ("Machine", "Result", "Session", "Store", "measure", "run"),
        "vrbench.threats": ("Experiment", "Scenario", "Threat"),
        "vrbench.cli.choices": ("choose",),
        "vrbench.cli.entries": ("load",),
        "vrbench.core.errors": (
            "ConfigError",
            "ContractError",
            "DataError",
            "DivergedError",
            "IncompatibleError",
            "MissingDataError",
            "StorageError",
            "VRBenchError",
        ),
    },
    own=("__version__",),
)
