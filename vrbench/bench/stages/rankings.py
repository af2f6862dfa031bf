"""The lists of all users, of one stage or of two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from vrbench.bench.machine import Machine
from vrbench.bench.mapping import Block, map_blocks
from vrbench.bench.store import Artifact, Store
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.ranking import Ranked, joined, rank, slices
from vrbench.recommenders.two_stage_ranking import Injected, candidates, inject


def ranking(
    store: Store,
    machine: Machine,
    model: Recommender,
    visuals: Visuals,
    seen: Interactions,
    relevant: Interactions,
    targets: Tensor,
    k: int,
    cold: Tensor | None = None,
    offered: Interactions | None = None,
) -> Ranked | None:
    """Return the lists of all users and the ranks of targets and test items; None in a dry run.

    With ``cold``, items that the training does not know, also ranks among these; with ``offered``
    among some of each user's. Many users are ranked in slices, each an artifact until all are
    there.
    """
    inputs = {
        **({} if cold is None else {"cold": cold.tolist(), "ties": "mean rank"}),
        **({} if offered is None else {"offered": offered}),
        "recommender": model,
        "seen": seen,
        "relevant": relevant,
        "targets": targets.tolist(),
        "visuals": visuals if model.signal else None,
        "k": k,
        "holds": 3,  # raise it when more is kept than before
    }
    lists = partial(rank, model, visuals, seen, relevant, targets, k, cold=cold, offered=offered)
    blocks = [
        Block(inputs | {"users": [users.start, users.stop]}, partial(_ranked, lists, users))
        for users in slices(seen.num_users, seen.num_items)
    ]
    parts: list[Artifact] = []

    def make() -> dict[str, Tensor]:
        if len(blocks) < 2:
            return _ranked(lists, None)
        parts.extend(map_blocks(store, machine, "rankings", blocks, "ranking"))
        return _kept(joined([Ranked(**part.tensors) for part in parts if part.tensors]))

    made = store.fetch("rankings", inputs, make)
    for part in parts:
        store.discard(part)
    return None if made.tensors is None else Ranked(**made.tensors)


def _ranked(lists: Callable[..., Ranked], users: range | None) -> dict[str, Tensor]:
    return _kept(lists(users=users))


def _kept(ranked: Ranked) -> dict[str, Tensor]:
    return {name: value for name, value in ranked._asdict().items() if value is not None}


def retrieve_candidates(
    store: Store, model: Recommender, images: Visuals, seen: Interactions, cold: Tensor, n: int
) -> Artifact:
    """Return ``items``, ``(U, n)``: the candidates that the first of two stages hands on."""
    inputs = {"recommender": model, "seen": seen, "cold": cold.tolist(), "n": n}
    return store.fetch(
        "candidates", inputs, lambda: {"items": candidates(model, images, seen, cold, n)}
    )


def injection(
    store: Store,
    model: Recommender,
    visuals: Visuals,
    offered: Artifact,
    relevant: Interactions,
    items: Tensor,
    cold: Tensor,
) -> Injected | None:
    """Return where ``items`` stand, each alone among the candidates; None in a dry run."""

    def make() -> dict[str, Tensor]:
        assert offered.tensors is not None
        return inject(model, visuals, offered.tensors["items"], relevant, items, cold)._asdict()

    inputs = {
        "recommender": model,
        "visuals": visuals if model.signal else None,
        "candidates": offered.spec,
        "relevant": relevant,
        "items": items.tolist(),
        "cold": cold.tolist(),
    }
    made = store.fetch("injections", inputs, make)
    return None if made.tensors is None else Injected(**made.tensors)
