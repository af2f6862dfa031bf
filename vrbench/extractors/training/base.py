"""Supervised training of an extractor on the catalogue's categories."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.descent import DescentSettings
from vrbench.core.dropout import seed_dropout
from vrbench.core.errors import ConfigError, DataError, DivergedError
from vrbench.core.progress import progress
from vrbench.core.seeds import stream
from vrbench.core.shifts import shifted
from vrbench.core.visuals import BLOCK, Signal, Table
from vrbench.extractors.base import Extractor, Features, Lesson, Report, redraw

EPS, STEPS = 4 / 255, 10  # of the robust accuracy that every regime reports
Classify = Callable[[Tensor], Tensor]


class RegimeSettings(DescentSettings, total=False):
    """How a network is taught; see ``Regime``."""

    weight_decay: float
    part: Literal["all", "head"]


class Regime(Extractor):
    """A network and the way it is taught; to everyone else, an extractor like any other.

    Stochastic gradient descent with Nesterov momentum, one cosine cycle of the learning rate
    after a short linear warm-up, and light augmentation (mirrored, shifted by up to a sixteenth).
    A network that came with weights starts from them, any other from a fresh draw.

    Args:
        network: what is taught.
        epochs: passes over the training items.
        batch_size: pictures of a step.
        lr: highest learning rate.
        weight_decay: of all weights but those of batch norm and biases.
        part: "all" parameters are taught, or the "head" only (a linear probe).

    Example:
        >>> from vrbench.extractors import Regime, SmallCNN, Standard
        >>> from vrbench.testing.world import toy_network
        >>> network = toy_network(Standard(SmallCNN(width=4), epochs=1, batch_size=8))
        >>> isinstance(network, Regime), network.classes
        (True, ('red', 'green', 'blue'))
    """

    defaults = RegimeSettings(epochs=20, batch_size=32, lr=0.05, weight_decay=5e-4, part="all")
    learns = True
    sees_pixels = True  # False: of a probe, whose pictures pass the frozen trunk once

    def __init__(
        self,
        network: Extractor,
        *,
        epochs: int,
        batch_size: int,
        lr: float,
        weight_decay: float,
        part: Literal["all", "head"],
    ) -> None:
        super().__init__()
        if epochs < 1 or batch_size < 2 or lr <= 0 or weight_decay < 0:
            raise ConfigError(
                f"{self.name}: expected epochs >= 1, batch_size >= 2, lr > 0 and weight_decay >= 0"
            )
        if part not in ("all", "head"):
            raise ConfigError(f"{self.name}.part: expected 'all' or 'head', got {part!r}")
        if part == "head" and not network.origin:
            raise ConfigError(
                f"{self.name}.part=head teaches the last layer of a network without weights: "
                "use part=all, or give the network weights"
            )
        self.network = network
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.weight_decay, self.part = weight_decay, part

    @property
    def origin(self) -> dict[str, Any]:
        return self.network.origin

    def build(self, names: tuple[str, ...]) -> None:
        self.network.build(names)
        self.classes = self.network.classes

    def forward(self, pixels: Tensor) -> Features:
        return self.network(pixels)

    def halves(self) -> tuple[nn.Module, nn.Module]:
        return self.network.halves()

    def head_module(self) -> nn.Module:
        return self.network.head_module()

    @abstractmethod
    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        """Return the scalar loss of one batch.

        ``state`` lives as long as the training; ``state["done"]`` is the share of it behind us.
        """

    def replays(self) -> int:
        """Return how often each batch is used in a row."""
        return 1

    def fit(self, lesson: Lesson, rng: torch.Generator) -> Report:
        if len(lesson.train) < self.batch_size // 2 or not len(lesson.held_out):
            raise DataError(
                f"{len(lesson.labels)} pictures are too few to teach {self.name}, which wants "
                f"{self.batch_size // 2} to learn from and one held out: lower "
                "extractor.batch_size, or take a network that is taught (extractor="
                "efficientnet_lite0)"
            )
        if not self.network.origin:
            redraw(self.network, rng)
        else:
            redraw(self.network.head_module(), rng)
        seed_dropout(self.network, rng)
        taught: nn.Module = self.network if self.part == "all" else self.network.head_module()
        self.network.requires_grad_(False)
        taught.requires_grad_(True)
        report, seen, classify, tried = Report(), lesson, self.logits, 512
        if not self.sees_pixels:
            seen, classify, tried = self._features(lesson), self.network.head_module(), 128
        self._descend(taught, classify, seen, rng, report)
        self.eval()
        report.final = {
            "clean_accuracy": accuracy(classify, seen, lesson.held_out, self.device),
            "robust_accuracy": robust_accuracy(self.logits, lesson, self.device, tried),
            "train_accuracy": accuracy(classify, seen, lesson.train[:2000], self.device),
        }
        return report

    @torch.no_grad()
    def _features(self, lesson: Lesson) -> Lesson:
        """Return the lesson with the vector of every picture in its place."""
        self.eval()
        blocks = progress(torch.arange(len(lesson.images)).split(BLOCK), "extracting features")
        pixels = (lesson.images[block].to(self.device) for block in blocks)
        rows = [self.network.see(x, Signal.VECTOR).cpu() for x in pixels]
        return replace(lesson, images=Table(Signal.VECTOR, torch.cat(rows), None))

    def logits(self, x: Tensor) -> Tensor:
        """Return the ``(B, K)`` logits of ``x``."""
        return self.network(x).logits

    def _descend(
        self,
        taught: nn.Module,
        classify: Classify,
        lesson: Lesson,
        rng: torch.Generator,
        report: Report,
    ) -> None:
        weights = [p for p in taught.parameters() if p.ndim > 1]
        others = [p for p in taught.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimiser = torch.optim.SGD(groups, lr=self.lr, momentum=0.9, nesterov=True)
        per_epoch = max(1, len(lesson.train) // self.batch_size) * self.replays()
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, total_steps=self.epochs * per_epoch, pct_start=0.15, div_factor=10
        )
        total_steps = self.epochs * per_epoch
        state: dict[str, Any] = {"done": 0.0}
        for _ in progress(range(self.epochs), f"teaching ({self.name})"):
            total, seen = 0.0, 0
            for x, y in self._batches(lesson, rng):
                for _ in range(self.replays()):
                    # A head alone is taught on features as they will be served.
                    self.train(self.part == "all")
                    loss = self.step_loss(classify, x, y, state)
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                    state["done"] += 1 / total_steps
                total, seen = total + loss.item() * len(x), seen + len(x)
            if total != total or total == float("inf"):
                raise DivergedError(
                    f"{self.name}: the loss is no longer a number; lower extractor.lr ({self.lr})"
                )
            report.curve.append({"loss": total / seen})

    def _batches(self, lesson: Lesson, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch, pictures augmented; a last batch of less than half is left out."""
        order = lesson.train[torch.randperm(len(lesson.train), generator=rng)]
        for items in order.split(self.batch_size):
            if len(items) == self.batch_size or len(order) < self.batch_size:
                x = lesson.images[items]
                x = augmented(x, rng) if lesson.images.signal is Signal.PIXELS else x
                yield x.to(self.device), lesson.labels[items].to(self.device)


