"""Feature matching: the features of a popular item are the target."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import ConfigError, nearest
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.threats.case import Case
from vrbench.threats.objectives.base import Objective, copies


class MatchFeatures(Objective):
    """Look, to the extractor, like a popular item (EXPA, Liu and Larson, WWW 2021, sec. 4.2).

    The loss is the squared Euclidean distance to the hook item's feature vector, divided by that
    vector's squared length; the margin is the loss minus ``within`` squared. The authors' code
    hooks on one item by number, whatever the data set; here it is the most popular one of the
    target category, or of the shop, unless one is named.

    Args:
        case: names the target category.
        extractor: yields the features; nothing else of the system is known.
        images: where the hook's picture is found.
        train: tells which item is popular.
        hook: "category" or "shop": where the most popular item is looked for; or "item".
        hook_item: with ``hook="item"``: its row, or (a string) the name it has in the data set.
        within: relative distance that counts as success.

    Raises:
        ConfigError: if a setting is out of range, or there is no such item.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour
        >>> from vrbench.objectives import MatchFeatures
        >>> from vrbench.testing.world import toy_case, toy_world
        >>> case, shop = toy_case(), toy_world()
        >>> aim = MatchFeatures(case, Colour(), shop.catalogue.images, shop.train)
        >>> blue = shop.catalogue.images[torch.tensor([aim.hooked])]
        >>> aim.judge(blue, case.items[:1]).loss.round(decimals=3).tolist()
        [0.0]
    """

    paper = "Liu and Larson, WWW 2021"
    wants = "to have the features of a popular item"

    def __init__(
        self,
        case: Case,
        extractor: Extractor,
        images: Visuals,
        train: Interactions,
        *,
        hook: str = "category",
        hook_item: int | str | None = None,
        within: float = 0.5,
    ) -> None:
        if hook not in ("category", "shop", "item"):
            raise ConfigError(f"expected hook to be 'category', 'shop' or 'item', got {hook!r}")
        if (hook == "item") != (hook_item is not None):
            raise ConfigError("objective.hook_item goes with objective.hook=item, and only so")
        if within <= 0:
            raise ConfigError(f"expected within > 0, got {within}")
        self.extractor, self.images, self.hook, self.within = extractor, images, hook, within
        self.hook_item = hook_item
        popularity = train.popularity.clone()
        if hook == "category":
            popularity[case.labels != case.names.index(case.target)] = -1
        self.hooked = int(popularity.argmax()) if hook_item is None else _row(hook_item, case)
        self._aim: Tensor | None = None

    def told(self, case: Case | None, *, example: bool) -> dict[str, Any]:
        # The feedback alone decides who is the most popular of the shop, and a row says it all.
        named = self.hook == "category" or isinstance(self.hook_item, str)
        return {"hooked": self.hooked} if named else {}

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        if self._aim is None:
            with torch.no_grad():
                picture = self.images[torch.tensor([self.hooked])].to(x.device)
                self._aim = self.extractor.see(picture, Signal.VECTOR).float()[0]
        away = (self.extractor.see(x, Signal.VECTOR).float() - self._aim).square().sum(1)
        loss = away / self._aim.square().sum().clamp(min=1e-12)
        return Verdict(loss, loss - self.within**2)

    def example(self, items: Tensor) -> Tensor:
        return copies(self.images, self.hooked, items)


def _row(item: int | str, case: Case) -> int:
    """Return the row of an item that a user named.

    Raises:
        ConfigError: if there is none, or if it is to be attacked itself.
    """
    row, known = item, len(case.labels)
    if isinstance(row, str):
        if row not in case.item_ids:
            raise ConfigError(f"objective.hook_item: no item {row!r}{nearest(row, case.item_ids)}")
        row = case.item_ids.index(row)
    if not 0 <= row < known:
        raise ConfigError(f"objective.hook_item: expected a row in 0..{known - 1}, got {row}")
    if (case.items == row).any():
        raise ConfigError(f"objective.hook_item: item {item!r} is to be attacked itself")
    return row
