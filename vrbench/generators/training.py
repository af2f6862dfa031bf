"""The training of a least-squares GAN: steps, checks, checkpoints."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vrbench.core.errors import DivergedError
from vrbench.core.progress import progress
from vrbench.core.shifts import shifted
from vrbench.core.visuals import Visuals
from vrbench.generators import checkpoint as file
from vrbench.generators.networks import redraw, resized

if TYPE_CHECKING:
    from vrbench.generators.lsgan import LSGAN

BETAS = (0.5, 0.99)  # of both Adams, as in the authors' code
EVERY = 20.0  # seconds between checkpoints; no number depends on it
LIMIT = 1e4  # a least-squares loss above it is of a discriminator that answers 100, not 0 or 1


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return half the mean of ``(D(x, y) - 1)^2 + D(G(z, y), y)^2``."""
    return 0.5 * ((real - 1).square() + made.square()).mean()


def generator_loss(made: Tensor) -> Tensor:
    """Return the mean of ``(D(G(z, y), y) - 1)^2``."""
    return (made - 1).square().mean()


class Training:
    """All that changes while a GAN learns; and so all that a continuation needs.

    Args:
        gan: what is taught; its generator becomes the running mean of the one that learns.
        rng: of the first weights, the order of the pictures, and the latent vectors.
    """

    def __init__(self, gan: LSGAN, rng: torch.Generator) -> None:
        self.gan, self.rng, self.curve = gan, rng, list[dict[str, float]]()
        redraw(gan.generator, rng)
        redraw(gan.discriminator, rng)
        self.learner = copy.deepcopy(gan.generator)
        self.networks: dict[str, nn.Module] = {
            "learner": self.learner,
            "generator": gan.generator,
            "discriminator": gan.discriminator,
        }
        for network in self.networks.values():
            network.train().requires_grad_(network is not gan.generator)
        self.adams = {
            name: torch.optim.Adam(self.networks[name].parameters(), lr, BETAS, fused=True)
            for name, lr in (("learner", gan.lr), ("discriminator", gan.discriminator_lr))
        }

    def run(self, images: Visuals, items: Tensor, path: Path | None) -> list[dict[str, float]]:
        """Train to the last epoch, from the checkpoint at ``path`` if there is one; see ``fit``."""
        found = None if path is None else file.load(path)
        if found is not None and len(found[1]["curve"]) <= self.gan.epochs:
            self.restore(*found)
        good, written = self.state(), time.monotonic()
        rest = range(len(self.curve), self.gan.epochs)
        for epoch in progress(rest, f"teaching ({self.gan.name})"):
            try:
                self.curve.append(self.epoch(images, items))
            except DivergedError as error:
                if path is not None:
                    file.save(path, *good)
                kept = f" (the state after {epoch} epochs is kept: epochs={epoch} ends with it)"
                raise DivergedError(
                    f"{self.gan.name}: {error} in epoch {epoch + 1}: lower the rates"
                    + (kept if path is not None and epoch else "")
                ) from None
            good = self.state()
            last = epoch + 1 == self.gan.epochs
            if path is not None and (last or time.monotonic() - written > EVERY):
                file.save(path, *good)
                written = time.monotonic()
        return self.curve

    def epoch(self, images: Visuals, items: Tensor) -> dict[str, float]:
        """Pass over the pictures once and return the mean losses."""
        totals, count = torch.zeros(2), 0
        for x, y in self._batches(images, items):
            totals += torch.tensor(self.step(x, y))
            count += 1
        judged, fooled = (totals / count).tolist()
        return {"discriminator_loss": judged, "generator_loss": fooled}

    def step(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        """Move both networks by one batch of pictures ``x`` in [-1, 1]; return their losses."""
        gan = self.gan
        z = torch.randn(len(x), gan.latent, generator=self.rng).to(x.device)
        made = self.learner(z, y)
        judged = discriminator_loss(
            gan.discriminator(self._moved(x), y),
            gan.discriminator(self._moved(made.detach()), y),
        )
        self._descend("discriminator", judged)
        fooled = generator_loss(gan.discriminator(self._moved(made), y))
        self._descend("learner", fooled)
        self._average()
        return judged.item(), fooled.item()

    def _descend(self, name: str, loss: Tensor) -> None:
        weights = list(self.networks[name].parameters())
        called = "discriminator" if name == "discriminator" else "generator"
        if not loss.detach() < LIMIT:  # not a number is not smaller either
            raise DivergedError(f"the loss of the {called} is {loss.item():.3g}")
        slopes = torch.autograd.grad(loss, weights)
        if not torch.cat([s.flatten() for s in slopes]).isfinite().all():
            raise DivergedError(f"a gradient of the {called} is not finite")
        for weight, slope in zip(weights, slopes, strict=True):
            weight.grad = slope
        self.adams[name].step()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the generator that paints a little towards the one that learns."""
        mean, now = self.gan.generator.state_dict(), self.learner.state_dict()
        for name, value in mean.items():
            if value.is_floating_point():
                value.lerp_(now[name], 1 - self.gan.average)
            else:
                value.copy_(now[name])

    def _moved(self, x: Tensor) -> Tensor:
        reach = round(self.gan.shift * self.gan.size)
        return shifted(x, reach, self.rng) if reach else x

    def _batches(self, images: Visuals, items: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pictures in [-1, 1] and categories, all items in random order; no short batch."""
        gan = self.gan
        order = items[torch.randperm(len(items), generator=self.rng)]
        for batch in order.split(gan.batch_size):
            if len(batch) < gan.batch_size:
                return
            x = resized(images[batch], gan.size, gan.size).to(gan.device)
            if gan.mirror:
                mirrored = torch.rand(len(x), generator=self.rng) < 0.5
                x = torch.where(mirrored[:, None, None, None].to(x.device), x.flip(3), x)
            yield 2 * x - 1, gan.categories[batch].to(gan.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return copies of every tensor, and the notes."""
        found = {"rng": self.rng.get_state()}
        for name, network in self.networks.items():
            found |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, adam in self.adams.items():
            for n, moments in adam.state_dict()["state"].items():
                found |= {f"adam.{name}.{n}.{key}": value for key, value in moments.items()}
        return {key: value.clone() for key, value in found.items()}, {"curve": [*self.curve]}

    def restore(self, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        """Become what ``state`` returned."""

        def under(prefix: str) -> dict[str, Tensor]:
            return {
                key.removeprefix(prefix): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }

        self.rng.set_state(tensors["rng"])
        self.curve = [*notes["curve"]]
        for name, network in self.networks.items():
            network.load_state_dict(under(f"{name}."))
        for name, adam in self.adams.items():
            whole = adam.state_dict()
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in under(f"adam.{name}.").items():
                n, _, what = key.partition(".")
                moments.setdefault(int(n), {})[what] = value
            adam.load_state_dict(whole | {"state": moments})
