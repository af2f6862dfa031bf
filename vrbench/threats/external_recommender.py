"""An external recommender behind a query function, as the goal of black-box attacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import ConfigError, DataError
from vrbench.extractors.base import Extractor
from vrbench.threats.objectives.base import Objective

Gives = Literal["scores", "ranks"]
Answer = Callable[[Any, Any], Any]  # pictures, item ids -> one number per picture


class Audit(Objective):
    """Be scored or ranked high by whatever answers: a service, an API, a black box.

    No gradient is asked for, and nothing else is known. Goes with every ``BlackBox`` attack; those
    that need a public extractor (``FeatureRegression``) take ``extractor``. The answers are what
    the attack hears, unscaled: ranks are turned into standard normal quantiles of
    ``1 - r / (num_items + 1)``. Example, with ``clean`` of shape ``(B, 3, H, W)`` in [0, 1]::

        def answer(pictures, item_ids):  # (B, H, W, 3) uint8, (B,) int64
            return [my_service.rank(p, user="me") for p in pictures]

        goal = Oracle(Audit(answer, gives="ranks", num_items=5000, reach=20), limit=640)
        attack = SPSA(queries=640, directions=16)
        found = attack(clean, items, goal, Linf(eps=8), Streams(0))
        goal.asked(items)  # (B,) questions used, never more than 640

    Args:
        answer: called with pictures and item ids, numpy arrays; returns one number per picture.
        extractor: a public one, where the attack wants features.
        gives: "scores", high is good, or "ranks", from 1.
        reach: the score that is enough, or the last rank that is.
        num_items: how many items are ranked; needed for ranks.
        pictures: "uint8", ``(B, H, W, 3)`` rounded to the 8-bit grid as by an upload, or "float",
            float32 in [0, 1], of the same shape, as they are.

    Raises:
        ConfigError: if a setting is out of range.
        DataError: by ``judge``, if the function fails or what it returns cannot be used.

    Example:
        >>> import torch
        >>> from vrbench.objectives import Audit
        >>> from vrbench.testing.world import toy_world
        >>> def answer(pictures, item_ids):  # what a shop's service would say
        ...     return pictures[..., 0].mean((1, 2))
        ...
        >>> red, items = toy_world().catalogue.images[torch.arange(3)], torch.arange(3)
        >>> Audit(answer, reach=200).judge(red, items).margin.gt(0).tolist()
        [False, True, True]
    """

    def __init__(
        self,
        answer: Answer,
        extractor: Extractor | None = None,
        *,
        gives: Gives = "scores",
        reach: float = 20,
        num_items: int | None = None,
        pictures: Literal["uint8", "float"] = "uint8",
    ) -> None:
        if not callable(answer):
            raise ConfigError(f"Audit: expected a function, got {type(answer).__name__}")
        wrong = gives not in get_args(Gives) or pictures not in ("uint8", "float")
        self.refuse_if(wrong, "gives=scores or ranks, pictures=uint8 or float")
        if gives == "ranks" and (num_items is None or not 1 <= reach <= num_items):
            raise ConfigError("Audit: ranks need num_items, and reach in 1..num_items")
        self.answer, self.extractor = answer, extractor
        self.gives, self.reach, self.num_items, self.pictures = gives, reach, num_items, pictures

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        shown = x.detach().permute(0, 2, 3, 1).cpu()
        if self.pictures == "uint8":
            shown = (shown.clamp(0, 1) * 255).round().byte()
        given = self._ask(shown.contiguous().numpy(), items.cpu().numpy())
        numbers = torch.from_numpy(given).to(x.device)
        if self.num_items is None or self.gives == "scores":
            return Verdict((-numbers).float(), (self.reach - numbers).float())
        share = 1 - numbers.clamp(max=self.num_items) / (self.num_items + 1)
        margin = numbers - self.reach - 0.5
        return Verdict(-torch.special.ndtri(share).float(), margin.float())

    def _ask(self, pictures: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the ``(B,)`` float64 answers."""
        try:
            found = self.answer(pictures, items)
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(
                f"the query function failed on {len(items)} pictures: {told}"
            ) from error
        try:
            plain = found.detach().cpu().numpy() if isinstance(found, Tensor) else found
            numbers = np.array(plain, np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"the query function must return numbers, got {type(found).__name__}"
            ) from None
        if numbers.shape != (len(items),):
            raise DataError(
                f"the query function must return one number per picture, {len(items)} in a vector; "
                f"got shape {numbers.shape}"
            )
        low = 1 if self.gives == "ranks" else -np.inf
        bad = np.flatnonzero(~np.isfinite(numbers) | (numbers < low))
        if len(bad):
            what = "ranks from 1" if self.gives == "ranks" else "finite scores"
            raise DataError(
                f"the query function must return {what}; for item {items[bad[0]]} it returned "
                f"{numbers[bad[0]]}"
            )
        return numbers
