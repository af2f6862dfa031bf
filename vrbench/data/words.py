"""Vectors of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.visuals import Signal, Table

WORD = re.compile(r"\w\w+")


@dataclass(frozen=True)
class Bags:
    """The words of texts, counted.

    Attributes:
        vocabulary: W words that are of two texts or more, in the order of the alphabet.
        counts: ``(texts, W)`` float64.
        weight: ``(W,)`` float64: what a word counts, the more the fewer texts have it.
    """

    vocabulary: tuple[str, ...]
    counts: np.ndarray
    weight: np.ndarray


class WordTable(Table):
    """Vectors of words that know which words they are made of, so that words can be changed.

    Args:
        rows: ``(items, W)`` float32, ``tf_idf`` of the bags.
        spec: where it comes from.
        bags: the words of every item.
    """

    def __init__(
        self, rows: Tensor, spec: Any, bags: Bags, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(Signal.VECTOR, rows, spec, device=device)
        self.bags = bags

    def to(self, device: torch.device | str) -> WordTable:
        return WordTable(self.rows, self.spec, self.bags, device)

    def counts(self, items: Tensor) -> Tensor:
        """Return how often ``items`` have each word, ``(n, W)`` float32."""
        return torch.from_numpy(self.bags.counts).float()[items.cpu()].to(self.device)

    def vectors(self, counts: Tensor) -> Tensor:
        """Return the vectors of ``(n, W)`` counts, differentiable in them; weights stay."""
        weight = torch.from_numpy(self.bags.weight).to(counts)
        return F.normalize(counts * weight, dim=1)


def bags_of(texts: Sequence[str], *, most: int = 2048) -> Bags:
    """Return the words of texts, counted; see ``tf_idf``."""
    counted = [Counter(WORD.findall(text.lower())) for text in texts]
    spread = Counter(word for words in counted for word in words)
    shared = sorted((word for word, n in spread.items() if n > 1), key=lambda w: (-spread[w], w))
    vocabulary = tuple(sorted(shared[:most]))
    column = {word: n for n, word in enumerate(vocabulary)}
    counts = np.zeros((len(texts), len(column)))
    for row, words in zip(counts, counted, strict=True):
        for word in words.keys() & column.keys():
            row[column[word]] = words[word]
    weight = [np.log((1 + len(texts)) / (1 + spread[word])) + 1 for word in vocabulary]
    return Bags(vocabulary, counts, np.array(weight))


def tf_idf(texts: Sequence[str], *, most: int = 2048) -> np.ndarray:
    """Return a vector of each text, ``(len(texts), W)`` float32, of length 1, or 0 without words.

    Term frequency times ``ln((1 + n) / (1 + df)) + 1``, the smooth form (Manning et al., 2008,
    section 6.2, and scikit-learn's), of words of at least two letters, in lower case. A word that a
    single text has relates it to none and is left out. Columns are in the order of the alphabet.

    Args:
        texts: one an item.
        most: words at most, those that most texts have.

    Example:
        >>> from vrbench.data.words import tf_idf
        >>> tf_idf(["red shoe", "red cap", "Shoe no 7"]).round(2).tolist()
        [[0.71, 0.71], [1.0, 0.0], [0.0, 1.0]]
    """
    return vectors_of(bags_of(texts, most=most))


def vectors_of(bags: Bags) -> np.ndarray:
    """Return the vectors of counted words; see ``tf_idf``."""
    rows = bags.counts * bags.weight
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype("<f4")
