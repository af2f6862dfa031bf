"""Numbers of things in words: one seed, two seeds."""

from __future__ import annotations


def how_many(n: int, one: str, many: str | None = None) -> str:
    """Return a number and what it counts, as in ``1 seed`` and ``3 seeds``.

    Args:
        n: how many.
        one: the word for one.
        many: the word for several, or for none; None: with an ``s``.

    Example:
        >>> from vrbench.core.plurals import how_many
        >>> how_many(1, "category", "categories"), how_many(0, "seed")
        ('1 category', '0 seeds')
    """
    return f"{n} {one if n == 1 else many or f'{one}s'}"
