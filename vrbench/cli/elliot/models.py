"""Elliot's models, and the settings that their hyperparameters are here."""

from __future__ import annotations

from vrbench.cli.elliot.collaborative import COLLABORATIVE
from vrbench.cli.elliot.parameters import (
    ADVERSARIAL,
    BIAS,
    BY_PICTURES,
    FACTORS,
    FEW,
    NO_GAIN,
    PENALTY,
    PICTURED,
    SLOW,
    WORDS,
    Model,
    Only,
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
        pictures=True,
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
            "lr": to("lr", "critic_lr"),
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
        pictures=True,
    ),
    "DeepStyle": Model("deepstyle", "", {**FACTORS, **PENALTY, **BY_PICTURES}, pictures=True),
    "ACF": Model("acf", "", {**FACTORS, **PENALTY, **BY_PICTURES}, pictures=True),
    "DVBPR": Model(
        "dvbpr",
        "",
        {
            **FACTORS,
            **BY_PICTURES,
            "lambda_1": to("l2"),
            "lambda_2": to("l2_network"),
        },
        pictures=True,
    ),
    "VNPR": Model("vnpr", "", {**FACTORS, **BY_PICTURES, "l_w": to("l2")}, pictures=True),
    "ConvNeuMF": Model(why=NO_GAIN),
    "NAIS": Model(why=SLOW),
    "NPR": Model(why=PICTURED),
    "AFM": Model(why=FEW),
    **dict.fromkeys(
        ("ConvMF", "KaHFM", "KaHFMBatch", "KaHFMEmbeddings", "KGFlex"), Model(why=WORDS)
    ),
    **dict.fromkeys(
        ("RecommendationFolder", "ProxyRecommender"),
        Model(why="not here: lists made elsewhere are not measured"),
    ),
}
SEEDS = ("random_seed", "seed")
