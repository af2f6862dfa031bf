"""MLflow: a run of an experiment, on a server or in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vrbench.core.extras import extra
from vrbench.trackers.base import Plain, Tracker

LONGEST = 500  # letters of a parameter
NAMED = str.maketrans({"@": "_at_"})  # a letter that MLflow has not in names


class MLflow(Tracker):
    """A run that ``mlflow ui`` shows.

    Args:
        uri: of the tracking server or store; None: what MLflow itself is set to.
        experiment: its name there.
    """

    def __init__(self, *, uri: str | None = None, experiment: str = "vrbench") -> None:
        self._mlflow = extra("mlflow", needed_by="track=mlflow", group="mlflow")
        self.uri = uri
        self.experiment = experiment

    def begin(self, name: str, settings: Mapping[str, Plain], folder: Path) -> None:
        """Start the run and write its parameters."""
        self._client: Any = self._mlflow.MlflowClient(tracking_uri=self.uri)
        found = self._client.get_experiment_by_name(self.experiment)
        place = found.experiment_id if found else self._client.create_experiment(self.experiment)
        self._run: str = self._client.create_run(place, run_name=name).info.run_id
        for key, value in settings.items():
            self._client.log_param(self._run, key.translate(NAMED), str(value)[:LONGEST])

    def number(self, name: str, value: float, step: int) -> None:
        """Write a metric."""
        self._client.log_metric(self._run, name.translate(NAMED), value, step=step)

    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write an artifact."""
        self._client.log_image(self._run, pixels, f"{name.translate(NAMED)}.png")

    def end(self, failed: str | None) -> None:
        """End the run."""
        if failed:
            self._client.set_tag(self._run, "failed", failed)
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")
