"""Reading weights that somebody published, without ever executing what was handed in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from vrbench.core.archives import reading
from vrbench.core.errors import DataError
from vrbench.core.files import regular, sha256
from vrbench.core.torch_files import read_saved

INSIDE = ("model", "state_dict", "model_state_dict")  # where trainers keep the weights
DROPPED = ("normalizer", "attacker", "normalize.")  # of MadryLab's and RobustBench's wrappers
PREFIXES = ("module.", "model.", "backbone.", "network.")


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name.

    Reads safetensors, plain state dicts, and dicts that hold one under ``model`` or
    ``state_dict``, in torch's zip and legacy formats, as data: nothing of the file is called.
    Objects of known training libraries (the dill pickles of MadryLab) become inert stand-ins, and
    anything else is refused, as is what would take far more memory than the file has bytes.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is damaged, hostile, or holds no tensors.
    """
    path = Path(path)
    regular(path, f"no weights {path}: put the published file there")
    if path.suffix == ".safetensors":
        with reading(path):
            return load_file(path)
    held = read_saved(path)
    for key in INSIDE:
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            held = held[key]
            break
    named = held.items() if isinstance(held, dict) else ()
    state = {k: v for k, v in named if isinstance(k, str) and isinstance(v, Tensor)}
    if not state:
        raise DataError(f"{path} holds no weights")
    return state


def load_checkpoint(
    path: str | Path,
    network: nn.Module,
    *,
    left_out: tuple[str, ...] = (),
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> dict[str, Any]:
    """Load a checkpoint into ``network`` and return its origin: file name and sha256.

    Wrappers' copies (``attacker``, ``normalizer``) are left out, and prefixes such as
    ``module.`` and ``model.`` are taken off until the names are the network's.

    Args:
        path: the checkpoint.
        network: what is filled.
        left_out: how names begin that the network does without, such as ``AuxLogits.``.
        convert: from the layout of an original release to the network's; fails with a ``KeyError``,
            ``RuntimeError`` or ``ValueError`` on any other.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no checkpoint, or one of another architecture.
    """
    state = read_state(path)
    wanted = network.state_dict()
    state = _renamed(state, set(wanted))
    if convert is not None:
        try:
            state = convert(state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} is a checkpoint of another architecture ({error})") from error
    state = {k: v for k, v in state.items() if k in wanted or not k.startswith(left_out)}
    counters = {k for k in wanted if k.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - counters - set(state))
    unexpected = sorted(set(state) - set(wanted))
    if missing or unexpected:
        told = [f"lacks {missing[0]!r}"] if missing else []
        told += [f"has {unexpected[0]!r}"] if unexpected else []
        raise DataError(
            f"{path} is a checkpoint of another architecture: it {' and '.join(told)} "
            f"({len(missing)} missing, {len(unexpected)} unexpected)"
        )
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            raise DataError(
                f"{path}: {key!r} has shape {tuple(value.shape)}, "
                f"the network wants {tuple(wanted[key].shape)}"
            )
    network.load_state_dict(state, strict=False)
    return {"file": Path(path).name, "sha256": sha256(path)}


def _renamed(state: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    state = {k: v for k, v in state.items() if not any(part in k for part in DROPPED)}
    while state and not wanted & set(state):
        for prefix in PREFIXES:
            if all(k.startswith(prefix) for k in state):
                state = {k.removeprefix(prefix): v for k, v in state.items()}
                break
        else:
            break
    return state
