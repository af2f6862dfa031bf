"""Supervised detection of adversarial pictures by their features."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import ConfigError
from vrbench.core.extras import extra
from vrbench.core.seeds import Streams
from vrbench.core.visuals import BLOCK, Signal, Visuals
from vrbench.extractors.base import Extractor
from vrbench.threats.detectors.pictures import Learnt, PictureDetector

FAR = 10.0  # deviations that no feature comes to


class FeatureClassifier(PictureDetector):
    """A logistic regression on a picture's features and their squares, taught by attacks.

    The shop attacks pictures of its own, each towards the features of another one drawn at random,
    and teaches the regression to tell them from the pictures as they were. Neither aim nor model of
    the adversary is known to it; ``budget`` is a guess. Squares are there because an attack may
    move a feature either way.

    Args:
        lesson: the attack that it is taught by; None: PGD of ten steps.
        budget: of the lesson; None: 8 grey levels.
        lessons: pictures that are attacked for it, at most.
        cost: of a picture on the wrong side, ``C`` of the regression.

    Raises:
        ConfigError: if a setting is out of range, or scikit-learn is not installed.

    Example:
        >>> import torch
        >>> from vrbench.detectors import FeatureClassifier
        >>> from vrbench.extractors import Colour
        >>> from vrbench.testing.world import toy_world
        >>> detector, images = FeatureClassifier(lessons=12), toy_world().catalogue.images
        >>> learnt = detector.learn(Colour(), images, torch.arange(20))
        >>> detector.suspicion(Colour(), images[torch.arange(20, 36)], learnt).shape
        torch.Size([16])
    """

    paper = ""

    def __init__(
        self,
        *,
        lesson: Attack | None = None,
        budget: Budget | None = None,
        lessons: int = 200,
        cost: float = 0.1,
    ) -> None:
        if lessons < 2 or cost <= 0:
            raise ConfigError(
                f"{self.name}: expected lessons >= 2 and cost > 0, got {lessons}, {cost}"
            )
        self.lesson = PGD() if lesson is None else lesson
        self.budget = Linf(eps=8) if budget is None else budget
        self.lessons, self.cost = lessons, cost

    def learn(self, network: Extractor, images: Visuals, items: Tensor) -> dict[str, Tensor]:
        linear = extra("sklearn.linear_model", needed_by=self.name, group="detection")
        clean: list[Tensor] = []
        attacked: list[Tensor] = []
        device = network.device
        some = items[: self.lessons]
        for block, others in zip(some.split(BLOCK), some.roll(1).split(BLOCK), strict=True):
            asked, pixels = block.to(device), images[block].to(device)
            aim = _Towards(network, images[others].to(device), asked)
            found = self.lesson(pixels, asked, aim, self.budget, Streams(0, "lessons"))
            for pictures, seen in ((pixels, clean), (found, attacked)):
                with torch.no_grad():
                    seen.append(network.see(pictures, Signal.VECTOR).cpu())
        honest, moved = torch.cat(clean).double(), torch.cat(attacked).double()
        mean, scale = honest.mean(0), honest.std(0)
        scale = scale.clamp(min=max(0.1 * float(scale.mean()), 1e-6))
        told = _told(torch.cat([honest, moved]), mean, scale)
        fake = torch.arange(len(told)) >= len(honest)
        made = linear.LogisticRegression(C=self.cost, max_iter=1000).fit(told.numpy(), fake.numpy())
        weight, bias = torch.from_numpy(made.coef_[0]), torch.from_numpy(made.intercept_)
        learnt = {"mean": mean, "scale": scale, "weight": weight, "bias": bias}
        return {name: value.float() for name, value in learnt.items()}

    def suspicion(self, network: Extractor, pixels: Tensor, learnt: Learnt) -> Tensor:
        told = _told(network.see(pixels, Signal.VECTOR), learnt["mean"], learnt["scale"])
        return told @ learnt["weight"] + learnt["bias"]


class _Towards:
    """As near to the features of other pictures as can be, one for each item."""

    def __init__(self, network: Extractor, others: Tensor, items: Tensor) -> None:
        self.network = network
        with torch.no_grad():
            self.wanted = network.see(others, Signal.VECTOR)
        self.row = {item: row for row, item in enumerate(items.tolist())}

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        wanted = self.wanted[[self.row[item] for item in items.tolist()]]
        far = (self.network.see(x, Signal.VECTOR) - wanted).square().mean(1)
        return Verdict(far, far)


def _told(vector: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return ``(B, 2 D)``: features in deviations of honest ones, and their squares."""
    z = (vector - mean) / scale
    z = z / (1 + z.abs() / FAR)  # what is very far upsets the regression, and has a gradient still
    return torch.cat([z, z.square()], 1)
