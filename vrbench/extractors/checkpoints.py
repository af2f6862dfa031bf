"""Reading weights that somebody published, without ever executing what was handed in."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.files import sha256

INSIDE = ("model", "state_dict", "model_state_dict")  # where trainers keep the weights
DROPPED = ("normalizer", "attacker", "normalize.")  # of MadryLab's and RobustBench's wrappers
PREFIXES = ("module.", "model.", "backbone.", "network.")
PLAIN = {  # what a checkpoint may really make; anything else is an inert stand-in, or refused
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch", "Size"),
    *(("builtins", n) for n in ("set", "dict", "list", "tuple", "int", "float", "bool", "slice")),
}
STAND_INS = {"dill", "robustness", "cox", "apex", "argparse", "numpy", "torch", "munch", "copyreg"}


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name.

    Reads safetensors, plain state dicts, and dicts that hold one under ``model`` or
    ``state_dict``, in torch's zip and legacy formats. What torch's own safe loader refuses (the
    dill pickles of MadryLab) is read by an unpickler that builds tensors and containers only:
    objects of known training libraries become inert stand-ins, and anything else is refused.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is damaged, hostile, or holds no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"no weights {path}: put the published file there")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise DataError(f"cannot read {path}: {error}") from error
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("constants.pkl") for name in archive.namelist()):
                raise DataError(f"{path} is a TorchScript program, not a checkpoint")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what matters is below
            held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        held = _restricted(path)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise DataError(f"cannot read {path}: {_line(error)}") from error
    for key in INSIDE:
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            held = held[key]
            break
    state = (
        {k: v for k, v in held.items() if isinstance(v, Tensor)} if isinstance(held, dict) else {}
    )
    if not state:
        raise DataError(f"{path} holds no weights")
    return state


def load_checkpoint(path: str | Path, network: nn.Module) -> dict[str, Any]:
    """Load a checkpoint into ``network`` and return its origin: file name and sha256.

    Wrappers' copies (``attacker``, ``normalizer``) are left out, and prefixes such as
    ``module.`` and ``model.`` are taken off until the names are the network's.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no checkpoint, or one of another architecture.
    """
    state = read_state(path)
    wanted = network.state_dict()
    state = _renamed(state, set(wanted))
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


class _StandIn:
    """What becomes of an object nobody needs: made with anything, does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ignore everything."""

    def __setstate__(self, state: Any) -> None:
        """Ignore everything."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore everything."""

    def __call__(self, *args: Any, **kwargs: Any) -> _StandIn:
        return self

    def append(self, value: Any) -> None:
        """Ignore everything."""

    def extend(self, values: Any) -> None:
        """Ignore everything."""


class _Unpickler(pickle.Unpickler):
    """Builds tensors and containers, stands in for known libraries, refuses the rest."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if module.split(".")[0] in STAND_INS:
            if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
                return getattr(torch, name)
            if module in ("torch", "torch.storage") and name.endswith("Storage"):
                return getattr(torch, name, _StandIn)
            return _StandIn
        raise DataError(f"it asks for {module}.{name}, which no checkpoint needs")


def _load(file: Any, **kwargs: Any) -> Any:
    return _Unpickler(file, **kwargs).load()


def _restricted(path: Path) -> Any:
    reader = SimpleNamespace(
        Unpickler=_Unpickler, load=_load, UnpicklingError=pickle.UnpicklingError, __name__="inert"
    )
    try:
        return torch.load(path, map_location="cpu", pickle_module=reader, weights_only=False)
    except DataError as error:
        raise DataError(f"{path} is refused: {error}") from None
    except Exception as error:
        # Whatever a forged file makes the reader stumble over, it is no checkpoint.
        raise DataError(f"cannot read {path}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
