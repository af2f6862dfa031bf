"""What an audit says of itself, by kind: a shop of ours, or somebody else's recommender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vrbench.core.plurals import how_many
from vrbench.report.exposure import row_of
from vrbench.report.run_records import Entry


@dataclass(frozen=True)
class Words:
    """Words for one kind of audit.

    Attributes:
        first: who tries every category, after "an adversary who"; "": whoever comes first.
        whoever: the same, as the subject of a sentence.
        chance: what an interval holds, and on what all of it is measured.
        spending: what the columns of gradients and questions count.
        left: what was not tried, and why; a sentence each.
        thing: what of an item an adversary changes.
    """

    first: str
    whoever: str
    chance: str
    spending: str
    left: Sequence[str] = ()
    thing: str = "picture"


VISIBLE = (
    "SSIM 1 is no visible change, LPIPS 0; Linf is the largest change of a pixel, in grey levels "
    "of 255."
)
WORDS = {
    "own": Words(
        "knows everything",
        "Whoever knows the extractor and the recommender, and may change its pictures",
        "An interval holds what other seeds of training would give for these items, 95 times of "
        "100 each. All of this is measured on a copy of the shop, with clean pictures in training "
        "and attacked ones when lists are made.",
        "Gradients and questions are those of one picture: gradients the adversary computes alone, "
        f"questions the shop answers. {VISIBLE}",
    ),
    "features": Words(
        "knows everything",
        "Whoever knows the recommender, and may change the vectors of its items",
        "An interval holds what other seeds of training would give for these items, 95 times of "
        "100 each. All of this is measured on a copy of the shop, with clean vectors in training "
        "and attacked ones when lists are made.",
        "Vectors are changed as they stand. Whether a picture or a text exists that an encoder "
        "turns into such a vector is not known here: take this as what the worst would come to.",
        (
            "Visibility: there are no pictures, so nothing is said of what a customer would see.",
            "Adversaries who know the encoder only, or see scores for pictures that are tried out: "
            "there is no encoder here, only what it made.",
            "Defences: those that are known stand in a network that looks at pictures.",
        ),
        "vector",
    ),
    "outside": Words(
        "",
        "Whoever is told what the recommender answers, and may change its pictures",
        "The recommender is somebody else's: it is asked, and not trained here. An interval holds "
        "what other seeds of the attack would give for these items, 95 times of 100 each; another "
        "release of the recommender may differ by more. Attacked pictures were sent in questions "
        "only, also when lists were measured.",
        "Questions are what the recommender answered about one picture; gradients are those of a "
        f"network of the adversary's own. {VISIBLE}",
        (
            "An adversary who knows everything: the recommender gives no gradient.",
            "Fake users and poisoned pictures: the recommender is not trained here.",
            "Defences: they stand in the network of a shop, and this recommender is shown pictures "
            "as they are. Put one in front of it, name it another release, and ask again.",
        ),
    ),
    "lists": Words(
        "",
        "",
        "",
        "",
        (
            "Attacks of any kind: a file of recommendations answers no question about a changed "
            "picture. A function or an address does (recommender=external).",
            "Intervals: nothing here varies by chance.",
        ),
    ),
}


def asked(entries: Sequence[Entry], timed: Sequence[Entry]) -> dict[str, Any] | None:
    """Return who was asked what, how often; None if nobody was.

    Args:
        entries: of all runs; those that asked nobody are left out.
        timed: the run before them, which is one of them.

    Returns:
        ``of``, ``release``, ``gives``, ``users``, ``users_at_once``; ``questions``: one picture
        each; and ``requests`` that were sent.
    """
    told = list({entry["folder"]: entry for entry in entries if "asked" in entry}.values())
    if not told:
        return None
    sent = [entry["asked"]["requests"] for entry in (*told, *timed) if "asked" in entry]
    asked_of = {"questions": round(sum(map(_questions, told))), "requests": sum(sent)}
    return told[0]["asked"] | asked_of


def questions(who: dict[str, Any] | None) -> list[str]:
    """Return what adversaries asked of somebody else's recommender, in sentences."""
    if who is None:
        return []
    return [
        f"Asked: {who['of']}, release {who['release']}, which answers with {who['gives']} for "
        f"{how_many(who['users'], 'user')}.",
        "A question is one item with one picture. In all runs together adversaries asked "
        f"{who['questions']}, and everyone's lists were asked for before and after each attack.",
        f"For this page {how_many(who['requests'], 'request')} of at most "
        f"{who['users_at_once']} users each were sent, those included that had to be sent again "
        "after a failure; what had been answered before was not.",
    ]


def _questions(entry: Entry) -> float:
    """Return the questions of all pictures of one run."""
    row = row_of(entry, "queries")
    return 0.0 if row is None or row["after"] is None else row["after"] * row["n"]
