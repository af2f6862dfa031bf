"""The stage in which words of items are changed."""

from __future__ import annotations

from torch import Tensor

from vrbench.attacks.words import WordAttack, Words
from vrbench.bench.store import Artifact, Store
from vrbench.core.seeds import Streams
from vrbench.threats.word_promotion import Readers


def edit_words(
    store: Store, readers: Readers, attack: WordAttack, budget: Words, sign: int, seed: int
) -> Artifact:
    """Return ``counts``: how often the items have each word, changed.

    Args:
        store: keeps it.
        readers: whose mean score is aimed at.
        attack, budget: how words are searched, and how many.
        sign: 1: scores are to rise; -1: to fall.
        seed: of the search.
    """

    def make() -> dict[str, Tensor]:
        rng = Streams(seed, "attack")
        found = attack(
            readers.counts, readers.items, lambda c: -sign * readers.mean_score(c), budget, rng
        )
        return {"counts": found.cpu()}

    inputs = {
        "attack": attack,
        "budget": budget,
        "recommender": readers.model,
        "visuals": readers.visuals,
        "text": readers.table,
        "items": readers.items.tolist(),
        "users": readers.num_users,
        "sign": sign,
        "seed": seed,
    }
    return store.fetch("words", inputs, make)
