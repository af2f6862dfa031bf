"""Preference maximisation: pictures made for somebody."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from vrbench.core.errors import DivergedError
from vrbench.core.seeds import Streams
from vrbench.core.spec import Component
from vrbench.generators.lsgan import LSGAN
from vrbench.generators.networks import resized

Worth = Callable[[Tensor, Tensor], Tensor]  # (B, 3, H, W) pictures, (B,) of whom -> (B,)


class Proposals(NamedTuple):
    """``S`` pictures for each of ``n`` rows, on the 8-bit grid, and what they are worth."""

    pictures: Tensor  # (n, S, 3, H, W)
    worth: Tensor  # (n, S)
    doubt: Tensor  # (n, S), see ``LSGAN.doubt``
    latent: Tensor  # (n, S, latent)

    def best(self, realism: float) -> Tensor:
        """Return ``(n,)``: which picture of each row is worth most after its doubt."""
        return (self.worth - realism * self.doubt).argmax(1)


class Design(Component):
    """A search for the picture that somebody likes best (Kang et al., ICDM 2017).

    Latent vectors climb ``worth(G(z, y)) - realism * (D(G(z, y), y) - 1)^2`` by Adam; every one has
    moments of its own, made afresh for every call, so that nobody's pictures depend on whoever was
    served before (in the authors' code the moments lived on from user to user). Both networks are
    frozen, normalisation too. The authors keep every picture; here the best of the ``starts``,
    doubt counted, can be picked.

    Args:
        generator: the GAN, taught.
        starts: latent vectors of each row.
        steps: of Adam; 0 leaves the samples as drawn.
        lr: of Adam.
        spread: standard deviation of the first vectors.
        realism: weight of the discriminator's doubt, lambda of the paper.
        copies: steps that find the vector of a given picture, before it is tailored.

    Example:
        >>> import torch
        >>> from vrbench.core.seeds import Streams
        >>> from vrbench.generators import Design
        >>> from vrbench.testing.world import toy_gan
        >>> gan = toy_gan()
        >>> search = Design(gan, starts=2, steps=1)
        >>> def worth(x, rows):  # the less red the better
        ...     return -x[:, 0].mean((1, 2))
        ...
        >>> search.best(torch.arange(3), worth, (16, 16), Streams(0)).shape
        torch.Size([3, 3, 16, 16])
    """

    version: ClassVar[int] = 2
    paper = "Kang et al., ICDM 2017"

    def __init__(
        self,
        generator: LSGAN,
        *,
        starts: int = 16,
        steps: int = 10,
        lr: float = 0.05,
        spread: float = 0.5,
        realism: float = 1.0,
        copies: int = 100,
    ) -> None:
        self.refuse_if(
            min(starts, copies) < 1 or steps < 0 or min(lr, spread) <= 0 or realism < 0,
            "starts, copies >= 1, steps, realism >= 0 and lr, spread > 0",
        )
        self.generator = generator
        self.starts, self.steps, self.lr = starts, steps, lr
        self.spread, self.realism, self.copies = spread, realism, copies

    def with_fitted_parts(self, fit: Callable[[Any], Any]) -> Design:
        other = copy.copy(self)
        other.generator = fit(self.generator)
        other.spec = self.spec | {"of": {"generator": other.generator.spec}}
        return other

    def propose(
        self,
        rows: Tensor,
        categories: Tensor,
        worth: Worth,
        size: tuple[int, int],
        rng: Streams,
    ) -> Proposals:
        """Return ``starts`` pictures for each row, made to be worth much.

        Args:
            rows: ``(n,)`` int64, users or items, each at most once.
            categories: ``(n,)`` what the pictures are to show.
            worth: differentiable; an entry of what it returns depends on that picture only.
            size: height and width of the pictures that ``worth`` is shown.
            rng: one stream per row.
        """
        first = self.spread * rng.normal(rows, self.starts, self.generator.latent)
        return self._each(rows, categories, worth, size, first, self.steps)

    def best(self, items: Tensor, worth: Worth, size: tuple[int, int], rng: Streams) -> Tensor:
        """Return ``(n, 3, H, W)``: of each item's proposals, in its own category, the best."""
        found = self.propose(items, self.generator.categories_of(items), worth, size, rng)
        picked = found.best(self.realism)
        return found.pictures[torch.arange(len(items), device=picked.device), picked]

    def tailor(
        self,
        rows: Tensor,
        categories: Tensor,
        pictures: Tensor,
        worth: Worth,
        rng: Streams,
    ) -> tuple[Proposals, Proposals]:
        """Return the nearest picture that the GAN can make of each given one; and it, tailored.

        The nearest is the one of least squared error among ``starts`` that descend it by Adam.

        Args:
            rows, categories, worth, rng: see ``propose``.
            pictures: ``(n, 3, H, W)``, what is to be tailored.
        """
        size = (pictures.shape[2], pictures.shape[3])
        first = self.spread * rng.normal(rows, self.starts, self.generator.latent)
        near = []
        for z, category, wanted in zip(first, categories, pictures, strict=True):
            y = category.expand(len(z))

            def error(z: Tensor, y: Tensor = y, wanted: Tensor = wanted) -> Tensor:
                made = resized(self.generator.paint(z, y), *size)
                return (made - wanted).square().flatten(1).mean(1)

            z = self._descend(z, error, self.copies)
            near.append(z[error(z).argmin()][None])
        z = torch.stack(near)
        return (
            self._each(rows, categories, worth, size, z, 0),
            self._each(rows, categories, worth, size, z, self.steps),
        )

    def _each(
        self,
        rows: Tensor,
        categories: Tensor,
        worth: Worth,
        size: tuple[int, int],
        first: Tensor,
        steps: int,
    ) -> Proposals:
        """Climb from ``first``, ``(n, S, latent)``; a row at a time, so that company is nothing."""
        found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for row, category, z in zip(rows, categories, first, strict=True):
            who, y = row.repeat(len(z)), category.repeat(len(z))

            def loss(z: Tensor, who: Tensor = who, y: Tensor = y) -> Tensor:
                made = self.generator.paint(z, y)
                doubt = self.generator.doubt(made, y)
                return self.realism * doubt - worth(resized(made, *size), who)

            z = self._descend(z, loss, steps)
            with torch.no_grad():
                made = self.generator.paint(z, y)
                shown = (resized(made, *size) * 255).round() / 255
                found.append((shown, worth(shown, who), self.generator.doubt(made, y), z))
        return Proposals(*(torch.stack(part) for part in zip(*found, strict=True)))

    def _descend(self, z: Tensor, loss: Callable[[Tensor], Tensor], steps: int) -> Tensor:
        """Return ``z`` after ``steps`` of Adam on its rows' losses, moments made afresh."""
        z = z.clone().requires_grad_()
        adam = torch.optim.Adam([z], lr=self.lr)
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(z).sum(), z)
            if not slope.isfinite().all():
                raise DivergedError("Design: a gradient is not finite; lower lr or realism")
            z.grad = slope
            adam.step()
        return z.detach()
