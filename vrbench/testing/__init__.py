"""What a component must do, as tests to inherit, for whoever writes one; and the toy world.

``vrbench.testing.attacks``, ``.datasets``, ``.extractors``, ``.metrics``, ``.objectives``,
``.recommenders`` and ``.surfaces`` hold the contracts and need pytest; ``.world`` and ``.views``,
what they are tested in, do not.
"""

import sys

CONTRACTS = (
    "attacks",
    "datasets",
    "extractors",
    "metrics",
    "objectives",
    "recommenders",
    "surfaces",
)

if "pytest" in sys.modules:  # before the contracts are imported: their asserts tell what they saw
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{kind}" for kind in CONTRACTS))
