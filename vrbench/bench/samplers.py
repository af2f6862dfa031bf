"""By whom settings are proposed, and by whom trials are stopped: names, without Optuna."""

from __future__ import annotations

from typing import Literal

Sampler = Literal["grid", "random", "tpe", "multivariate_tpe", "gp", "anneal"]
Pruner = Literal["median", "none"]
