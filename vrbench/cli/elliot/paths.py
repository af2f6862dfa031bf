"""Paths in an Elliot configuration."""

from __future__ import annotations

import os
from pathlib import Path

from vrbench.cli.elliot.configuration import Node
from vrbench.core.errors import DataError


def path_of(place: Path, told: object, experiment: Node) -> Path:
    """Return a path of a file; relative ones are so to the file's folder.

    Args:
        place: the folder of the file.
        told: the path; ``{0}`` in it is the name of the data set.
        experiment: see ``read_configuration``.

    Raises:
        DataError: if there is none.
    """
    if not told:
        raise DataError("experiment.data_config: no path")
    named = str(told).replace("{0}", str(experiment["dataset"]))
    return Path(os.path.normpath(place / Path(named).expanduser()))
