"""Elliot's models, and the settings that their hyperparameters are here."""

from __future__ import annotations

from vrbench.cli.elliot.collaborative import COLLABORATIVE
from vrbench.cli.elliot.parameters import (
    ADVERSARIAL,
    BIAS,
    BY_LOOKS,
    BY_PICTURES,
    FACTORS,
    PENALTY,
    PICTURED,
    TRAINED,
    WORDS,
    Model,
    OneLayer,
    Only,
    To,
    to,
)

MODELS: dict[str, Model] = {
    **COLLABORATIVE,
    "AMF": Model(
        "apr",
        "`epochs` are in all; here they are those before `adversarial_epochs`",
        {**FACTORS, **PENALTY, **ADVERSARIAL},
    ),
    "AMR": Model(
        "amr",
        "`epochs` as of AMF",
        {
            **FACTORS,
            **PENALTY,
            **ADVERSARIAL,
            **BY_PICTURES,
            "factors_d": to("visual_factors"),
            "l_e": to("l2_visual"),
        },
        needs="features",
    ),
    "BPRMF": Model(
        "bprmf",
        "",
        {
            **FACTORS,
            "user_regularization": to("l2"),
            "positive_item_regularization": "one penalty for all rows",
            "negative_item_regularization": "one penalty for all rows",
            "bias_regularization": BIAS,
            "update_negative_item_factors": Only((True,), "all rows are trained"),
            "update_users": Only((True,), "all rows are trained"),
            "update_items": Only((True,), "all rows are trained"),
            "update_bias": Only((True,), "all rows are trained"),
        },
    ),
    "BPRMF_batch": Model("bprmf", "", {**FACTORS, **PENALTY}),
    "CFGAN": Model(
        "cfgan",
        "as Elliot's, and its generator learns",
        {
            "epochs": to("epochs"),
            "batch_size": to("batch_size", "critic_batch"),
            "lr": to("lr", "critic_lr"),
            "l_w": to("l2", "critic_l2"),
            "l_b": "biases have no penalty",
            "l_gan": to("alpha"),
            "g_epochs": to("steps"),
            "d_epochs": to("critic_steps"),
            "s_zr": to("zr"),
            "s_pm": to("pm"),
            "factors": "Elliot does not use it; here the layers are hidden and critic_hidden",
        },
        {"rows": "user"},
    ),
    "IRGAN": Model(
        "irgan",
        "the discriminator is shown what the generator picks",
        {
            "epochs": to("epochs"),
            "batch_size": to("critic_batch", "pretrain_batch"),
            "factors": to("factors"),
            "lr": to("lr", "critic_lr", "pretrain_lr"),
            "l_w": to("l2"),
            "l_b": BIAS,
            "l_gan": "the policy has no penalty, as published",
            "predict_model": to("predictor"),
            "g_epochs": to("steps"),
            "d_epochs": to("critic_steps"),
            "g_pretrain_epochs": to("pretrain_epochs"),
            "d_pretrain_epochs": "the discriminator starts as a copy of the generator",
            "sample_lambda": to("mix"),
        },
    ),
    "MostPop": Model("popular"),
    "Random": Model("random"),
    "VBPR": Model(
        "vbpr",
        "",
        {
            **FACTORS,
            **PENALTY,
            **BY_PICTURES,
            "factors_d": to("visual_factors"),
            "l_e": to("l2_visual"),
        },
        needs="features",
    ),
    "DeepStyle": Model(
        "deepstyle", "", {**FACTORS, "l_w": to("l2"), **BY_PICTURES}, needs="features"
    ),
    "ACF": Model(
        "acf",
        "over maps of a network on pictures: `dataset=var`, not ready features",
        {
            **FACTORS,
            "l_w": to("l2"),
            "layers_component": OneLayer("attention"),
            "layers_item": OneLayer("attention"),
            **BY_LOOKS,
        },
        needs="maps",
    ),
    "DVBPR": Model(
        "dvbpr",
        "from pictures: `dataset=var`, not ready features",
        {
            **FACTORS,
            **BY_PICTURES,
            "lambda_1": to("l2"),
            "lambda_2": to("l2_network"),
        },
        needs="pictures",
    ),
    "VNPR": Model(
        "vnpr",
        "principal components are its own; one hidden layer",
        {
            **TRAINED,
            "mf_factors": to("factors"),
            "mlp_hidden_size": OneLayer("hidden"),
            "dropout": to("dropout"),
            "prob_keep_dropout": To(("dropout",), keep=True),
            "l_w": to("l2"),
            "l_v": to("l2_visual"),
            **BY_PICTURES,
        },
        needs="features",
    ),
    "NPR": Model(why=PICTURED),
    **dict.fromkeys(("ConvMF", "KaHFM", "KaHFMBatch", "KaHFMEmbeddings"), Model(why=WORDS)),
    **dict.fromkeys(
        ("RecommendationFolder", "ProxyRecommender"),
        Model(why="not here: lists made elsewhere are not measured"),
    ),
}
ALIASES = dict.fromkeys(("LogisticMF", "LogisticMatrixFactorization"), "LMF")  # as pages have it
SEEDS = ("random_seed", "seed")
OF_ALL = ("epochs", "batch_size")  # read of every model, also where nothing is learnt in steps
