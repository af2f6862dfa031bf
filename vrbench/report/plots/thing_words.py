"""Names of runs in the words of a figure: ``amr/tied, embedding_pgd`` is "AMR tied, PGD"."""

from __future__ import annotations

import re

DATA = r"(?:clothing_men|ml_100k(?:_8020)?|amazon_men|boutique)"
SHOPS = re.compile(rf"(?:_men|_ml|_amazon|(?:/tuned)?/{DATA})$")
SIZED = re.compile(r"(?P<kind>linf|l2|profiles|jpeg|bits)_(?P<size>[\d.]+)")
WORDS = {
    "vbpr": "VBPR",
    "amr": "AMR",
    "dvbpr": "DVBPR",
    "fm": "FM",
    "deepstyle": "DeepStyle",
    "acf": "ACF",
    "vnpr": "VNPR",
    "bprmf": "BPR-MF",
    "popular": "Popular",
    "apr": "APR",
    "ease": "EASE",
    "itemknn": "ItemKNN",
    "userknn": "UserKNN",
    "lightgcn": "LightGCN",
    "multivae": "Mult-VAE",
    "neumf": "NeuMF",
    "slim": "SLIM",
    "cml": "CML",
    "fism": "FISM",
    "nais": "NAIS",
    "convncf": "ConvNCF",
    "rp3beta": "RP3beta",
    "puresvd": "PureSVD",
    "wrmf": "WRMF",
    "adam": "Adam",
    "pgd": "PGD",
    "fgsm": "FGSM",
    "bim": "BIM",
    "ddn": "DDN",
    "cw": "C&W",
    "nes": "NES",
    "spsa": "SPSA",
    "square": "Square",
    "regression": "feature regression",
    "featureregression": "feature regression",
    "row_l2": "each row's length",
    "box": "each value (box)",
    "inf": "any size",
    "photos_standard": "standard network",
    "photos_adversarial": "adversarially trained network",
    "photos_free": "network of free adversarial training",
    "standard": "standard network",
    "adversarial": "adversarially trained network",
    "free": "network of free adversarial training",
    "evasion": "at serving",
    "poisoning": "before training",
    "oracle": "oracle",
    "oracle_poisoning": "oracle before training",
    "promote": "aimed at the mean score",
    "promote_lists": "aimed at lists",
    "target_class": "aimed at a class",
}


def called(name: str) -> str:
    """Return one name in words; itself where there are none."""
    if sized := SIZED.fullmatch(name):
        kinds = {"linf": "within {} levels", "l2": "L2 {}", "profiles": "{} % fake users"}
        kinds |= {"jpeg": "JPEG {}", "bits": "{} bits"}
        return kinds[sized["kind"]].format(sized["size"])
    short = SHOPS.sub("", name).removeprefix("embedding_")
    if (word := WORDS.get(short.lower())) is not None:
        return word
    head, _, rest = short.partition("/")
    base = WORDS.get(head.lower())
    return f"{base} {re.sub('[/_]', ' ', rest)}" if base and rest else short.replace("_", " ")


def in_words(label: str) -> str:
    """Return a label, names with commas between them, in words."""
    return ", ".join(map(called, label.split(", ")))
