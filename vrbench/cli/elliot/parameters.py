"""What a parameter of a model of Elliot's becomes, and those that many models have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class To(NamedTuple):
    """Settings that a hyperparameter becomes here; ``keep`` is 1 minus it."""

    settings: tuple[str, ...]
    keep: bool = False


class Only(NamedTuple):
    """A parameter that has one meaning here: the values that say so."""

    values: tuple[object, ...]
    why: str


class Halving(NamedTuple):
    """Widths of layers, each half of the one before: ``hidden`` and ``depth``."""


class Evaluated(NamedTuple):
    """A parameter of ``meta.eval_perturbations``, an evaluation, not of the training."""


class OneLayer(NamedTuple):
    """Widths of layers of which there is one here, told as ``(64, 1)``: the output is the last."""

    setting: str


class Named(NamedTuple):
    """A setting whose values have other names there; one that is not among them is not here."""

    setting: str
    values: Mapping[str, str]


class PowerOfTwo(NamedTuple):
    """A size that halves down to one here."""

    setting: str


class Negated(NamedTuple):
    """A setting that is true where the parameter is false."""

    setting: str


Target = To | Only | Halving | OneLayer | Evaluated | Named | PowerOfTwo | Negated | str
Parameters = Mapping[str, Target]


@dataclass(frozen=True)
class Model:
    """A model of Elliot's.

    Attributes:
        choice: of ``recommender``; empty: there is none.
        why: in which way it is another, or why there is none.
        parameters: by Elliot's name: the settings it becomes, the values it may have, or why it
            has no counterpart.
        fixed: settings that make the choice Elliot's form of the model.
        needs: what of the items it learns from: "features", "maps" (of a network over their
            pictures), "pictures" or "attributes"; empty: nothing.
        stars: whether it predicts ratings.
    """

    choice: str = ""
    why: str = ""
    parameters: Parameters = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    needs: Literal["", "features", "maps", "pictures", "attributes"] = ""
    stars: bool = False


def to(*settings: str) -> To:
    return To(settings)


BIAS = "biases are under the same penalty as rows"
TRAINED: Parameters = {"epochs": to("epochs"), "batch_size": to("batch_size"), "lr": to("lr")}
FACTORS: Parameters = {"factors": to("factors"), **TRAINED}
PENALTY: Parameters = {"l_w": to("l2"), "l_b": BIAS}
SIMILARITIES = {
    **{name: name for name in ("cosine", "dot", "jaccard", "dice", "pearson", "correlation")},
    **dict.fromkeys(("adjusted", "adjusted_cosine"), "adjusted_cosine"),
    "tanimoto": "jaccard",
    **dict.fromkeys(("euclidean", "l2"), "euclidean"),
    **dict.fromkeys(("manhattan", "cityblock", "l1"), "manhattan"),
}
NEIGHBOURS: Parameters = {
    "neighbors": to("k"),
    "similarity": Named("similarity", SIMILARITIES),
    "implicit": Negated("rated"),
}
KNN: Parameters = {
    **NEIGHBOURS,
    "shrink": to("shrink"),
    "implementation": Only(("standard", "classical", "aiolli"), "one form is here"),
    "normalize": Only((True,), "similarities are normalised"),
    "asymmetric_alpha": "the asymmetric cosine is not here",
    "tversky_alpha": "Tversky's index is not here; Jaccard's and Dice's are",
    "tversky_beta": "Tversky's index is not here; Jaccard's and Dice's are",
    "row_weights": "rows are not weighed",
}
ADVERSARIAL: Parameters = {
    "eps": to("eps"),
    "l_adv": to("weight"),
    "adversarial_epochs": to("adversarial_epochs"),
    "nb_iter": Evaluated(),
    "eps_iter": Evaluated(),
}
BY_LOOKS: Parameters = {"loader": ""}
BY_PICTURES: Parameters = {"batch_eval": "", **BY_LOOKS}
LOADED: Parameters = {"loader": Only(("ItemAttributes",), "attributes are of its file")}
LATENT: Parameters = {"latent_dim": to("factors"), "factors": to("factors"), **TRAINED}
ALS: Parameters = {"factors": to("factors"), "alpha": to("alpha"), "reg": to("l2")}
ROUNDS: Parameters = {"epochs": to("iterations"), "batch_size": ""}
PICTURED = "not here: `vnpr` is it"
REG: Parameters = {**FACTORS, "reg": to("l2")}
TWO_REGS: Parameters = {**FACTORS, "reg_w": to("l2"), "reg_b": BIAS}
CATEGORIES = "by attributes of items"
POINTWISE = "drawn items are none that a user has"
WORDS = "not here: it needs texts or a knowledge graph"