def augmented(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return ``x`` with every picture mirrored or not, and shifted by up to a sixteenth."""
    n, _, height, _ = x.shape
    mirrored = torch.rand(n, generator=rng) < 0.5
    x = torch.where(mirrored[:, None, None, None].to(x.device), x.flip(3), x)
    return shifted(x, max(1, height // 16), rng)


def ascend(
    classify: Classify, x: Tensor, y: Tensor, start: Tensor, eps: float, step: float, steps: int
) -> Tensor:
    """Return changes within ``eps`` (L-infinity, pixels) that raise the cross-entropy: PGD.

    Args:
        classify: from pixels to logits.
        x: ``(B, 3, H, W)`` in [0, 1].
        y: ``(B,)`` labels.
        start: first change.
        eps: radius on the [0, 1] scale.
        step: length of a step.
        steps: their number.
    """
    delta = ((x + start).clamp(0, 1) - x).detach()
    for _ in range(steps):
        delta.requires_grad_()
        loss = F.cross_entropy(classify(x + delta), y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, delta)
        delta = (delta.detach() + step * slope.sign()).clamp(-eps, eps)
        delta = (x + delta).clamp(0, 1) - x
    return delta.detach()


@torch.no_grad()
def accuracy(classify: Classify, lesson: Lesson, items: Tensor, device: torch.device) -> float:
    """Return the share of ``items`` that are classified right, between 0 and 1."""
    right = [
        (classify(lesson.images[b].to(device)).argmax(1).cpu() == lesson.labels[b]).sum().item()
        for b in items.split(128)
    ]
    return sum(right) / len(items)


def robust_accuracy(
    classify: Classify, lesson: Lesson, device: torch.device, most: int = 512
) -> float:
    """Return the share of held-out items still classified right under PGD-10 at 4 grey levels.

    Untargeted, steps of a quarter of the radius, one random start; at most ``most`` items.
    """
    right, items = 0, lesson.held_out[:most]
    rng = stream(0, "robust accuracy")
    for b in items.split(128):
        x, y = lesson.images[b].to(device), lesson.labels[b].to(device)
        start = EPS * (2 * torch.rand(x.shape, generator=rng).to(device) - 1)
        delta = ascend(classify, x, y, start, EPS, EPS / 4, STEPS)
        with torch.no_grad():
            right += int((classify(x + delta).argmax(1) == y).sum())
    return right / len(items)
