"""Where data sets come from: embedded, published, a folder of one's own."""

from vrbench.data.published import AIP, EDGE, RECBOLE, SOURCES, VAR, source_of

__all__ = [
    "AIP",
    "EDGE",
    "RECBOLE",
    "SOURCES",
    "VAR",
    "source_of",
]
