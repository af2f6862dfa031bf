"""The models of Elliot that learn from feedback alone, without an adversary."""

from __future__ import annotations

from vrbench.cli.elliot.parameters import (
    ALS,
    BIAS,
    CATEGORIES,
    FACTORS,
    KNN,
    LATENT,
    LOADED,
    NEIGHBOURS,
    POINTWISE,
    REG,
    ROUNDS,
    TRAINED,
    TWO_REGS,
    Halving,
    Model,
    Named,
    Only,
    Parameters,
    PowerOfTwo,
    To,
    to,
)

_TWOS = ("(2,2)", "(2, 2)")
_ONE = "by one attribute an item"
_DEEP = f"{_ONE}; two layers"
_WIDTH = "set recommender.hidden: two layers of one width"
_LAYERS: Parameters = {
    **REG,
    "l_w": to("l2"),
    "hidden_neurons": _WIDTH,
    "hidden_activations": Only(("('relu','relu')", "('relu', 'relu')"), "layers end in a relu"),
}

COLLABORATIVE: dict[str, Model] = {
    "BPRSlim": Model(
        "bpr_slim",
        "an item is no neighbour of itself",
        {
            **TRAINED,
            "lj_reg": to("l2"),
            "li_reg": "one penalty for all weights",
            "factors": "",
        },
    ),
    "NGCF": Model(
        "ngcf",
        "",
        {
            **LATENT,
            "l_w": to("l2"),
            "weight_size": "layers are as wide as rows: set recommender.factors and .layers",
            "node_dropout": "nodes are not left out",
            "message_dropout": "set recommender.dropout, one for all layers",
            "n_fold": "",
        },
    ),
    "FM": Model("attribute_fm", _ONE, {**REG, **LOADED}, needs="attributes"),
    "FFM": Model("ffm", _ONE, REG, needs="attributes"),
    "NFM": Model("nfm", _DEEP, _LAYERS, needs="attributes"),
    "DeepFM": Model("deepfm", _DEEP, _LAYERS, needs="attributes"),
    "WideAndDeep": Model(
        "wide_deep",
        f"{_DEEP}; user x attribute",
        {
            **TRAINED,
            "factors": to("factors"),
            "mlp_hidden_size": _WIDTH,
            "dropout_prob": to("dropout"),
            "l_w": to("l2"),
            "l_b": BIAS,
        },
        needs="attributes",
    ),
    "CML": Model(
        "cml",
        "",
        {
            **FACTORS,
            "margin": to("margin"),
            "l_w": "points are kept in the unit ball instead",
            "l_b": "there are no biases",
        },
    ),
    "EASER": Model("ease", "", {"l2_norm": to("l2"), "neighborhood": "all items are kept"}),
    "FISM": Model(
        "fism",
        "",
        {
            **FACTORS,
            "alpha": to("alpha"),
            "beta": to("l2"),
            "lambda": BIAS,
            "gamma": BIAS,
            "neg_ratio": "one random item for each interaction",
        },
    ),
    "NAIS": Model(
        "nais",
        "an item does not speak for itself; starts as FISM",
        {
            **FACTORS,
            "algorithm": Named("attention", {"product": "prod", "concat": "concat"}),
            "weight_size": to("hidden"),
            "l_w": to("l2"),
            "l_b": BIAS,
            "alpha": to("alpha"),
            "beta": to("beta"),
            "neg_ratio": to("negatives"),
        },
    ),
    "ItemKNN": Model("itemknn", "", KNN),
    "UserKNN": Model("userknn", "", KNN),
    "LightGCN": Model(
        "lightgcn",
        "",
        {
            **LATENT,
            "l_w": to("l2"),
            "n_layers": to("layers"),
            "n_fold": "",
        },
    ),
    "MultiVAE": Model(
        "multivae",
        "the penalty is of a sum over dimensions, not of their mean",
        {
            **TRAINED,
            "intermediate_dim": to("hidden"),
            "latent_dim": to("latent"),
            "dropout_pkeep": To(("dropout",), keep=True),
            "reg_lambda": "weights have no penalty",
        },
    ),
    "MultiDAE": Model(
        "multidae",
        "",
        {
            **TRAINED,
            "intermediate_dim": to("hidden"),
            "latent_dim": to("latent"),
            "dropout_pkeep": To(("dropout",), keep=True),
            "reg_lambda": to("l2"),
        },
    ),
    "ItemAutoRec": Model(
        "autorec",
        "predicts stars; unknowns are no zeros",
        {**TRAINED, "hidden_neuron": to("hidden"), "l_w": to("l2")},
        {"rows": "item"},
        stars=True,
    ),
    "UserAutoRec": Model(
        "autorec",
        "as `ItemAutoRec`",
        {**TRAINED, "hidden_neuron": to("hidden"), "l_w": to("l2")},
        {"rows": "user"},
        stars=True,
    ),
    "NeuMF": Model(
        "neumf",
        "",
        {
            **TRAINED,
            "mf_factors": to("factors"),
            "mlp_factors": "the network's rows are half of hidden",
            "mlp_hidden_size": Halving(),
            "prob_keep_dropout": To(("dropout",), keep=True),
            "dropout": to("dropout"),
            "m": to("negatives"),
            "is_mf_train": Only((True,), "both halves are trained"),
            "is_mlp_train": Only((True,), "both halves are trained"),
        },
    ),
    "ConvNeuMF": Model(
        "convncf",
        "its map is halved down to one number; starts as BPR-MF",
        {
            **TRAINED,
            "embedding_size": PowerOfTwo("factors"),
            "cnn_channels": "set recommender.channels, one for all layers",
            "cnn_kernels": Only(_TWOS, "a layer halves the map"),
            "cnn_strides": Only(_TWOS, "a layer halves the map"),
            "dropout_prob": Only((0, 0.0), "no layer is thinned"),
            "l_w": to("l2"),
            "l_b": "biases have no penalty",
        },
    ),
    "PureSVD": Model("puresvd", "", {"factors": to("factors")}),
    "RP3beta": Model(
        "rp3beta",
        "",
        {
            "neighborhood": to("k"),
            "alpha": to("alpha"),
            "beta": to("beta"),
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
    "WRMF": Model("wrmf", "", {**ALS, **ROUNDS}),
    "iALS": Model(
        "wrmf",
        "",
        {
            **ALS,
            **ROUNDS,
            "epsilon": "the confidence is linear",
            "scaling": Only(("linear",), "the confidence is linear"),
        },
    ),
    "MF": Model("mf", "predicts stars", REG, stars=True),
    "FunkSVD": Model(
        "mf", "all factors at once, as Elliot's; `funk_svd` is Funk's", TWO_REGS, stars=True
    ),
    "SVDpp": Model("svdpp", "predicts stars", TWO_REGS, stars=True),
    "PMF": Model(
        "pmf",
        "predicts stars",
        {**REG, "gaussian_variance": "the variance is in l2", "reg_b": BIAS},
        stars=True,
    ),
    "NonNegMF": Model(
        "nmf",
        "ranks: unknowns are zeros",
        {
            "factors": to("factors"),
            "epochs": to("iterations"),
            "reg": "in scikit-learn's units: set recommender.l2",
            "lr": "solved by coordinate descent",
            "batch_size": "",
        },
    ),
    "SlopeOne": Model("slope_one", "predicts stars", stars=True),
    "MF2020": Model("logistic_mf", POINTWISE, {**REG, "m": to("negatives")}, {"alpha": 1.0}),
    "LMF": Model("logistic_mf", POINTWISE, {**REG, "alpha": to("alpha")}),
    "GMF": Model(
        "gmf",
        POINTWISE,
        {
            **TRAINED,
            "mf_factors": to("factors"),
            "is_edge_weight_train": Only((True,), "the weights of the product are learnt"),
        },
    ),
    "DMF": Model(
        "dmf",
        "two layers; a logit of the cosine",
        {
            **TRAINED,
            "reg": to("l2"),
            "neg_ratio": to("negatives"),
            "user_mlp": "set recommender.hidden and .factors: two layers, both towers alike",
            "item_mlp": "set recommender.hidden and .factors: two layers, both towers alike",
            "similarity": Only(("cosine",), "places on a sphere are compared by the cosine"),
        },
    ),
    "AttributeItemKNN": Model(
        "attribute_itemknn", CATEGORIES, {**NEIGHBOURS, **LOADED}, needs="attributes"
    ),
    "AttributeUserKNN": Model(
        "attribute_userknn",
        CATEGORIES,
        {
            **NEIGHBOURS,
            **LOADED,
            "profile": Only(("binary",), "attributes are counted, not weighed"),
        },
        needs="attributes",
    ),
    "VSM": Model(
        "vsm",
        CATEGORIES,
        {
            **LOADED,
            "similarity": Only(("cosine",), "vectors are compared by the cosine"),
            "user_profile": Only(("tfidf",), "attributes weigh by their rarity"),
            "item_profile": Only(("tfidf",), "attributes weigh by their rarity"),
        },
        needs="attributes",
    ),
}
