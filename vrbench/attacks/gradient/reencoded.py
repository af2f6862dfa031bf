"""Expectation over re-encoding: changes that survive crops, other sizes and JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, GoalWrapper, TwoSpeed, Verdict, ask
from vrbench.attacks.gradient.eot import Expected, mean_verdict
from vrbench.attacks.jpeg_surrogate import jpeg
from vrbench.core.seeds import Streams


class Reencoded(Expected):
    """Another attack, on the mean loss over what shops do to uploads (EOT).

    Expectation over transformation (Athalye et al., ICML 2018), as patches need it (Brown et al.,
    2017): at every step each picture is cropped, made smaller and enlarged again, and saved as JPEG
    (``jpeg_surrogate``), by chance, and the loss is the mean over draws. The house's
    ``pgd_expected`` averages over a defence's own draws instead; here the adversary thinks of his.

    Args:
        inner: the attack; it must see gradients.
        samples: draws to average over, at least 1; the cost is as many times higher.
        crop: most that is cut off of height and width, as a share, in [0, 0.5].
        shrink: the smallest size, as a share, in (0, 1].
        quality: the lowest quality of JPEG, 1 to 100; the highest is 100.

    Raises:
        ConfigError: if a setting is out of range, or the inner attack only asks questions.

    Example:
        >>> from vrbench.attacks import PGD, Reencoded
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Reencoded(PGD(steps=4), samples=2)).gt(2).tolist()
        [True, True, True]
    """

    paper = "Athalye et al., ICML 2018; Brown et al., 2017"

    def __init__(
        self,
        inner: Attack,
        *,
        samples: int = 4,
        crop: float = 0.1,
        shrink: float = 0.5,
        quality: int = 50,
    ) -> None:
        super().__init__(inner, samples=samples)
        self.refuse_if(
            not 0 <= crop <= 0.5 or not 0 < shrink <= 1, "crop in [0, .5], shrink (0, 1]"
        )
        self.refuse_if(not 1 <= quality <= 100, "quality in 1 to 100")
        self.crop, self.shrink, self.quality = crop, shrink, quality

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        drawn = rng.again()

        def uploaded(goal: Goal) -> Goal:
            if isinstance(goal, TwoSpeed):
                return goal.each(uploaded)
            return Uploaded(goal, self, drawn)

        return self.inner.search(clean, items, uploaded(goal), budget, rng)

    def kept(self, x: Tensor, chance: Sequence[float]) -> Tensor:
        """Return one picture, ``(1, 3, H, W)``, as a shop keeps it, by five numbers in [0, 1)."""
        height, width = x.shape[2:]
        cut, down, across, small, worse = chance
        share = 1 - self.crop * cut
        tall, wide = max(1, round(share * height)), max(1, round(share * width))
        top, left = int(down * (height - tall + 1)), int(across * (width - wide + 1))
        x = x[:, :, top : top + tall, left : left + wide]
        scale = 1 - (1 - self.shrink) * small
        size = [max(1, round(scale * height)), max(1, round(scale * width))]
        x = F.interpolate(x, size, mode="bilinear", antialias=True)
        x = jpeg(x, self.quality + int(worse * (101 - self.quality)))
        return F.interpolate(x, [height, width], mode="bilinear", antialias=True)


class Uploaded(GoalWrapper):
    """A goal of pictures as they are kept after an upload, by the mean over draws.

    Args:
        goal: the aim.
        by: what may happen to an upload.
        rng: of the draws.
    """

    def __init__(self, goal: Goal, by: Reencoded, rng: Streams) -> None:
        super().__init__(goal)
        self._by, self._rng = by, rng

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the mean loss and the mean margin."""
        found = []
        for _ in range(self._by.samples):
            chance = self._rng.uniform(items, 5).tolist()
            kept = [self._by.kept(x[n : n + 1], chance[n]) for n in range(len(x))]
            found.append(ask(self._goal, torch.cat(kept) if kept else x, items))
        return mean_verdict(found)
