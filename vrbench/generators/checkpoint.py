"""An unfinished training, as one file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vrbench.core.errors import StorageError
from vrbench.core.files import regular


def save(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
    """Write a checkpoint; whoever reads at the same time, or later, finds a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        save_file(kept, draft, {"notes": json.dumps(notes)})
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the tensors and the notes of a checkpoint; None if there is none.

    Raises:
        DataError: if it is no file.
        StorageError: if it cannot be read.
    """
    if not path.exists():
        return None
    regular(path)
    try:
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["notes"])
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"cannot read the checkpoint {path} ({error}): delete it to begin anew"
        ) from error
