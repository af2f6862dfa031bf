"""CFGAN: a generator of whole rows of feedback against a discriminator of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import DataError
from vrbench.core.memory import require, sizing
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.adversarial_phase import GANRecommender, GANSettings
from vrbench.recommenders.training.epochs import Optimisers, descend


class CFGAN(GANRecommender):
    """Collaborative filtering by a GAN of rows (Chae et al., CIKM 2018, sec. 3).

    The generator maps a row ``c`` of feedback, an item's users or a user's items, to a row of
    scores ``G(c)``; there is no noise. The discriminator is shown ``[c ; c]`` as real and
    ``[c ; G(c) * e]`` as made, where ``e`` marks what is observed and, with partial masking (PM), a
    share ``pm`` of what is not. Its loss is the mean binary cross-entropy of both, the generator's
    the non-saturating one; zero reconstruction (ZR) adds ``alpha`` times the mean over rows of the
    squared scores of a share ``zr`` of what is not observed. Both penalties are half the squared
    weights times ``l2``. Scores are ``G(c)``.

    Differences. Masks are drawn independently per entry and anew for every batch; the published
    code draws a fixed number per row, once per outer epoch. Batches are the rows shuffled, the last
    one partial; published code makes an empty one where the size divides the rows, whose mean
    destroys the weights. Validation selects the epoch, not the test.

    Args:
        sizes: users and items.
        rows: what a row is: an item, as published by default, or a user.
        scheme: "ZR", "PM", or "ZP" for both.
        zr, pm: shares of the unobserved entries, in [0, 1].
        alpha: weight of zero reconstruction.
        hidden, layers: width and number of the generator's sigmoid layers.
        critic_hidden, critic_layers: those of the discriminator.
        l2, critic_l2: weights of the penalties.
        steps, critic_steps: passes over all rows per epoch, the discriminator's first.
        batch_size, critic_batch: rows of a step.
        lr, critic_lr: of Adam.
        epochs, patience, eval_every: see ``EpochRecommender``.

    Example:
        >>> from vrbench.recommenders import CFGAN
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> favourites(taught(CFGAN, hidden=32, critic_lr=0.01, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Chae et al., CIKM 2018"
    signal = None

    defaults = GANSettings(
        batch_size=32,
        lr=0.0001,
        epochs=250,
        patience=10,
        eval_every=5,
        steps=4,
        critic_steps=2,
        critic_lr=0.0001,
        l2=0.001,
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        rows: Literal["item", "user"] = "item",
        scheme: Literal["ZR", "PM", "ZP"] = "ZP",
        zr: float = 0.7,
        pm: float = 0.7,
        alpha: float = 0.03,
        hidden: int = 400,
        layers: int = 1,
        critic_hidden: int = 125,
        critic_layers: int = 1,
        critic_l2: float = 0.0,
        critic_batch: int = 64,
        **training: Unpack[GANSettings],
    ) -> None:
        super().__init__(**self.with_defaults(GANSettings, training))
        self.refuse_if(
            rows not in ("item", "user") or scheme not in ("ZR", "PM", "ZP"),
            "rows item or user and scheme ZR, PM or ZP",
        )
        self.refuse_if(
            not (0 <= zr <= 1 and 0 <= pm <= 1) or min(alpha, critic_l2) < 0,
            "zr and pm in [0, 1], alpha, critic_l2 >= 0",
        )
        counts = (hidden, layers, critic_hidden, critic_layers, critic_batch)
        self.refuse_if(min(counts) < 1, "sizes of at least 1")
        self.rows, self.scheme, self.zr, self.pm, self.alpha = rows, scheme, zr, pm, alpha
        self.critic_l2, self.critic_batch = critic_l2, critic_batch
        shape = (sizes.num_items, sizes.num_users)
        self.count, self.width = shape if rows == "item" else shape[::-1]
        self.feedback = SparseRows(self.count, self.width)
        self.generator = perceptron(self.width, hidden, layers, self.width)
        self.critic = perceptron(2 * self.width, critic_hidden, critic_layers, 1)

    def take(self, train: Interactions) -> None:
        matrix = matrix_of(train)
        self.feedback.hold(sparse.csr_matrix(matrix.T if self.rows == "item" else matrix))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                reach = (6 / sum(module.weight.shape)) ** 0.5
                for weight, far in ((module.weight, reach), (module.bias, 0.01)):
                    drawn = 2 * torch.rand(weight.shape, generator=rng) - 1
                    weight.data.copy_(far * drawn)

    def _optimisers(self) -> Optimisers:
        return [
            torch.optim.Adam(self.critic.parameters(), lr=self.critic_lr, foreach=True),
            torch.optim.Adam(self.generator.parameters(), lr=self.lr, foreach=True),
        ]

    def batches(
        self, train: Interactions, rng: torch.Generator, size: int | None = None
    ) -> Iterator[tuple[Tensor, ...]]:
        """Yield rows, and uniform numbers that decide on both masks, over all rows shuffled."""
        order = torch.randperm(self.count, generator=rng).to(self.device)
        for rows in order.split(size or self.batch_size):
            draws = torch.rand(2, len(rows), self.width, generator=rng)
            yield self.feedback.dense(rows, once=True), draws.to(self.device)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        return self.generator_loss(*batch)

    def made(self, real: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(B, W)``: scores, what of them the critic sees, and where zeros are wanted."""
        made, missing = self.generator(real), 1 - real
        shown, zeros = real, torch.zeros_like(real)
        if self.scheme != "ZR":
            shown = real + missing * (draws[0] < self.pm)
        if self.scheme != "PM":
            zeros = missing * (draws[1] < self.zr)
        return made, made * shown, zeros

    def critic_loss(self, real: Tensor, draws: Tensor) -> Tensor:
        """Return the mean loss of the discriminator on rows ``real``, ``(B, W)``."""
        with torch.no_grad():
            _, fake, _ = self.made(real, draws)
        yes = self.critic(torch.cat([real, real], 1))
        no = self.critic(torch.cat([real, fake], 1))
        entropy = F.softplus(-yes).mean() + F.softplus(no).mean()
        return entropy + 0.5 * self.critic_l2 * squares(self.critic)

    def generator_loss(self, real: Tensor, draws: Tensor) -> Tensor:
        """Return the mean loss of the generator on rows ``real``, ``(B, W)``."""
        made, fake, zeros = self.made(real, draws)
        fooled = F.softplus(-self.critic(torch.cat([real, fake], 1))).mean()
        wrong = (made.square() * zeros).sum(1).mean()
        return fooled + self.alpha * wrong + 0.5 * self.l2 * squares(self.generator)

    def _epoch(
        self, train: Interactions, visuals: Visuals, optimisers: Optimisers, rng: torch.Generator
    ) -> float:
        if not len(train):
            raise DataError("no user has any item: there is nothing to learn")
        self.train()
        total = torch.zeros((), device=self.device)
        for optimiser, passes, size, loss_of in (
            (optimisers[0], self.critic_steps, self.critic_batch, self.critic_loss),
            (optimisers[1], self.steps, self.batch_size, self.generator_loss),
        ):
            total.zero_()
            for _ in range(passes):
                for real, draws in self.batches(train, rng, size):
                    loss = loss_of(real, draws)
                    descend(loss, optimiser)
                    total += loss.detach() * len(real) / (self.count * passes)
        return total.item()

    def rates(self) -> dict[str, float]:
        return {"lr": self.lr, "critic_lr": self.critic_lr}

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        if self.rows == "user":
            return items
        need = 2 * 4 * len(items) * self.width  # what is known, and what is made of it
        require(need, "ranking by CFGAN", sizing((), "recommender", {}))
        made: Tensor = self.generator(self.feedback.dense(items))
        return made

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        if self.rows == "item":
            return encoded[:, users].T
        made: Tensor = self.generator(self.feedback.dense(users))[:, encoded]
        return made


def perceptron(width: int, hidden: int, layers: int, out: int) -> nn.Sequential:
    """Return sigmoid layers and a linear one."""
    made: list[nn.Module] = []
    for _ in range(layers):
        made += [nn.Linear(width, hidden), nn.Sigmoid()]
        width = hidden
    return nn.Sequential(*made, nn.Linear(width, out))


def squares(network: nn.Module) -> Tensor:
    """Return the sum of the squares of a network's weights, biases left out."""
    return torch.stack([p.square().sum() for p in network.parameters() if p.ndim > 1]).sum()
