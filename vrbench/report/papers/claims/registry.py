"""The claims by name, as papers' files ask for them."""

from __future__ import annotations

from vrbench.report.papers.claims.accuracy import cfgan_is_best
from vrbench.report.papers.claims.base import Claim
from vrbench.report.papers.claims.defences import (
    defences_do_not_protect,
    denoising_shrinks_the_shift,
)
from vrbench.report.papers.claims.promotion import (
    black_box_promotes,
    insider_promotes,
    insider_promotes_most,
    ranker_promotes_classifier_does_not,
    recommended_more_often,
)
from vrbench.report.papers.claims.robustness import (
    adversarial_training_falls_less,
    gradient_beats_noise,
    iterating_is_stronger,
    worse_than_random,
)

CLAIMS: dict[str, Claim] = {
    made.__name__: made
    for made in (
        recommended_more_often,
        defences_do_not_protect,
        adversarial_training_falls_less,
        gradient_beats_noise,
        iterating_is_stronger,
        worse_than_random,
        ranker_promotes_classifier_does_not,
        denoising_shrinks_the_shift,
        cfgan_is_best,
        insider_promotes,
        insider_promotes_most,
        black_box_promotes,
    )
}
