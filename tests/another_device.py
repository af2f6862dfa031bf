"""A second device without hardware: tensors that say they are on ``meta`` and hold their numbers.

What a GPU would refuse, it refuses: an operation on tensors of both devices. (Random generators
and gradients that are sparse are not played.) What would wait for a GPU is counted (``WAITED``).
"""

import contextlib
import sys
from collections import Counter
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from vrbench.core import philox
from vrbench.extractors import pooling
from vrbench.recommenders import counting

DEVICE = torch.device("meta")
MOVES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
TAKES = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}  # a table on the device may be read and written at places that the CPU names

WAITS = (
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "repeat_interleave", "bincount"),
    *("_unique2", "unique_dim", "unique_consecutive", "_linalg_eigh", "_linalg_solve_ex"),
)  # operations whose answer, or whether it failed, is on the device
WAITED: Counter[str] = Counter()  # by what waits, and the line of vrbench that asks for it


class Placed(torch.Tensor):
    """A tensor "on" the other device; ``held`` are its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    def tolist(self):
        _waited("tolist")
        return self.held.tolist()

    def numpy(self, **_):
        raise TypeError("can't convert a tensor of another device to numpy")

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _run(operation, args, kwargs or {})


class _Watch(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _run(operation, args, kwargs or {})


@contextlib.contextmanager
def another_device():
    """Let there be ``DEVICE``."""
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    made, like = torch.tensor, torch.Tensor.new_tensor

    def tensor(data, *, device=None, **kind):
        """Return numbers, which are made here first: what makes them asks no operation there."""
        return made(data, **kind) if device is None else made(data, **kind).to(device)

    def new_tensor(self, data, *, dtype=None, device=None, **kind):
        return tensor(data, dtype=dtype or self.dtype, device=device or self.device, **kind)

    torch.tensor, torch.Tensor.new_tensor = tensor, new_tensor
    try:
        with _Watch():
            yield DEVICE
    finally:
        torch.tensor, torch.Tensor.new_tensor = made, like
        torch.__future__.set_overwrite_module_params_on_conversion(False)


@contextlib.contextmanager
def taken_for_a_gpu():
    """Let there be ``DEVICE``, whose tensors say ``is_cuda``, and no kernels of Triton for it."""
    with contextlib.ExitStack() as stack:
        said = property(lambda self: True)
        stack.enter_context(mock.patch.object(Placed, "is_cuda", said, create=True))
        for module in (philox, counting, pooling):
            stack.enter_context(mock.patch.object(module, "has_triton", return_value=False))
        yield stack.enter_context(another_device())


def _run(operation, args, kwargs):
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
    there = [t for t in tensors if isinstance(t, Placed)]
    here = [t for t in tensors if t.dim() and not isinstance(t, Placed)]
    named = operation in TAKES and isinstance(args[0], Placed)
    if there and here and operation not in MOVES and not named:
        raise RuntimeError(f"{operation}: tensors on two devices")
    asked = kwargs.get("device")
    ends_there = bool(there) if asked is None else torch.device(asked) == DEVICE
    if not there and not ends_there:
        return operation(*args, **kwargs)
    _note(operation, args, bool(there), ends_there, kwargs.get("output_size"))
    inside = dict(kwargs) if asked is None else kwargs | {"device": torch.device("cpu")}
    args_held, kwargs_held = tree_map(_held, (args, inside))
    found = operation(*args_held, **kwargs_held)
    if operation is torch.ops.aten.copy_.default:
        return args[0]
    if not ends_there:
        return found.clone()  # a copy, also where the CPU's would be the tensor itself
    found = tree_map(lambda t: Placed(t) if isinstance(t, torch.Tensor) else t, found)
    if any(value.alias_info for value in operation._schema.returns):
        return return_and_correct_aliasing(operation, args, kwargs, found)
    return found


def _held(value):
    return value.held if isinstance(value, Placed) else value


def _note(operation, args, there, ends_there, output_size=None):
    """Count an operation that waits for the device, or for what is copied to it or from it.

    One that is told how much will come out does not wait to know it.
    """
    name = operation.__name__.partition(".")[0]
    if operation is torch.ops.aten.copy_.default:
        waits = isinstance(args[0], Placed) != isinstance(args[1], Placed)
    elif operation in MOVES:
        waits = there != ends_there
    elif operation in TAKES:
        at = [index for index in args[1] if index is not None]
        waits = any(i.dtype == torch.bool or not isinstance(i, Placed) for i in at)
    else:
        waits = there and name in WAITS and output_size is None
    if waits:
        _waited(name)


def _waited(name):
    frame = sys._getframe(2)
    while frame is not None and "/vrbench/" not in frame.f_code.co_filename:
        frame = frame.f_back
    line = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
    WAITED[f"{name} {line.rpartition('/vrbench/')[2]}"] += 1
