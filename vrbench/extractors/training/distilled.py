"""Defensive distillation."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor, Features, Lesson, Report
from vrbench.extractors.training.base import Classify, Regime, RegimeSettings, robust_accuracy


class Distilled(Regime):
    """Defensive distillation from a softened teacher (Papernot et al., IEEE S&P 2016, sec. IV).

    A teacher learns the categories with ``softmax(logits / T)``. A student of the same shape,
    drawn anew, learns the teacher's probabilities at the same ``T`` and is served at 1: its
    logits are ``T`` times as large as they need be, the softmax saturates, and the gradient of
    the cross-entropy to the *predicted* class vanishes. That stops untargeted attacks that
    descend it; it stops neither an attack on the margin of the logits (Carlini and Wagner, 2017)
    nor one towards another class, whose cross-entropy does not saturate.

    Differences: the last layer's weights are kept divided by ``T``, which makes the same models
    and losses and lets one learning rate do for every ``T``; the teacher's probabilities are
    those of the augmented picture at hand.

    Robust accuracy is measured on ``logits / T``, which decides alike and hides nothing;
    ``masked_robust_accuracy`` is what the served logits pretend.

    Args:
        network: what is taught.
        temperature: T of the paper, above 1; it tried up to 100.
        epochs, batch_size, lr, weight_decay, part: see ``Regime``; of teacher and student each.

    Example:
        >>> from vrbench.extractors import Distilled, SmallCNN
        >>> from vrbench.testing.world import toy_network
        >>> network = toy_network(Distilled(SmallCNN(width=4), epochs=1, batch_size=8))
        >>> network.classes, network.temperature
        (('red', 'green', 'blue'), 100.0)
    """

    paper = "Papernot et al., IEEE S&P 2016"

    def __init__(
        self, network: Extractor, *, temperature: float = 100.0, **training: Unpack[RegimeSettings]
    ) -> None:
        super().__init__(network, **self.with_defaults(RegimeSettings, training))
        if temperature <= 1:
            raise ConfigError(f"{self.name}.temperature: expected above 1, got {temperature}")
        self.temperature = temperature
        self._teacher: list[nn.Module] = []  # in a list, it is no part of what is served

    def forward(self, pixels: Tensor) -> Features:
        found = self.network(pixels)
        return found._replace(logits=self.temperature * found.logits)

    def step_loss(self, classify: Classify, x: Tensor, y: Tensor, state: dict[str, Any]) -> Tensor:
        aim = y
        for teacher in self._teacher:
            with torch.no_grad():
                aim = teacher(x).logits.softmax(1)
        return F.cross_entropy(classify(x), aim)

    def fit(self, lesson: Lesson, rng: torch.Generator) -> Report:
        self._teacher = []
        teacher = super().fit(lesson, rng)
        self._teacher = [copy.deepcopy(self.network).eval().requires_grad_(False)]
        student = super().fit(lesson, rng)
        self._teacher = []
        masked = robust_accuracy(lambda x: self(x).logits, lesson, self.device)
        more = {
            "masked_robust_accuracy": masked,
            "teacher_accuracy": teacher.final["clean_accuracy"],
        }
        return Report(curve=teacher.curve + student.curve, final=student.final | more)
