"""Elliot's models, and the settings that their hyperparameters are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


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


class Named(NamedTuple):
    """A setting whose values have other names there; one that is not among them is not here."""

    setting: str
    values: Mapping[str, str]


class Negated(NamedTuple):
    """A setting that is true where the parameter is false."""

    setting: str


Parameters = Mapping[str, To | Only | Halving | Named | Negated | str]


@dataclass(frozen=True)
class Model:
    """A model of Elliot's.

    Attributes:
        choice: of ``recommender``; empty: there is none.
        why: in which way it is another, or why there is none.
        parameters: by Elliot's name: the settings it becomes, the values it may have, or why it
            has no counterpart.
        fixed: settings that make the choice Elliot's form of the model.
        pictures: whether it needs the items' pictures or features.
    """

    choice: str = ""
    why: str = ""
    parameters: Parameters = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    pictures: bool = False


def _to(*settings: str) -> To:
    return To(settings)


BIAS = "biases are under the same penalty as rows"
TRAINED: Parameters = {"epochs": _to("epochs"), "batch_size": _to("batch_size"), "lr": _to("lr")}
FACTORS: Parameters = {"factors": _to("factors"), **TRAINED}
_PENALTY: Parameters = {"l_w": _to("l2"), "l_b": BIAS}
SIMILARITIES = {
    **{name: name for name in ("cosine", "dot", "jaccard", "dice", "pearson", "correlation")},
    **dict.fromkeys(("adjusted", "adjusted_cosine"), "adjusted_cosine"),
    "tanimoto": "jaccard",
    **dict.fromkeys(("euclidean", "l2"), "euclidean"),
    **dict.fromkeys(("manhattan", "cityblock", "l1"), "manhattan"),
}
_KNN: Parameters = {
    "neighbors": _to("k"),
    "shrink": _to("shrink"),
    "similarity": Named("similarity", SIMILARITIES),
    "implementation": Only(("standard", "classical", "aiolli"), "one form of the model is here"),
    "implicit": Negated("rated"),
    "normalize": Only((True,), "similarities are normalised"),
    "asymmetric_alpha": "the asymmetric cosine is not here",
    "tversky_alpha": "Tversky's index is not here; Jaccard's and Dice's are",
    "tversky_beta": "Tversky's index is not here; Jaccard's and Dice's are",
    "row_weights": "rows are not weighed",
}
_ADVERSARIAL: Parameters = {
    "eps": _to("eps"),
    "l_adv": _to("weight"),
    "adversarial_epochs": _to("adversarial_epochs"),
    "nb_iter": Only((1,), "one step; attack=embedding_bim takes several"),
    "eps_iter": "one step of length eps",
}
_BY_PICTURES: Parameters = {"batch_eval": "", "loader": ""}
_ALS: Parameters = {"factors": _to("factors"), "alpha": _to("alpha"), "reg": _to("l2")}
_ROUNDS: Parameters = {"epochs": _to("iterations"), "batch_size": ""}
NOT_YET = "not here"
_REG: Parameters = {**FACTORS, "reg": _to("l2")}
_TWO_REGS: Parameters = {**FACTORS, "reg_w": _to("l2"), "reg_b": BIAS}
_CATEGORIES = "by the catalogue's categories"
_POINTWISE = "drawn items are not among those that a user has"
WORDS = "not here: it needs texts or a knowledge graph"
ATTRIBUTES = "not here: it needs attributes of items"

MODELS: dict[str, Model] = {
    "AMF": Model(
        "apr",
        "`epochs` are in all; here they are those before `adversarial_epochs`",
        {**FACTORS, **_PENALTY, **_ADVERSARIAL},
    ),
    "AMR": Model(
        "amr",
        "`epochs` as of AMF",
        {
            **FACTORS,
            **_PENALTY,
            **_ADVERSARIAL,
            **_BY_PICTURES,
            "factors_d": _to("visual_factors"),
            "l_e": _to("l2_visual"),
        },
        pictures=True,
    ),
    "BPRMF": Model(
        "bprmf",
        "",
        {
            **FACTORS,
            "user_regularization": _to("l2"),
            "positive_item_regularization": "one penalty for all rows",
            "negative_item_regularization": "one penalty for all rows",
            "bias_regularization": BIAS,
            "update_negative_item_factors": Only((True,), "all rows are trained"),
            "update_users": Only((True,), "all rows are trained"),
            "update_items": Only((True,), "all rows are trained"),
            "update_bias": Only((True,), "all rows are trained"),
        },
    ),
    "BPRMF_batch": Model("bprmf", "", {**FACTORS, **_PENALTY}),
    "CFGAN": Model(
        "cfgan",
        "as Elliot's, and its generator learns",
        {
            "epochs": _to("epochs"),
            "batch_size": _to("batch_size", "critic_batch"),
            "lr": _to("lr", "critic_lr"),
            "l_w": _to("l2", "critic_l2"),
            "l_b": "biases have no penalty",
            "l_gan": _to("alpha"),
            "g_epochs": _to("steps"),
            "d_epochs": _to("critic_steps"),
            "s_zr": _to("zr"),
            "s_pm": _to("pm"),
            "factors": "Elliot does not use it; here the layers are hidden and critic_hidden",
        },
        {"rows": "user"},
    ),
    "IRGAN": Model(
        "irgan",
        "the discriminator is shown what the generator picks",
        {
            "epochs": _to("epochs"),
            "batch_size": _to("critic_batch", "pretrain_batch"),
            "factors": _to("factors"),
            "lr": _to("lr", "critic_lr"),
            "l_w": _to("l2"),
            "l_b": BIAS,
            "l_gan": "the policy has no penalty, as published",
            "predict_model": _to("predictor"),
            "g_epochs": _to("steps"),
            "d_epochs": _to("critic_steps"),
            "g_pretrain_epochs": _to("pretrain_epochs"),
            "d_pretrain_epochs": "the discriminator starts as a copy of the generator",
            "sample_lambda": _to("mix"),
        },
    ),
    "CML": Model(
        "cml",
        "",
        {
            **FACTORS,
            "margin": _to("margin"),
            "l_w": "points are kept in the unit ball instead",
            "l_b": "there are no biases",
        },
    ),
    "EASER": Model("ease", "", {"l2_norm": _to("l2"), "neighborhood": "all items are kept"}),
    "FISM": Model(
        "fism",
        "",
        {
            **FACTORS,
            "alpha": _to("alpha"),
            "beta": _to("l2"),
            "lambda": BIAS,
            "gamma": BIAS,
            "neg_ratio": "one random item for each interaction",
        },
    ),
    "ItemKNN": Model("itemknn", "", _KNN),
    "UserKNN": Model("userknn", "", _KNN),
    "LightGCN": Model(
        "lightgcn",
        "",
        {
            **FACTORS,
            "l_w": _to("l2"),
            "n_layers": _to("layers"),
            "n_fold": "",
        },
    ),
    "MostPop": Model("popular"),
    "Random": Model("random"),
    "MultiVAE": Model(
        "multivae",
        "the penalty is of a sum over dimensions, not of their mean",
        {
            **TRAINED,
            "intermediate_dim": _to("hidden"),
            "latent_dim": _to("latent"),
            "dropout_pkeep": To(("dropout",), keep=True),
            "reg_lambda": "weights have no penalty",
        },
    ),
    "MultiDAE": Model(
        "multidae",
        "",
        {
            **TRAINED,
            "intermediate_dim": _to("hidden"),
            "latent_dim": _to("latent"),
            "dropout_pkeep": To(("dropout",), keep=True),
            "reg_lambda": _to("l2"),
        },
    ),
    "ItemAutoRec": Model(
        "autorec",
        "predicts stars; unknowns are no zeros in its loss",
        {**TRAINED, "hidden_neuron": _to("hidden"), "l_w": _to("l2")},
        {"rows": "item"},
    ),
    "UserAutoRec": Model(
        "autorec",
        "as `ItemAutoRec`",
        {**TRAINED, "hidden_neuron": _to("hidden"), "l_w": _to("l2")},
        {"rows": "user"},
    ),
    "NeuMF": Model(
        "neumf",
        "",
        {
            **TRAINED,
            "mf_factors": _to("factors"),
            "factors": _to("factors"),
            "mlp_factors": "the network's rows are half of hidden",
            "mlp_hidden_size": Halving(),
            "prob_keep_dropout": To(("dropout",), keep=True),
            "dropout": _to("dropout"),
            "m": _to("negatives"),
            "is_mf_train": Only((True,), "both halves are trained"),
            "is_mlp_train": Only((True,), "both halves are trained"),
        },
    ),
    "PureSVD": Model("puresvd", "", {"factors": _to("factors")}),
    "RP3beta": Model(
        "rp3beta",
        "",
        {
            "neighborhood": _to("k"),
            "alpha": _to("alpha"),
            "beta": _to("beta"),
            "normalize_similarity": Only((False,), "similarities are not normalised"),
        },
    ),
    "Slim": Model(
        "slim",
        "an item is no neighbour of itself",
        {
            "alpha": "l1 and l2 are summed over users, not their mean: set recommender.l1 and .l2",
            "l1_ratio": "l1 and l2 are told apart: set recommender.l1 and .l2",
            "neighborhood": "all items are kept",
        },
    ),
    "WRMF": Model("wrmf", "", {**_ALS, **_ROUNDS}),
    "iALS": Model(
        "wrmf",
        "",
        {
            **_ALS,
            **_ROUNDS,
            "epsilon": "the confidence is linear",
            "scaling": Only(("linear",), "the confidence is linear"),
        },
    ),
    "VBPR": Model(
        "vbpr",
        "",
        {
            **FACTORS,
            **_PENALTY,
            **_BY_PICTURES,
            "factors_d": _to("visual_factors"),
            "l_e": _to("l2_visual"),
        },
        pictures=True,
    ),
    "DeepStyle": Model("deepstyle", "", {**FACTORS, **_PENALTY, **_BY_PICTURES}, pictures=True),
    "ACF": Model("acf", "", {**FACTORS, **_PENALTY, **_BY_PICTURES}, pictures=True),
    "DVBPR": Model(
        "dvbpr",
        "",
        {
            **FACTORS,
            **_BY_PICTURES,
            "lambda_1": _to("l2"),
            "lambda_2": _to("l2_network"),
        },
        pictures=True,
    ),
    "VNPR": Model("vnpr", "", {**FACTORS, **_BY_PICTURES, "l_w": _to("l2")}, pictures=True),
    "MF": Model("mf", "predicts stars", _REG),
    "FunkSVD": Model("mf", "all factors at once, as Elliot's; `funk_svd` is Funk's", _TWO_REGS),
    "SVDpp": Model("svdpp", "predicts stars", _TWO_REGS),
    "PMF": Model(
        "pmf",
        "predicts stars",
        {**_REG, "gaussian_variance": "the variance is in l2"},
    ),
    "NonNegMF": Model(
        "nmf",
        "ranks: unknowns are zeros",
        {
            "factors": _to("factors"),
            "epochs": _to("iterations"),
            "reg": "in scikit-learn's units: set recommender.l2",
            "lr": "solved by coordinate descent",
            "batch_size": "",
        },
    ),
    "SlopeOne": Model("slope_one", "predicts stars"),
    "MF2020": Model("logistic_mf", _POINTWISE, {**_REG, "m": _to("negatives")}, {"alpha": 1.0}),
    "LogisticMF": Model("logistic_mf", _POINTWISE, {**_REG, "alpha": _to("alpha")}),
    "GMF": Model(
        "gmf",
        _POINTWISE,
        {
            **TRAINED,
            "mf_factors": _to("factors"),
            "is_edge_weight_train": Only((True,), "the weights of the product are learnt"),
        },
    ),
    "DMF": Model(
        "dmf",
        "two layers; a logit of the cosine",
        {
            **TRAINED,
            "reg": _to("l2"),
            "user_mlp": "set recommender.hidden and .factors: two layers, both towers alike",
            "item_mlp": "set recommender.hidden and .factors: two layers, both towers alike",
            "similarity": Only(("cosine",), "places on a sphere are compared by the cosine"),
        },
    ),
    **dict.fromkeys(("BPRSlim", "ConvNeuMF", "NAIS"), Model(why=NOT_YET)),
    **dict.fromkeys(("NPR", "NGCF"), Model(why=NOT_YET)),
    **dict.fromkeys(("FM", "FFM", "AFM", "DeepFM", "NFM", "WideAndDeep"), Model(why=ATTRIBUTES)),
    "AttributeItemKNN": Model("attribute_itemknn", _CATEGORIES, _KNN),
    "AttributeUserKNN": Model("attribute_userknn", _CATEGORIES, _KNN),
    "VSM": Model(
        "vsm",
        _CATEGORIES,
        {
            "similarity": Only(("cosine",), "vectors are compared by the cosine"),
            "user_profile": Only(("tfidf",), "categories weigh by their rarity"),
            "item_profile": Only(("tfidf",), "categories weigh by their rarity"),
        },
    ),
    **dict.fromkeys(
        ("ConvMF", "KaHFM", "KaHFMBatch", "KaHFMEmbeddings", "KGFlex"), Model(why=WORDS)
    ),
    **dict.fromkeys(
        ("RecommendationFolder", "ProxyRecommender"),
        Model(why="not here: lists made elsewhere are not measured"),
    ),
}
SEEDS = ("random_seed", "seed")
