"""Walks down the breadth-first trees of a graph of users and items, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy import sparse
from torch import Tensor

from vrbench.core.errors import IncompatibleError
from vrbench.data.interactions import Interactions
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of

MOST_NODES = 20_000  # a tree per node: memory is their square


@dataclass(frozen=True)
class Trees:
    """A breadth-first tree rooted in every node; users first, then items.

    Attributes:
        graph: who is next to whom; an edge's number is its place in ``graph.column``.
        parent: ``(N, N)``; ``parent[root, node]`` is the node before it on the way from the root,
            -1 for the root itself and what it cannot reach.
    """

    graph: SparseRows
    parent: Tensor

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The nodes of every edge, from and to."""
        nodes = torch.arange(len(self.parent), device=self.parent.device)
        return nodes.repeat_interleave(self.graph.start.diff()), self.graph.column


class Step(NamedTuple):
    """Where walkers could have gone at one step, and went."""

    walker: Tensor  # (A,) those still under way
    segment: Tensor  # (E,) which of them each edge is open to, ascending
    edge: Tensor  # (E,)
    taken: Tensor  # (A,) the edges taken


def trees_of(train: Interactions, rng: torch.Generator, device: torch.device) -> Trees:
    """Return the trees of who has what; which of equally short ways is kept is drawn.

    Raises:
        IncompatibleError: if there are too many users and items.
    """
    nodes = train.num_users + train.num_items
    if nodes > MOST_NODES:
        raise IncompatibleError(
            f"a tree per user and item is kept: at most {MOST_NODES} of both, here are {nodes}"
        )
    half = matrix_of(train)
    whole = sparse.csr_matrix(sparse.block_array([[None, half], [half.T, None]]))
    graph = SparseRows(nodes, nodes)
    graph.hold(whole)
    name = torch.randperm(nodes, generator=rng)  # breadth first goes by number: numbers are drawn
    back = name.argsort()
    renamed = whole[name.numpy()][:, name.numpy()].tocsr()
    renamed.sort_indices()
    parent = torch.full((nodes, nodes), -1, dtype=torch.int32)
    for root in range(nodes):
        _, found = sparse.csgraph.breadth_first_order(renamed, int(back[root]))
        before = torch.from_numpy(found).long()[back]
        parent[root] = torch.where(before >= 0, name[before.clamp(min=0)], -1)
    return Trees(graph.to(device), parent.to(device))


@torch.no_grad()
def walk(
    trees: Trees, roots: Tensor, logit: Tensor, rng: torch.Generator
) -> tuple[Tensor, list[Step]]:
    """Return the ``(W,)`` nodes where walkers from ``roots`` end, and their steps.

    A walker goes from a node to one of its children or its parent in the root's tree, by the
    softmax of ``logit`` over those, and ends where it first turns back.

    Args:
        trees: where they walk.
        roots: ``(W,)`` nodes with a neighbour.
        logit: one per edge.
        rng: the only source of randomness.
    """
    graph, column = trees.graph, trees.graph.column
    at, ended, steps = roots.clone(), roots.clone(), []
    under_way = torch.arange(len(roots), device=roots.device)
    while len(under_way):
        root, here = roots[under_way], at[under_way]
        back = trees.parent[root, here]
        segment, edge = graph.select(here)
        to = column[edge]
        open_ = (trees.parent[root[segment], to] == here[segment]) | (to == back[segment])
        segment, edge = segment[open_], edge[open_]
        _, weight = _shifted(logit[edge], segment, len(here))
        above = weight.double().cumsum(0)
        last = segment.bincount(minlength=len(here)).cumsum(0) - 1
        start = torch.cat([above.new_zeros(1), above[last[:-1]]])
        draws = torch.rand(len(here), generator=rng, dtype=torch.float64).to(above.device)
        found = torch.searchsorted(above, start + draws * (above[last] - start), right=True)
        taken = edge[found.minimum(last)]
        steps.append(Step(under_way, segment, edge, taken))
        turned = column[taken] == back
        ended[under_way[turned]] = here[turned]
        at[under_way] = column[taken]
        under_way = under_way[~turned]
    return ended, steps


def log_chance(steps: list[Step], logit: Tensor, count: int) -> Tensor:
    """Return the ``(count,)`` log-probabilities of walks, differentiable in ``logit``."""
    total = torch.zeros(count, device=logit.device)
    for walker, segment, edge, taken in steps:
        most, weight = _shifted(logit[edge], segment, len(walker))
        summed = torch.zeros_like(most).index_add(0, segment, weight)
        total = total.index_add(0, walker, logit[taken] - most - summed.log())
    return total


def _shifted(logit: Tensor, segment: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the most of each segment, ``(count,)``, and ``exp(logit - most)``."""
    most = logit.new_full((count,), -torch.inf)
    most = most.scatter_reduce(0, segment, logit.detach(), "amax")
    return most, (logit - most[segment]).exp()
