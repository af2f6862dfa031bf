"""Adversarial denoising: a network trained to remove perturbations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.descent import DescentSettings
from vrbench.core.errors import DataError, DivergedError
from vrbench.core.progress import progress
from vrbench.core.seeds import stream
from vrbench.core.visuals import BLOCK
from vrbench.extractors.base import Extractor, Lesson, Report, redraw
from vrbench.extractors.defences.base import Front, Purified, straight_through
from vrbench.extractors.training.base import augmented


class Denoised(Purified):
    """A denoiser in front of a frozen extractor (Denoise to Protect, Merra et al., SIGIR 2023).

    It learns that clean, noisy and attacked pictures all look to the extractor as the clean one
    does: the loss is the mean absolute difference of feature vectors, relative to their size,
    and of pixels, in units of ``eps``. Half of every batch is attacked anew by PGD on the
    distance of features, half is noisy, all of it is also given clean; each picture has a radius
    of its own between 0 and ``eps``. The attack in training knows the network and not the
    denoiser, as the paper's.

    Differences: the paper learns from 160 pictures that the attack under test has changed, with
    a term for the recommender's scores; this one is made before any recommender, on all training
    pictures, and against an adversary who only wants features to move. Its U-Net has 64 to 256
    channels and five resolutions, this one ``width`` and half the picture's.

    Args:
        inner: the extractor; its weights stay.
        width: channels of the denoiser.
        eps: largest change that is learnt from (L-infinity), in grey levels.
        steps: of the attack in training.
        pixels: weight of the difference of pixels; that of features has 1.
        epochs, batch_size: passes over the training pictures, and pictures of a step.
        lr: of Adam, at first; it falls to zero along a cosine.

    Example:
        >>> from vrbench.extractors import Colour, Denoised
        >>> network = Denoised(Colour(), width=4, epochs=1)
        >>> network.learns, network.undefended.name
        (True, 'Colour')
    """

    paper = "Merra et al., SIGIR 2023"

    defaults = DescentSettings(epochs=40, batch_size=32, lr=0.005)

    def __init__(
        self,
        inner: Extractor,
        *,
        width: int = 24,
        eps: float = 8.0,
        steps: int = 3,
        pixels: float = 0.1,
        **descent: Unpack[DescentSettings],
    ) -> None:
        given = self.with_defaults(DescentSettings, descent)
        epochs, batch_size, lr = given["epochs"], given["batch_size"], given["lr"]
        self.refuse_if(
            min(width, steps, epochs, batch_size) < 1 or min(eps, lr) <= 0 or pixels < 0,
            "width, steps, epochs, batch_size >= 1, eps, lr > 0 and pixels >= 0",
        )
        super().__init__(inner, _Denoiser(width))
        self.learns = True
        self.width, self.eps, self.steps = width, eps, steps
        self.pixels, self.epochs, self.batch_size, self.lr = pixels, epochs, batch_size, lr

    @property
    def bare(self) -> bool:
        return False

    def fit(self, lesson: Lesson, rng: torch.Generator) -> Report:
        if len(lesson.train) < self.batch_size or not len(lesson.held_out):
            raise DataError(f"{len(lesson.labels)} pictures are too few to teach {self.name}")
        self.eval().requires_grad_(False)
        redraw(self.front, rng)
        nn.init.zeros_(self.front.leave.weight)  # at first it changes nothing
        self.front.requires_grad_(True)
        report = Report()
        self._descend(lesson, rng, report)
        self.requires_grad_(False)
        report.final = self.accuracies(lesson) | {"features_recovered": self.recovered(lesson)}
        return report

    front: _Denoiser

    def _descend(self, lesson: Lesson, rng: torch.Generator, report: Report) -> None:
        optimiser = torch.optim.Adam(self.front.parameters(), lr=self.lr)
        total_steps = self.epochs * (len(lesson.train) // self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total_steps)
        for _ in progress(range(self.epochs), f"teaching ({self.name})"):
            order = lesson.train[torch.randperm(len(lesson.train), generator=rng)]
            losses = []
            for items in order.split(self.batch_size)[: len(order) // self.batch_size]:
                x = augmented(lesson.images[items], rng).to(self.device)
                loss = self._loss(x, rng)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                losses.append(loss.detach())
            mean = float(torch.stack(losses).mean())
            if mean != mean or mean == float("inf"):
                raise DivergedError(
                    f"{self.name}: the loss is no longer a number; lower extractor.lr ({self.lr})"
                )
            report.curve.append({"loss": mean})

    def _loss(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Return how far clean, noisy and attacked pictures are from ``x`` once denoised."""
        with torch.no_grad():
            aim = self.inner(x).vector
        radius = self.eps / 255 * torch.rand(len(x), 1, 1, 1, generator=rng).to(x)
        noise = radius * (2 * torch.rand(x.shape, generator=rng).to(x) - 1)
        some = slice(len(x) // 2)  # are attacked, the others are noisy
        changed = (x + noise).clamp(0, 1)
        changed[some] = depart(
            self.inner, x[some], aim[some], noise[some], radius[some], self.steps
        )
        cleaned = self.front(torch.cat([x, changed]))
        features = (self.inner(cleaned).vector - aim.repeat(2, 1)).abs().mean()
        pixels = (cleaned - x.repeat(2, 1, 1, 1)).abs().mean() * 255 / self.eps
        return features / aim.abs().mean().clamp(min=1e-12) + self.pixels * pixels

    def recovered(self, lesson: Lesson, most: int = 256) -> float:
        """Return what share of the change of features under an unaware attack is undone.

        On held-out pictures, PGD of ten steps at ``eps`` through the network alone: 1 if
        features are those of the clean picture again, 0 if the denoiser might as well not be
        there, negative if it makes things worse.
        """
        moved, left = 0.0, 0.0
        rng = stream(0, "features recovered")
        for items in lesson.held_out[:most].split(BLOCK):
            x = lesson.images[items].to(self.device)
            radius = x.new_full((len(x), 1, 1, 1), self.eps / 255)
            noise = radius * (2 * torch.rand(x.shape, generator=rng).to(x) - 1)
            with torch.no_grad():
                aim = self.inner(x).vector
            attacked = depart(self.inner, x, aim, noise, radius, 10)
            with torch.no_grad():
                moved += float((self.inner(attacked).vector - aim).norm(dim=1).sum())
                left += float((self(attacked).vector - aim).norm(dim=1).sum())
        return 1 - left / max(moved, 1e-12)


def depart(
    seen: Extractor, x: Tensor, aim: Tensor, noise: Tensor, radius: Tensor, steps: int
) -> Tensor:
    """Return pictures near ``x`` whose features are far from ``aim``: PGD, L-infinity.

    Args:
        seen: what the features are seen through.
        x: ``(B, 3, H, W)`` in [0, 1].
        aim: ``(B, D)`` features to get away from.
        noise: where to start; at zero the distance has no slope.
        radius: ``(B, 1, 1, 1)`` on the [0, 1] scale.
        steps: their number, each ``2.5 / steps`` radii long.
    """
    delta = ((x + noise).clamp(0, 1) - x).detach()
    for _ in range(steps):
        delta.requires_grad_()
        away = (seen(x + delta).vector - aim).square().sum()
        (slope,) = torch.autograd.grad(away, delta)
        delta = delta.detach() + 2.5 / steps * radius * slope.sign()
        delta = (x + torch.minimum(torch.maximum(delta, -radius), radius)).clamp(0, 1) - x
    return x + delta.detach()


class _Denoiser(Front):
    """What to add to a picture: a small convolutional network at half its resolution.

    Squares of two by two pixels become channels and channels pixels again, as in FFDNet (Zhang
    et al., TIP 2018), which sees twice as far at a quarter of the cost. The last layer sees the
    picture too: a plain filter, which already takes out much, is learnt in a few steps.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(12, width, 3, 1, 1),
            nn.LeakyReLU(0.1),  # flat pictures kill plain ReLUs
            nn.Conv2d(width, width, 3, 1, 1),
            nn.LeakyReLU(0.1),
        )
        self.leave = nn.Conv2d(width + 12, 12, 3, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        even = F.pad(pixels - 0.5, (0, width % 2, 0, height % 2), mode="replicate")
        squares = F.pixel_unshuffle(even, 2)
        change = self.leave(torch.cat([self.body(squares), squares], 1))
        cleaned = pixels + F.pixel_shuffle(change, 2)[:, :, :height, :width]
        # A clamp would hide the slope of every white background.
        return straight_through(cleaned, cleaned.detach().clamp(0, 1))
