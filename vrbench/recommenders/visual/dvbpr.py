"""DVBPR: end-to-end visual BPR, its image network trained with the ranking."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import seed_dropout
from vrbench.core.errors import ConfigError, IncompatibleError, one_of
from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Side, Sizes, mean_row
from vrbench.recommenders.training.pairwise import FactorModel, FactorSettings, half_square

PICTURES = 128  # that go through the network at once, in training only those of one batch
Trains = Literal["all", "last", "head"]


class Network(Protocol):
    """What DVBPR needs of an image network: an extractor has it."""

    @property
    def bare(self) -> bool: ...
    @property
    def device(self) -> torch.device: ...
    def see(self, pixels: Tensor, signal: Signal) -> Tensor: ...
    def halves(self) -> tuple[nn.Module, nn.Module]: ...
    def head_module(self) -> nn.Module: ...
    def redraw(self, rng: torch.Generator) -> None: ...


class DVBPR(FactorModel):
    """Deep visual BPR (Kang et al., ICDM 2017, eq. 3): ``x_ui = theta_u . Phi(I_i)``.

    ``Phi`` is an image network and a linear layer to K numbers, both trained by the ranking loss
    (two pictures of a triple through one network, hence siamese). A batch passes every distinct
    picture once. The network is a copy: of a bare one (``CNNF``, as in the paper) drawn anew and
    trained end to end, or of a taught extractor, which is fine-tuned. By default that is the
    extractor of the run, so that robust networks can be tried as trunks.

    Differences from the paper: penalties are per triple and of half squares, like everywhere here;
    learning rates of the users and of the network differ; the best epoch is kept.

    Args:
        sizes: users, items, and the shape of a picture.
        network: the image network.
        factors: length K.
        trains: which part of the network learns: "all" of it, its "last" block on a frozen trunk,
            or nothing but the new linear "head". What is frozen sees each picture once per fit.
        l2_network: weight of the penalty on what learns of the network and on the linear layer,
            biases and normalisation left out (lambda_1 of the paper); ``l2`` is that of the user
            rows (its lambda_2; Elliot and VAR read the two the other way round).
        network_lr: learning rate of the network and of the linear layer.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Raises:
        ConfigError: if a part is to be frozen of a network that was never taught.
        IncompatibleError: if there are no pictures, or the network cannot be cut.

    Example:
        >>> import torch
        >>> from vrbench.extractors import SmallCNN
        >>> from vrbench.recommenders import DVBPR
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> network = SmallCNN(width=4)
        >>> model = taught(DVBPR, network=network, trains="all", factors=4, epochs=1)
        >>> encoded = model.encode(torch.arange(3), toy_visuals(model.signal))
        >>> model.score(torch.arange(2), encoded).shape
        torch.Size([2, 3])
    """

    paper = "Kang et al., ICDM 2017"
    signal = Signal.PIXELS

    defaults = FactorSettings(epochs=60, batch_size=256, lr=0.01, eval_every=1)

    def __init__(
        self,
        sizes: Sizes,
        network: nn.Module,
        *,
        trains: Trains = "last",
        network_lr: float = 0.0003,
        l2_network: float = 0.0001,
        **training: Unpack[FactorSettings],
    ) -> None:
        super().__init__(**self.with_defaults(FactorSettings, training))
        one_of("DVBPR.trains", trains, Trains)
        if network_lr <= 0 or l2_network < 0:
            raise ConfigError("DVBPR: expected network_lr > 0 and l2_network >= 0")
        if len(sizes.visual) != 3:
            raise IncompatibleError("DVBPR reads pictures, and this dataset has none")
        self.trains, self.l2_network, self.network_lr = trains, l2_network, network_lr
        self._taught = None if cast(Network, network).bare else network.state_dict()
        if self._taught is None and trains != "all":
            raise ConfigError(
                f"DVBPR.trains={trains} freezes a network that was never taught: use trains=all, "
                "or wrap the network in a training regime"
            )
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        with torch.no_grad():
            blank = torch.zeros(1, *sizes.visual, device=self._net.device)
            width = self._net.see(blank, Signal.VECTOR).shape[1]
        if trains != "head":
            learns = self.network if trains == "all" else self._net.halves()[1]
            learns.requires_grad_(True)
            self._net.head_module().requires_grad_(False)
        self.user = nn.Embedding(sizes.num_users, self.factors, sparse=True)
        self.project = nn.Linear(width, self.factors, bias=False)
        self._frozen = False  # whether the visuals at hand are what the frozen part makes

    @property
    def _net(self) -> Network:
        return cast(Network, self.network)

    def train(self, mode: bool = True) -> DVBPR:
        super().train(mode)
        # Normalisation is learnt only where all of the network is.
        self.network.train(mode and self.trains == "all")
        return self

    def dense_lr(self) -> float:
        return self.network_lr

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        if self._taught is None:
            self._net.redraw(rng)
        else:
            self.network.load_state_dict(self._taught)
        seed_dropout(self.network, rng)
        drawn = torch.rand(self.user.weight.shape, generator=rng)
        self.user.weight.data.copy_(drawn / 100)  # as the authors' code
        scale = (2 / sum(self.project.weight.shape)) ** 0.5
        drawn = torch.randn(self.project.weight.shape, generator=rng)
        self.project.weight.data.copy_(scale * drawn)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        if self.trains == "all":
            return super().fit(train, valid, visuals, rng)
        assert self._taught is not None
        self.network.load_state_dict(self._taught)
        self.eval()
        table = Table(Signal.PIXELS, self._through_trunk(visuals), None, device=self.device)
        self._frozen = True
        try:
            return super().fit(train, valid, table, rng)
        finally:
            self._frozen = False

    @torch.no_grad()
    def _through_trunk(self, visuals: Visuals) -> Tensor:
        """Return what the frozen part makes of every picture; kept for one fit."""
        items = torch.arange(len(visuals), device=self.device)
        trunk = self._net.halves()[0] if self.trains == "last" else None
        made = []
        for block in items.split(PICTURES):
            shown = visuals[block]
            made.append(self._net.see(shown, Signal.VECTOR) if trunk is None else trunk(shown))
        return torch.cat(made)

    def look(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return ``Phi`` of the pictures of ``items``, ``(n, K)``."""
        shown = visuals[items]
        if not self._frozen:
            shown = self._net.see(shown, Signal.VECTOR)
        elif self.trains == "last":
            shown = self._net.halves()[1](shown)
        return self.project(shown)

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        blocks = items.split(PICTURES)
        return torch.cat([self.look(block, visuals) for block in blocks])

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.user(users) @ encoded.T

    def crowd(self, num_users: int) -> Callable[[Tensor], Tensor]:
        user = mean_row(self.user)
        return lambda look: (look * user).sum(1)

    def product(self, encoded: Tensor) -> Side:
        return Side(encoded, torch.zeros(len(encoded), device=encoded.device))

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        distinct, where = items.unique(return_inverse=True)
        return (self.user(users) * self.look(distinct, visuals)[where]).sum(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        distinct, where = torch.cat([liked, other]).unique(return_inverse=True)
        look, user = self.look(distinct, visuals), self.user(users)
        yes, no = where.chunk(2)
        kernels = [p for p in self.network.parameters() if p.requires_grad and p.ndim > 1]
        squares = [w.square().sum() for w in (*kernels, self.project.weight)]
        margin = (user * (look[yes] - look[no])).sum(1)
        penalty = self.l2 * half_square(user) + 0.5 * self.l2_network * torch.stack(squares).sum()
        return margin, penalty
