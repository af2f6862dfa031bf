"""Kinds of audits: which adversaries there are, and whether anything can be trained or defended."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from vrbench.cli.audit_plan import ADVERSARIES, LISTS, NOISE, TRANSFER, Adversary
from vrbench.cli.composition import Composition
from vrbench.core.errors import ConfigError

QUERIES, LEAST_QUERIES = 100, 10  # questions a picture, of a recommender from outside


@dataclass(frozen=True)
class Kind:
    """What an audit tries on one kind of recommender.

    Attributes:
        name: "own"; "features": of vectors without pictures; "outside": somebody else's
            recommender, which answers questions; or "lists": files of what it recommended, which
            answer none.
        settings: of every run.
        adversaries: the first one tries every category, all of them the most exposed one.
        trains: whether the recommender is trained here, so that fake users can be registered.
        defended: whether an extractor stands between pictures and recommender, so that defences
            can be put there.
        queries: most questions a picture; None where that is left to the attacks.
    """

    name: str
    settings: tuple[str, ...]
    adversaries: tuple[Adversary, ...]
    trains: bool = True
    defended: bool = True
    queries: int | None = None


OWN = Kind("own", ("metrics=attacks", "save=[pictures]", "threat=evasion"), ADVERSARIES)
FEATURES = Kind(
    "features",
    ("metrics=attacks", "threat=vector_items", "budget=vector_10"),
    (
        Adversary(
            "knows everything",
            "the recommender, and a way to change what the features of an item are",
            ("attack=pgd", "attack.steps=40", "objective=promote_vectors"),
        ),
        Adversary(
            "knows nothing (noise)",
            "a way to change what the features of an item are",
            ("attack=noise", "objective=promote_vectors"),
        ),
    ),
    defended=False,
)


def kind_of(composition: Composition, queries: int | None) -> Kind:
    """Return the kind of audit that a shop's settings ask for.

    Args:
        composition: of the shop.
        queries: most questions a picture that somebody else's recommender is asked; None: 100.

    Raises:
        ConfigError: if ``queries`` is too small, or nobody is asked.
    """
    from vrbench.extractors.ready import Ready
    from vrbench.recommenders.base import class_of

    shop = class_of(composition.make("recommender"))
    asked = shop.outside and shop.signal is not None
    if queries is not None and not asked:
        raise ConfigError("--queries goes with a recommender that is asked, recommender=external")
    if asked:
        return _outside(composition.cfg.recommender.gives, QUERIES if queries is None else queries)
    if shop.outside:
        nobody = Adversary("is nobody", "nothing", ())
        settings = ("metrics=attacks", "threat=none")
        return Kind("lists", settings, (nobody,), trains=False, defended=False)
    return FEATURES if isinstance(composition.make("extractor"), Ready) else OWN


def _outside(gives: str, queries: int) -> Kind:
    """Return the audit of a recommender that answers questions about pictures."""
    if queries < LEAST_QUERIES:
        raise ConfigError(f"--queries {queries}: at least {LEAST_QUERIES} a picture are needed")
    few = min(31, queries // 3 - 1)  # pictures tried between two steps: three steps at least
    square = ("attack=square", f"attack.queries={queries}")
    told = "score" if gives == "scores" else "rank"
    regression = ("attack=regression", f"attack.queries={queries}", f"attack.directions={few}")
    everyone = f"the {gives} that it answers with for all users, for pictures that are tried out"
    own = "a network of their own, which need not be the recommender's"
    adversaries = (
        Adversary(f"sees {gives}", everyone, (*square, LISTS)),
        Adversary(
            f"sees {gives} and holds a network",
            f"{everyone}; {own}",
            (*regression, LISTS),
        ),
        Adversary(
            f"sees {gives} of one user",
            f"the {gives} of one user, another one for each item",
            (*square, "objective=promote_user", f"objective.feedback={told}"),
        ),
        Adversary(
            "holds a network and asks nothing",
            f"{own}, and which category is popular",
            TRANSFER.settings,
        ),
        NOISE,
    )
    return Kind("outside", OWN.settings, adversaries, False, False, queries)


def requests(
    kind: Kind, shop: Any, users: int, categories: int, items: int, seeds: int
) -> tuple[int, int]:
    """Return the most requests that an audit sends, if nothing of it is kept.

    Two numbers: where every request is answered, and where the service fails as often as it can.

    Args:
        kind: of the audit; of one that asks.
        shop: the settings of the recommender.
        users: who is asked about, all of them.
        categories: how many are tried.
        items: pictures that are attacked in each.
        seeds: runs of each.

    Raises:
        ConfigError: if a single run may take more than ``limit`` of these settings.
    """
    assert kind.queries is not None
    blocks = ceil(users / shop.users_at_once)
    a_run = items * kind.queries * blocks
    measured = 2 * blocks  # everyone's lists, on clean pictures and on attacked ones
    measured += 2 * shop.recheck  # a kept answer, by the scenario and by the attack
    if a_run + measured > shop.limit:
        raise ConfigError(
            f"a run may take {a_run + measured} requests ({items} pictures, {kind.queries} "
            f"questions each, {users} users, {shop.users_at_once} in one request), and "
            f"recommender.limit is {shop.limit}: raise it, or lower --items or --queries"
        )
    every = categories + 1  # whoever holds a network asks as often once more
    one_user = items * kind.queries
    runs = categories + len(kind.adversaries) - 1
    most = int(seeds * (every * a_run + one_user + runs * measured))
    return most, min(most * (1 + shop.retries), (seeds * runs + 1) * shop.limit)
