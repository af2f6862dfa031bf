"""Convolutions that add their bias, a shortcut and ReLU themselves: one kernel on a GPU, not four.

Max pooling is put on kernels of its own, too (``extractors.pooling``).

A traced network is rewritten; what it computes stays the same, and rounds once where it rounded up
to four times. Weights are frozen: gradients lead to the pixels only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from vrbench.extractors.pooling import LARGEST, max_pool

aten = torch.ops.aten
CONV, RELUS = aten.conv2d.default, (aten.relu.default, aten.relu_.default)
POOL = aten.max_pool2d.default
ADDS = (aten.add.Tensor, aten.add_.Tensor)
SCHEMA = (  # spelt out: torch 2.4 reads no annotations that are kept as text
    "(Tensor x, Tensor weight, Tensor bias, Tensor? shortcut, SymInt[] stride, SymInt[] padding, "
    "SymInt[] dilation, SymInt groups) -> Tensor"
)
FEW = 4  # channels of pixels: too few for the units that multiply matrices


class Shape(NamedTuple):
    """Of a convolution, as ATen takes it."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int


def _at_once(
    x: Tensor, weight: Tensor, bias: Tensor, shortcut: Tensor | None, shape: Shape
) -> Tensor:
    """Return the positive part of a convolution, its bias and a shortcut."""
    if not x.is_cuda:
        return _plainly(x, weight, bias, shortcut, shape)
    if x.dtype == torch.float32:  # cuDNN's own ones are slower than a convolution and this
        from vrbench.extractors.epilogue_triton import finish_

        return finish_(F.conv2d(x, weight, None, *shape), bias, shortcut)
    if shortcut is None:
        found: Tensor = torch.cudnn_convolution_relu(x, weight, bias, *shape)
    else:
        found = torch.cudnn_convolution_add_relu(x, weight, shortcut, 1.0, bias, *shape)
    return found


def _plainly(
    x: Tensor, weight: Tensor, bias: Tensor, shortcut: Tensor | None, shape: Shape
) -> Tensor:
    found = F.conv2d(x, weight, bias, *shape)
    return (found if shortcut is None else found + shortcut).relu()


