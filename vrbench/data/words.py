"""Vectors of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w\w+")


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
    counted = [Counter(WORD.findall(text.lower())) for text in texts]
    spread = Counter(word for words in counted for word in words)
    shared = sorted((word for word, n in spread.items() if n > 1), key=lambda w: (-spread[w], w))
    column = {word: n for n, word in enumerate(sorted(shared[:most]))}
    rows = np.zeros((len(texts), len(column)))
    for row, words in zip(rows, counted, strict=True):
        for word in words.keys() & column.keys():
            row[column[word]] = words[word] * (np.log((1 + len(texts)) / (1 + spread[word])) + 1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype("<f4")
