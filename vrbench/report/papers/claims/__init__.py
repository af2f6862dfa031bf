"""Claims of papers as tests on the cells of one metric."""

from vrbench.report.papers.claims.accuracy import cfgan_is_best
from vrbench.report.papers.claims.base import NOISE, NOTHING, ORACLES, Claim, Verdict
from vrbench.report.papers.claims.defences import (
    defences_do_not_protect,
    denoising_shrinks_the_shift,
)
from vrbench.report.papers.claims.promotion import (
    ROUGHLY_THREE,
    black_box_promotes,
    insider_promotes,
    insider_promotes_most,
    ranker_promotes_classifier_does_not,
    recommended_more_often,
)
from vrbench.report.papers.claims.registry import CLAIMS
from vrbench.report.papers.claims.robustness import (
    adversarial_training_falls_less,
    gradient_beats_noise,
    iterating_is_stronger,
    worse_than_random,
)

__all__ = [
    "CLAIMS",
    "NOISE",
    "NOTHING",
    "ORACLES",
    "ROUGHLY_THREE",
    "Claim",
    "Verdict",
    "adversarial_training_falls_less",
    "black_box_promotes",
    "cfgan_is_best",
    "defences_do_not_protect",
    "denoising_shrinks_the_shift",
    "gradient_beats_noise",
    "insider_promotes",
    "insider_promotes_most",
    "iterating_is_stronger",
    "ranker_promotes_classifier_does_not",
    "recommended_more_often",
    "worse_than_random",
]
