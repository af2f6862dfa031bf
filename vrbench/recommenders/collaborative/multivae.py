"""MultiVAE: a variational autoencoder of what a user has, with a multinomial likelihood."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.seeds import seeded_from
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.autoencoders import Autoencoder
from vrbench.recommenders.training.epochs import EpochSettings


class MultiVAE(Autoencoder):
    """Variational autoencoder for collaborative filtering (Liang et al., WWW 2018, sec. 2).

    A user's row of zeros and ones ``x``, brought to length one and thinned by dropout, goes through
    a tanh layer to ``mu`` and ``log s^2``; ``z = mu + s e`` and back through a tanh layer to logits
    over the items. The loss of a user is ``-sum_i x_i log softmax_i + beta KL``, with KL the *sum*
    over latent dimensions (Elliot takes their mean, a penalty 200 times too small). ``beta`` rises
    linearly from 0 over ``anneal_steps`` steps. Scores are the logits at ``z = mu``.

    Args:
        sizes: users and items.
        hidden: width of both tanh layers.
        latent: length of ``z``.
        dropout: share of a user's items left out of the input in training.
        beta: weight of the KL term once risen.
        anneal_steps: steps until then; 0 is at once.
        epochs, batch_size, lr, patience, eval_every: see ``Autoencoder``.

    Example:
        >>> from vrbench.recommenders import MultiVAE
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> favourites(taught(MultiVAE, hidden=16, latent=8, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Liang et al., WWW 2018"
    item_weights = ("leave.weight",)

    def __init__(
        self,
        sizes: Sizes,
        *,
        hidden: int = 600,
        latent: int = 200,
        dropout: float = 0.5,
        beta: float = 0.2,
        anneal_steps: int = 2000,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(sizes, dropout, training)
        self.refuse_if(
            min(hidden, latent) < 1 or beta < 0 or anneal_steps < 0,
            "hidden, latent >= 1, beta, anneal_steps >= 0",
        )
        self.hidden, self.latent, self.dropout = hidden, latent, dropout
        self.beta, self.anneal_steps = beta, anneal_steps
        self.enter = nn.Linear(sizes.num_items, hidden)
        self.code = nn.Linear(hidden, 2 * latent)
        self.rise = nn.Linear(latent, hidden)
        self.leave = nn.Linear(hidden, sizes.num_items)
        self._steps, self._rng = 0, torch.Generator()

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        self._steps = 0
        self._rng = seeded_from(rng, self.device)

    def stepped(self, batch: tuple[Tensor, ...]) -> None:
        self._steps += 1

    def annealed(self) -> float:
        """Return the present weight of the KL term."""
        if self._steps >= self.anneal_steps:
            return self.beta
        return self.beta * self._steps / self.anneal_steps

    def loss(self, users: Tensor) -> Tensor:
        x = self.history.dense(users, once=True)
        mean, log_variance = self.posterior(x)
        noise = torch.randn(mean.shape, generator=self._rng, device=mean.device)
        logits = self.decode(mean + noise * (0.5 * log_variance).exp())
        likelihood = (x * F.log_softmax(logits, 1)).sum(1)
        apart = divergence(mean, log_variance)
        assert likelihood.shape == apart.shape == users.shape
        return (self.annealed() * apart - likelihood).mean()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``mu`` and ``log s^2``, ``(B, latent)`` each, of rows ``x``."""
        hidden = self.enter(self.thin(F.normalize(x, dim=1))).tanh()
        mean, log_variance = self.code(hidden).chunk(2, 1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        """Return logits over all items."""
        logits: Tensor = self.leave(self.rise(z).tanh())
        return logits

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        known, where = users.unique(return_inverse=True)
        mean, _ = self.posterior(self.history.dense(known))
        row = self.rise(mean).tanh()[where]
        weight, bias = self.leave.weight, self.leave.bias
        return (row * (weight[liked] - weight[other])).sum(1) + bias[liked] - bias[other]

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.leave.weight[items], self.leave.bias[items]

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        weight, bias = encoded
        mean, _ = self.posterior(self.history.dense(users))
        return self.rise(mean).tanh() @ weight.T + bias


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return ``(B,)``: KL of normal distributions from the standard one, summed over dimensions."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