@torch.library.custom_op("vrbench::conv_relu", mutates_args=(), schema=SCHEMA)
def _opaque(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    shortcut: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """``_at_once``, as a compiler leaves it alone."""
    return _at_once(x, weight, bias, shortcut, Shape(stride, padding, dilation, groups))


@_opaque.register_fake
def _(  # type: ignore[no-untyped-def]
    x, weight, bias, shortcut, stride, padding, dilation, groups
):
    return _plainly(x, weight, bias, shortcut, Shape(stride, padding, dilation, groups))


class _Fused(torch.autograd.Function):
    """``_at_once``, differentiated in its pixels and its shortcut."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, shortcut: Tensor | None, shape: Shape
    ) -> Tensor:
        if torch.compiler.is_compiling() and x.dtype == torch.float32:
            found = _plainly(x, weight, bias, shortcut, shape)  # what a compiler fuses as well
        elif torch.compiler.is_compiling():
            found = _opaque(x, weight, bias, shortcut, *shape)
        else:
            found = _at_once(x, weight, bias, shortcut, shape)
        ctx.save_for_backward(x, weight, found)
        ctx.shape = shape
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight, found = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.shape
        slope = aten.threshold_backward(slope, found, 0)
        back = None
        if ctx.needs_input_grad[0]:
            way = (stride, padding, dilation, False, [0, 0], groups, [True, False, False])
            back = aten.convolution_backward(slope, x, weight, None, *way)[0]
        return back, None, None, slope if ctx.needs_input_grad[3] else None, None


def conv_relu(
    x: Tensor, weight: Tensor, bias: Tensor, shortcut: Tensor | None, *shape: Any
) -> Tensor:
    """Return ``relu(conv2d(x) + shortcut)``, differentiable in ``x`` and ``shortcut``.

    Args:
        x, weight, bias: of the convolution.
        shortcut: what is added to it, or None.
        shape: the parts of a ``Shape``; a traced graph keeps its lists as another type.
    """
    stride, padding, dilation, groups = shape
    plain = Shape(list(stride), list(padding), list(dilation), groups)
    found: Tensor = _Fused.apply(x, weight, bias, shortcut, plain)
    return found


def halved(x: Tensor, kernel: int, padding: list[int]) -> Tensor:
    """Return pixels so that a convolution of stride 1 sees what one of stride 2 saw of ``x``.

    ``(B, C, H, W)`` becomes ``(B, 16, h, w)``: each place holds 2 x 2 pixels of four channels, of
    which those that ``x`` lacks are zero. Its weights are made by ``halved_weight``.
    """
    reach = -(-kernel // 2)
    sizes = [(x.shape[2 + n] + 2 * padding[n] - kernel) // 2 + reach for n in (0, 1)]
    after = [2 * sizes[n] - x.shape[2 + n] - padding[n] for n in (0, 1)]
    x = F.pad(x, (padding[1], after[1], padding[0], after[0], 0, FEW - x.shape[1]))
    pairs = x.reshape(len(x), FEW, sizes[0], 2, sizes[1], 2).permute(0, 2, 4, 1, 3, 5)
    return pairs.reshape(len(x), *sizes, 4 * FEW).permute(0, 3, 1, 2)


def halved_weight(weight: Tensor) -> Tensor:
    """Return the weights of the same convolution on what ``halved`` returns."""
    out, channels, kernel, _ = weight.shape
    reach = -(-kernel // 2)
    whole = F.pad(weight, (0, 2 * reach - kernel, 0, 2 * reach - kernel, 0, FEW - channels))
    pairs = whole.reshape(out, FEW, reach, 2, reach, 2).permute(0, 1, 3, 5, 2, 4)
    return pairs.reshape(out, 4 * FEW, reach, reach).contiguous(memory_format=torch.channels_last)


def fuse(traced: fx.GraphModule) -> int:
    """Rewrite a traced network in place; return how many ReLUs went into convolutions."""
    graph, count = traced.graph, 0
    for relu in list(graph.nodes):
        if relu.op != "call_function" or relu.target not in RELUS:
            continue
        last = relu.args[0]
        if _is_conv(last):
            conv, shortcut = last, None
        elif _is_sum(last):
            conv, shortcut = _parts(last)
        else:
            continue
        if conv is None:
            continue
        _replace(traced, relu, conv, shortcut)
        count += 1
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is POOL:
            _pool(graph, node)
    graph.eliminate_dead_code()
    traced.recompile()
    return count


def _pool(graph: fx.Graph, node: fx.Node) -> None:
    """Put a max pooling whose windows are square on kernels of its own."""
    x, *rest = node.args
    given: list[Any] = [[1, 1], [], [0, 0], [1, 1], False]
    given[: len(rest)] = rest
    window, stride, pad, dilation, ceil = given
    sizes = [list(window), list(stride or window), list(pad)]
    square = all(len(set(pair)) == 1 for pair in sizes)
    if not square or ceil or list(dilation) != [1, 1] or window[0] > LARGEST:
        return
    with graph.inserting_before(node):
        found = graph.call_function(max_pool, (x, *(pair[0] for pair in sizes)))
    found.meta = dict(node.meta)
    node.replace_all_uses_with(found)
    graph.erase_node(node)


def _is_conv(node: Any) -> bool:
    """Whether it is a convolution with a bias, whose answer has one reader."""
    called = isinstance(node, fx.Node) and node.op == "call_function" and node.target is CONV
    return called and len(node.users) == 1 and len(node.args) > 2 and node.args[2] is not None


def _is_sum(node: Any) -> bool:
    called = isinstance(node, fx.Node) and node.op == "call_function" and node.target in ADDS
    return called and len(node.users) == 1 and len(node.args) == 2 and not node.kwargs


def _parts(added: fx.Node) -> tuple[fx.Node | None, fx.Node | None]:
    """Return the convolution of a sum and what is added to it, of the same shape."""
    first, second = added.args
    for conv, other in ((first, second), (second, first)):
        if not _is_conv(conv) or not isinstance(other, fx.Node):
            continue
        alike = conv.meta["val"].shape == other.meta["val"].shape  # type: ignore[union-attr]
        in_place = added.target is ADDS[1] and other is first  # whoever reads it reads the sum
        if alike and not (in_place and len(other.users) > 1):
            return conv, other  # type: ignore[return-value]
    return None, None


def _replace(
    traced: fx.GraphModule, relu: fx.Node, conv: fx.Node, shortcut: fx.Node | None
) -> None:
    graph, between = traced.graph, relu.args[0]
    given: list[Any] = list(conv.args)
    x, weight, bias, *rest = given
    shape: list[Any] = [[1, 1], [0, 0], [1, 1], 1]
    shape[: len(rest)] = rest
    stride, padding, dilation, groups = shape
    bias = _taken(traced, bias, shortcut)
    with graph.inserting_before(relu):
        if _is_stem(traced, x, weight, stride, dilation, groups):
            kernel = _value(traced, weight).shape[2]
            x = graph.call_function(halved, (x, kernel, list(padding)))
            weight = _kept(traced, halved_weight(_value(traced, weight)))
            stride, padding = [1, 1], [0, 0]
        taken = (x, weight, bias, shortcut, stride, padding, dilation, groups)
        fused = graph.call_function(conv_relu, taken)
    fused.meta = dict(relu.meta)
    relu.replace_all_uses_with(fused)
    graph.erase_node(relu)
    if isinstance(between, fx.Node) and between is not conv:
        graph.erase_node(between)
    graph.erase_node(conv)


def _taken(traced: fx.GraphModule, bias: Any, shortcut: fx.Node | None) -> Any:
    """Return the bias; with that of a shortcut that is a convolution, which then adds none."""
    if shortcut is None or not _is_conv(shortcut):
        return bias
    both = _value(traced, bias).float() + _value(traced, shortcut.args[2]).float()
    shortcut.args = (*shortcut.args[:2], None, *shortcut.args[3:])
    return _kept(traced, both.to(_value(traced, bias).dtype), before=shortcut)


def _is_stem(
    traced: fx.GraphModule, x: Any, weight: Any, stride: Any, dilation: Any, groups: int
) -> bool:
    """Whether it is a first convolution of stride 2 on pixels."""
    shape = _value(traced, weight).shape
    plain = list(stride) == [2, 2] and list(dilation) == [1, 1] and groups == 1
    plain = plain and _value(traced, weight).dtype != torch.float32  # no such units for it
    return plain and shape[1] <= FEW and shape[2] == shape[3] > 1


def _value(traced: fx.GraphModule, node: Any) -> Tensor:
    """Return what a node that reads a parameter reads."""
    found: Tensor = getattr(traced, node.target)
    return found.detach()


def _kept(traced: fx.GraphModule, value: Tensor, before: fx.Node | None = None) -> fx.Node:
    """Return a node that reads ``value``, which is kept beside the network's parameters."""
    name = f"_fused_{sum(n.startswith('_fused_') for n, _ in traced.named_buffers())}"
    traced.register_buffer(name, value)
    if before is None:
        return traced.graph.get_attr(name)
    with traced.graph.inserting_before(before):
        return traced.graph.get_attr(name)
