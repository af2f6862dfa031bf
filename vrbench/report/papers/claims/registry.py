"""The claims by name, as papers' files ask for them."""

from __future__ import annotations

from vrbench.report.papers.claims import accuracy, defences, promotion, robustness
from vrbench.report.papers.claims.base import Claim

CLAIMS: dict[str, Claim] = {
    made.__name__: made
    for made in (
        promotion.recommended_more_often,
        defences.defences_do_not_protect,
        robustness.adversarial_training_falls_less,
        robustness.gradient_beats_noise,
        robustness.iterating_is_stronger,
        robustness.worse_than_random,
        promotion.ranker_promotes_classifier_does_not,
        defences.denoising_shrinks_the_shift,
        accuracy.cfgan_is_best,
        promotion.insider_promotes,
        promotion.insider_promotes_most,
        promotion.black_box_promotes,
    )
}
