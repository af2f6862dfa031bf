"""What metrics see: a shop as everyone is served by it, and the pictures of an attack."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vrbench.data.interactions import Interactions


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What everyone is shown: their best items among those not seen in train or validation."""

    ranking: Tensor  # (U, k) int64 item ids, best first; -1 where a user has fewer than k
    candidates: Tensor  # (U,) int64 number of items ranked for each user
    scores: Tensor | None = None  # (U, k) float32 scores of the lists; NaN past the end


@dataclass(frozen=True, kw_only=True)
class Cold:
    """Where test interactions stand among items without training feedback alone."""

    ranks: Tensor  # (T,) float64 rank of each test item, the mean of tied ones; 0 if a known one
    candidates: Tensor  # (U,) int64 number of cold items ranked for each user


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Where test interactions stand, ``T`` of them in the order of ``dataset.test.items``."""

    ranks: Tensor  # (T,) int64 rank of each test item for its user
    scores: Tensor | None = None  # (T,) float32 score of each test item for its user
    in_stars: bool = True  # whether scores predict ratings; of a model that ranks they do not
    cold: Cold | None = None  # None where the test holds no cold item
    mean_ranks: Tensor | None = None  # (T,) float64 ``ranks``, tied ones' mean; None: no ties


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """Where the ``n`` attacked items stand with everyone, and whom they are to reach."""

    items: Tensor  # (n,) the attacked items
    scores: Tensor  # (U, n) float32 scores of the attacked items
    ranks: Tensor  # (U, n) int64 ranks of the attacked items; 0 where the user has seen the item
    audience: Tensor | None = None  # (U, n) bool: whom each item is to reach, where that is said


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Under which categories items are counted."""

    labels: Tensor  # (num_items,) int64 the category that the run counts each item under
    source: int  # the attacked category, an index into labels' names
    target: int  # the category it should be taken for


@dataclass(frozen=True, kw_only=True)
class TwoStage:
    """Where attacked items stand among a user's candidates, each alone."""

    injected_ranks: Tensor  # (U, n) int32
    offered_ranks: Tensor  # (U,) int64 the best test item's, nothing injected; or 0
    offered: Tensor  # (U,) int64 number of candidates


@dataclass(frozen=True, kw_only=True)
class Users:
    """What users are made of."""

    profiles: Tensor | None = None  # (U, K) float32, of models whose users are made of pictures
    visual_share: Tensor | None = None  # (U,) float32 share of the scores that pictures decide


FLAT = {
    **dict.fromkeys(("ranking", "candidates"), "lists"),
    **dict.fromkeys(("items", "audience"), "attacked"),
    **dict.fromkeys(("labels", "source", "target"), "counted"),
    **dict.fromkeys(("profiles", "visual_share"), "users"),
    **dict.fromkeys(("injected_ranks", "offered_ranks", "offered"), "two_stage"),
    "ranking_scores": "lists.scores",
    "scores": "attacked.scores",
    "ranks": "attacked.ranks",
    "relevant_ranks": "tested.ranks",
    "relevant_scores": "tested.scores",
    "cold_ranks": "tested.cold.ranks",
    "cold_candidates": "tested.cold.candidates",
}


@dataclass(frozen=True, kw_only=True)
class View:
    """What is seen when the items look in one way, clean or attacked.

    Ranks count from 1 over the items a user has not seen in train or validation; ties are broken
    by one fixed random order of the items, so that ids say nothing. Areas under a curve count a tie
    one half instead: they go by ``tested.mean_ranks``.

    Attributes:
        lists: what everyone is shown.
        tested: where the test stands.
        attacked: where the attacked items stand.
        counted: under which categories items are counted.
        two_stage: of two stages only.
        users: what users are made of.
    """

    lists: Lists
    tested: HeldOut
    attacked: Attacked
    counted: Counted
    two_stage: TwoStage | None = None
    users: Users = Users()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return what a metric of one's own may still read by its earlier, flat name."""
            if name not in FLAT:
                raise AttributeError(f"{type(self).__name__} has no {name!r}")
            path = FLAT[name] if "." in FLAT[name] else f"{FLAT[name]}.{name}"
            warnings.warn(f"View.{name} is now View.{path}", DeprecationWarning, stacklevel=2)
            found: Any = self
            for part in path.split("."):
                found = None if found is None else getattr(found, part)
            return found


@dataclass(frozen=True)
class Crafted:
    """The attacked pictures, finished as uploaded, and what is made of them; ``n`` items."""

    clean: Tensor  # (n, 3, H, W) float32 in [0, 1]
    attacked: Tensor  # (n, 3, H, W) float32 in [0, 1]
    reached: Tensor  # (n,) bool: the adversary's aim, re-checked on the finished picture
    loss: Tensor  # (n,) float32 loss of the aim there
    margin: Tensor  # (n,) float32 margin of the aim there; negative is reached
    predicted: Tensor  # (n,) int64 class by the served extractor, attacked
    predicted_before: Tensor  # (n,) int64 class by the served extractor, clean
    vector_before: Tensor  # (n, D) float32 features by the served extractor, clean
    vector_after: Tensor  # (n, D) float32 features by the served extractor, attacked
    queries: Tensor  # (n,) int64 questions asked by a black-box attack; 0 for the others
    target: int | None  # the target among the served extractor's classes; None if it has none
    margin_before: Tensor | None = None  # (n,) float32 margin of the aim on the clean pictures
    masking: Mapping[str, Sequence[int]] | None = None  # signs: items that show one, and looked at


@dataclass(frozen=True)
class Watched:
    """What a detector of attacked pictures makes of some; the larger, the more suspected."""

    honest: Tensor  # (h,) float32 of pictures that nobody attacks, and that it did not learn from
    clean: Tensor  # (n,) float32 of the attacked items' own pictures, before the attack
    attacked: Tensor  # (n,) float32 of the attacked pictures


@dataclass(frozen=True)
class Views:
    """All that one run lets a metric see.

    Attributes:
        before: the shop before the attack.
        after: the shop after it; None where nobody attacked.
        control: the shop before it, its recommender trained anew under another seed; or None.
        crafted: the attacked pictures, where it was pictures.
        of_items: whether particular items were attacked, so that what became of them can be told.
        counts_categories: whether there is a source category to count.
        random: the shop after as large an attack in which nothing is chosen; or None.
        fakes: what fake users have, where any were registered.
        suspicion: ``(num_users,)`` what a detector made of all users, the fake ones last.
        left_out: ``(num_users,)`` bool: whom it left out of the training.
        watched: what a detector of pictures made of them, where one looked.
    """

    before: View
    after: View | None = None
    control: View | None = None
    crafted: Crafted | None = None
    of_items: bool = True
    counts_categories: bool = True
    random: View | None = None
    fakes: Interactions | None = None
    suspicion: Tensor | None = None
    left_out: Tensor | None = None
    watched: Watched | None = None

    @property
    def shown(self) -> dict[str, View]:
        """The views there are, by name."""
        named = {
            "before": self.before,
            "control": self.control,
            "random": self.random,
            "after": self.after,
        }
        return {name: view for name, view in named.items() if view is not None}
