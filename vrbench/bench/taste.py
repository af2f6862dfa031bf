"""Scores of arbitrary pictures by a trained recommender."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.recommenders.base import Recommender


class Taste:
    """What a recommender thinks of pictures, whoever they are of.

    In standard deviations of the user's scores over the real items of one category, counted from
    their mean: 0 is a random item of the category, under every recommender.

    Args:
        model: must score an item by its picture alone.
        images: the catalogue's pixels.
        users: ``(n,)`` whose taste.
        categories: ``(n,)`` in which category.
        labels: ``(num_items,)`` category of every item.
    """

    def __init__(
        self, model: Recommender, images: Visuals, users: Tensor, categories: Tensor, labels: Tensor
    ) -> None:
        self._model, device = model, model.device
        with torch.no_grad():
            every = torch.arange(len(images), device=device)
            scores = model.score(users.to(device), model.encode(every, images.to(device))).cpu()
        of_category = labels == categories[:, None]
        own = scores.masked_fill(~of_category, torch.nan)
        self._mean = own.nanmean(1)
        spread = (own - self._mean[:, None]).square().nanmean(1).sqrt()
        self._std = spread.clamp(min=1e-6)
        self._place = {user: n for n, user in enumerate(users.tolist())}
        self.real = (own - self._mean[:, None]) / self._std[:, None]  # (n, I), NaN elsewhere

    def __call__(self, x: Tensor, users: Tensor) -> Tensor:
        """Return the ``(B,)`` preferences of one user, given ``B`` times, for pictures ``x``."""
        shown = Table(Signal.PIXELS, x, None, device=x.device)
        encoded = self._model.encode(torch.arange(len(x), device=x.device), shown)
        at = self._place[int(users[0])]
        score = self._model.score(users[:1].to(self._model.device), encoded)[0]
        return (score - float(self._mean[at])) / float(self._std[at])

    def of(self, pictures: Tensor, users: Tensor) -> Tensor:
        """Return the ``(n, S)`` preferences of ``n`` users for ``S`` pictures each."""
        with torch.no_grad():
            device = self._model.device
            found = [
                self(x.to(device), user.expand(len(x)))
                for x, user in zip(pictures, users, strict=True)
            ]
        return torch.stack(found).cpu()
