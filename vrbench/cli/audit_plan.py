"""Plan of an audit: categories, adversaries, defences, and the expected running time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vrbench.cli.composition import Composition
from vrbench.cli.folders import choice_names, conf_dir
from vrbench.cli.overrides import merged
from vrbench.core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

LISTS = "objective=promote_lists"
WHITE = ("attack=adam", LISTS)
FRONTS = ("jpeg_75", "bits_4")  # go before any extractor
FAMILY = ("denoised", "adversarial")  # are extractors of a family, such as photos_*
SHARED = ("pixels", "extractors", "features", "models")  # stages that several cells have in common
TAUGHT = 2.0  # a defence is taught about as often as this longer than a standard extractor


@dataclass(frozen=True)
class Adversary:
    """One threat model of the audit: its name, and the settings of its runs.

    Attributes:
        name: in words, after "an adversary who".
        knows: what they must have.
        settings: of the runs.
    """

    name: str
    knows: str
    settings: tuple[str, ...]

    def cost(self) -> tuple[int, int] | None:
        """Return the verdicts and gradients that a picture takes; None where that is untold."""
        found: Any = Composition(list(self.settings), conf_dir()).make("attack").cost
        return found and (found.forward, found.backward)


TRANSFER = Adversary(
    "knows the extractor only",
    "the weights of the extractor, and which category is popular",
    ("attack=pgd", "objective=target_class"),
)
NOISE = Adversary("knows nothing (noise)", "nothing", ("attack=noise", LISTS))
ADVERSARIES = (
    Adversary("knows everything", "the weights of extractor and recommender", WHITE),
    Adversary(
        "knows everything, and takes the worst of a suite (standard-1)",
        "the weights of extractor and recommender",
        ("attack=standard", LISTS),
    ),
    Adversary(
        "knows the extractor and sees scores",
        "the weights of the extractor, public ones for example; scores that the shop answers with",
        ("attack=regression", LISTS),
    ),
    Adversary(
        "sees scores",
        "scores that the shop answers with, for pictures that are tried out",
        ("attack=square", LISTS),
    ),
    TRANSFER,
    NOISE,
)


OF_FAKES = ("attack", "budget", "metrics", "objective", "save", "threat")  # settings of their own
DETECTORS = {"": "profiles", ", where the shop looks for such (PCASelectUsers)": "profiles_pca"}
RETRAINED = 4  # trainings of such a cell: the clean shop again, and, with the fakes, three others


def by_fakes(overrides: Sequence[str], share: float, scenario: str) -> dict[str, list[str]]:
    """Return the settings of the runs that push items by fake profiles, by name of the attack.

    Args:
        overrides: of the runs in which pictures are attacked; what is about pictures is left out.
        share: of fake users, of the real ones.
        scenario: the choice that says which items.
    """
    kept = [o for o in overrides if re.split(r"[.@=]", o.lstrip("+~"))[0] not in OF_FAKES]
    own = ["attack=average", "budget=profiles_5", f"budget.eps={share:g}"]
    return {
        f"registers {100 * share:g} % fake users{told}": merged(
            [f"scenario={scenario}", *kept], [f"threat={threat}", *own]
        )
        for told, threat in DETECTORS.items()
    }


def largest(names: Sequence[str], labels: Tensor, smallest: int, most: int) -> list[str]:
    """Return the categories with most items, the largest first."""
    counts = labels.bincount(minlength=len(names)).tolist()
    size = dict(zip(names, counts, strict=True))
    large = [name for name in names if size[name] >= max(smallest, 1)]
    return sorted(large, key=lambda name: (-size[name], name))[:most]


def behind(overrides: Sequence[str]) -> list[str]:
    """Return extractor settings under the names they have inside a defence that wraps it."""
    return [re.sub(r"^(extractor@)?extractor\.", r"\1extractor.inner.", o) for o in overrides]


def placed(
    overrides: Sequence[str], named: Sequence[Sequence[str]]
) -> list[tuple[bool, list[str]]]:
    """Return the overrides of each defence, composed and checked before anything runs.

    Args:
        overrides: of the shop, one value each.
        named: defences; the name of an extractor, and settings that go with it.

    Returns:
        For each whether the settings of the shop's extractor are those of what stands behind it,
        and its own settings.

    Raises:
        ConfigError: names the first that does not go with the shop's settings.
    """
    found = []
    for name, *more in named:
        own, why = [f"extractor={name}", *more], ""
        for inside in (True,) if more else (False, True):
            try:
                Composition(
                    merged(behind(overrides) if inside else list(overrides), own), conf_dir()
                )
            except ConfigError as error:
                why = why or str(error)
                continue
            found.append((inside, own))
            break
        else:
            raise ConfigError(
                f"the defence {name} does not go with this command ({why}): name others with "
                "--defences, or leave the setting out"
            )
    return found


def defences(shop: str) -> list[list[str]]:
    """Return the settings of every defence there is for the extractor ``shop``."""
    there = choice_names("extractor", conf_dir())
    family = shop.removesuffix("standard")
    found = [
        [f"{family}{front}"]
        if f"{family}{front}" in there
        else [front, f"extractor@extractor.inner={shop}"]
        for front in FRONTS
        if front != shop
    ]
    return found + [[f"{family}{name}"] for name in FAMILY if f"{family}{name}" in there]


def expected(
    first: dict[str, Any] | None,
    categories: int,
    whom: Sequence[Adversary],
    helps: int,
    seeds: int,
    fakes: int = 0,
) -> tuple[list[float], bool]:
    """Return the expected seconds of every cell, in order, and whether each was measured.

    A cell whose attack was in the store tells nothing of the time: then each counts the same.

    Args:
        first: the record of one cell.
        categories: how many are tried.
        whom: adversaries, the one who tries every category first.
        helps: defences that are tried.
        seeds: runs of each.
        fakes: ways of registering fake users.
    """
    steps: dict[str, float] = {}
    for stage in (first or {}).get("stages", []):
        if not stage["cached"]:
            steps[stage["stage"]] = steps.get(stage["stage"], 0.0) + stage["seconds"]
    one, *others = whom
    if first is None or "attacks" not in steps:
        return [1.0] * seeds * (categories + len(others) + fakes + helps), False
    attack, fit = steps["attacks"], steps.get("models", 0.0)
    rest = first["seconds"] - attack - sum(steps.get(stage, 0.0) for stage in SHARED)
    cells = [attack + rest] * (categories * seeds)
    for seed in range(1, seeds):
        cells[seed * categories] += fit
    for adversary in others:
        cells += [attack * _longer(adversary, one) + rest] * seeds
    cells += [rest + RETRAINED * fit] * (fakes * seeds)
    look = TAUGHT * steps.get("extractors", 0.0) + steps.get("features", 0.0)
    for _ in range(helps):
        cells += [attack + rest + fit + (look if seed == 0 else 0.0) for seed in range(seeds)]
    return cells, True


def _longer(adversary: Adversary, one: Adversary) -> float:
    """Return how much longer an attack takes than that of ``one``."""
    known, other = one.cost(), adversary.cost()
    if not known or not other:
        return 1.0
    return (other[0] + 2 * other[1]) / (known[0] + 2 * known[1])
