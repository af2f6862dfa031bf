"""What metrics are shown of a ranking."""

from __future__ import annotations

from torch import Tensor

from vrbench.metrics.view import Attacked, Cold, Counted, HeldOut, Lists, TwoStage, Users, View
from vrbench.recommenders.ranking import Ranked
from vrbench.recommenders.two_stage_ranking import Injected


def view_of(
    ranked: Ranked,
    items: Tensor,
    counted: Counted,
    *,
    audience: Tensor | None = None,
    injected: Injected | None = None,
    visual_share: Tensor | None = None,
    in_stars: bool = True,
) -> View:
    """Return a ranking as metrics see it.

    Args:
        ranked: everyone's lists, and where ``items`` and the test stand.
        items: ``(n,)`` the attacked items.
        counted: under which categories items are counted.
        audience: ``(U, n)`` whom each item is to reach.
        injected: where the items stand among candidates.
        visual_share: ``(U,)`` the share of the scores that pictures decide.
        in_stars: whether scores predict ratings.
    """
    cold = None
    if ranked.cold_ranks is not None:
        assert ranked.cold_candidates is not None
        cold = Cold(ranks=ranked.cold_ranks, candidates=ranked.cold_candidates)
    return View(
        lists=Lists(
            ranking=ranked.ranking, candidates=ranked.candidates, scores=ranked.ranking_scores
        ),
        tested=HeldOut(
            ranks=ranked.relevant_ranks,
            scores=ranked.relevant_scores,
            in_stars=in_stars,
            cold=cold,
            mean_ranks=ranked.relevant_mean_ranks,
        ),
        attacked=Attacked(items=items, scores=ranked.scores, ranks=ranked.ranks, audience=audience),
        counted=counted,
        two_stage=None if injected is None else TwoStage(**injected._asdict()),
        users=Users(profiles=ranked.profiles, visual_share=visual_share),
    )
