"""Provenance of precomputed features."""

from __future__ import annotations

import json
from pathlib import Path

from vrbench.core.archives import reading
from vrbench.core.errors import DataError, nearest
from vrbench.core.files import regular, sha256

FIELDS = ("encoder", "weights", "transform", "layer", "source", "licence", "sha256")
MOST = 1 << 16  # bytes of a manifest


def read_manifest(path: Path | None, features: Path) -> dict[str, str]:
    """Return the provenance of features as texts by name, without the hash.

    Args:
        path: a JSON file with any of ``FIELDS``; None: ``features`` with the suffix ``.json``, if
            that is there.
        features: the file that it tells of.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is none, or ``sha256`` is not that of ``features``.
    """
    if path is None:
        if features.is_dir() or not features.with_suffix(".json").is_file():
            return {}
        path = features.with_suffix(".json")
    regular(path, f"no file {path}: put a JSON file with any of {', '.join(FIELDS)} there")
    if path.stat().st_size > MOST:
        raise DataError(f"{path}: a manifest has at most {MOST:,} bytes")
    told = _texts(path)
    expected = told.pop("sha256", None)
    if expected is not None and (features.is_dir() or sha256(features) != expected.lower()):
        raise DataError(
            f"{features} is not the file that {path} tells of: its sha256 differs; name the right "
            "one, or correct sha256"
        )
    return dict(sorted(told.items()))


def _texts(path: Path) -> dict[str, str]:
    """Return the texts of a manifest, by name.

    Raises:
        DataError: if it holds anything but texts of the known names.
    """
    with reading(path):
        told = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict) or not all(isinstance(v, str) for v in told.values()):
        raise DataError(f"{path}: expected an object of texts: {', '.join(FIELDS)}")
    for name in told:
        if name not in FIELDS:
            raise DataError(
                f"{path}: no field {name!r}{nearest(name, FIELDS)}; have {', '.join(FIELDS)}"
            )
    return told
