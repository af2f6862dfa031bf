"""Sources of published data sets, and which of them may not be passed on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

EDGE = "https://github.com/sisinflab/Edge-Graph-Collaborative-Filtering"
RECBOLE = "https://recbole.s3-accelerate.amazonaws.com/ProcessedDatasets/MovieLens/ml-100k.zip"
GROUPLENS = "https://files.grouplens.org/datasets/movielens"
AIP = "https://github.com/liuzrcc/AIP"
VAR = (
    "it is one of VAR's (https://github.com/sisinflab/Visual-Adversarial-Recommendation): on a "
    "machine with internet `pip install gdown && gdown 1_daGmkBRqv5z201rNUAW1R3C29rPqBEL` and "
    "unpack it there"
)
SOURCES = {  # by the end of the folder's path
    "amazon_men": f"it is Amazon Men of {EDGE}: on a machine with internet `git clone {EDGE}` and "
    "copy trainingset.tsv, validationset.tsv and testset.tsv of its data/amazon_men there as "
    "train.tsv, validation.tsv and test.tsv",
    "ml-100k": f"it is RecBole's ml-100k: on a machine with internet `curl -LO {RECBOLE} && unzip "
    "ml-100k.zip` and put ml-100k.inter there",
    "ml-1m": f"it is MovieLens 1M: on a machine with internet `curl -LO {GROUPLENS}/ml-1m.zip && "
    "unzip ml-1m.zip` there",
    "ml-latest-small": "it is MovieLens latest-small: on a machine with internet `curl -LO "
    f"{GROUPLENS}/ml-latest-small.zip && unzip ml-latest-small.zip` there",
    "var/amazon_men": VAR,
    "var/amazon_women": VAR,
    "var/tradesy": VAR,
    "amr/pinterest": "it is AMR's: on a machine with internet `git clone "
    "https://github.com/duxy-me/AMR` and copy data/pinterest there; the pictures of its pins are "
    "not published, put yours into images/<item number>.jpg",
    "aip": f"it is AIP's: on a machine with internet `git clone {AIP}` and copy it from its data",
    "clothing_men": "it is the photos of dataset=clothing lined up with dataset=amazon_men, and "
    "published nowhere: copy it from who has it, or take dataset=clothing, which is fetched",
}

KEPT = ("hm", "ml_posters")  # folders whose licences allow research, and no redistribution


def kept(place: Path, pictures: Iterable[Path]) -> str | None:
    """Return the name of the data set whose pictures may not be passed on; None: of no known one.

    It is known by its folder, which has an ``items.csv``: the one that was asked for, or another in
    which its pictures lie, whatever the folders are linked as.

    Args:
        place: the folder that was asked for.
        pictures: of its items.
    """
    inside = {folder.resolve() for folder in {picture.parent for picture in pictures}}
    for folder in {place.resolve(), *inside, *(one.parent for one in inside)}:
        if folder.name in KEPT and (folder / "items.csv").is_file():
            return folder.name
    return None


def source_of(path: Path) -> str:
    """Return ``"; where it comes from"`` of a file or folder of a known set; else nothing."""
    for folder in (path, *path.parents):
        known = [end for end in SOURCES if folder.parts[-len(end.split("/")) :] == _parts(end)]
        if known:
            return "; " + SOURCES[max(known, key=len)]
    return ""


def _parts(end: str) -> tuple[str, ...]:
    return tuple(end.split("/"))
