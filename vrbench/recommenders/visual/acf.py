"""ACF: a user is the items they own, as far as their pictures draw the user's attention.

Shape suffixes: B rows (users of a batch), N pairs of a row and an item it owns, L cells of a map,
C channels, H attention units, K factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import Unpack

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Sizes, tables
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import VisualFactorModel, VisualFactorSettings

CELLS = 2**14  # cells of maps looked at at once; bounds the memory, changes nothing


class Catalogue(NamedTuple):
    """What scoring needs to know: the items to score, and what the users own."""

    item: Tensor  # (n, K)
    looks: Tensor  # (owned items, L, 2 H) their maps as both attentions see them
    row: Tensor  # (num_items,) row of each item in ``looks``; -1 if nobody owns it


class ACF(VisualFactorModel):
    """Attentive collaborative filtering (Chen et al., SIGIR 2017, eq. 5-11), trained by BPR.

    ``x_uj = (gamma_u + sum_l a(u, l) p_l) . gamma_j`` over the items ``l`` that ``u`` has in train.
    Component attention weighs the cells of an item's map by
    ``w2 . relu(W2u gamma_u + W2x x_lm + b2)`` into ``x_l``; item attention weighs the items by
    ``w1 . relu(W1u gamma_u + W1v gamma_l + W1p p_l + W1x x_l + b1)``; both through a softmax. (The
    paper's last constants c1 and c2 cancel there and are left out.)

    An item's own picture is not in its score, only in the profiles of those who own it: a cold
    item, which nobody owns, has a score made of its untrained ``gamma_j`` and ranks by chance.

    Differences from the paper: in training the liked item is taken out of the history, where it
    would attend to itself (``exclude_target``); at most ``history`` items of it are drawn anew for
    every batch. Scoring uses all of it. A user without any has ``gamma_u`` as profile. Maps are
    read in blocks and never kept: of every cell only its ``2 H`` projections are.

    Args:
        sizes: users, items, and the shape (L, C) of a feature map.
        factors: length K of ``gamma`` and ``p``.
        attention: hidden units H of both attentions.
        history: most items of a user's history that one training batch looks at.
        exclude_target: take the liked item out of the history in training.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; both attentions are what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Raises:
        IncompatibleError: if what it is shown is not a map.

    Example:
        >>> from vrbench.recommenders import ACF
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(ACF, factors=8, attention=8, history=4, epochs=6, lr=0.1)) > 0.5
        True
    """

    paper = "Chen et al., SIGIR 2017"
    signal = Signal.MAPS
    own_picture = False

    defaults = VisualFactorSettings(visual_lr=0.0005, l2_visual=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        attention: int = 64,
        history: int = 50,
        exclude_target: bool = True,
        **training: Unpack[VisualFactorSettings],
    ) -> None:
        if len(sizes.visual) != 2:
            raise IncompatibleError(f"ACF reads feature maps, not entries of shape {sizes.visual}")
        cells, channels = sizes.visual
        super().__init__(channels, **self.with_defaults(VisualFactorSettings, training))
        self.refuse_if(min(attention, history) < 1, "attention and history >= 1")
        self.attention, self.history, self.exclude_target = attention, history, exclude_target
        self._cells, factors = cells, self.factors
        self.user, self.item = tables(sizes, factors)
        self.taste = nn.Embedding(sizes.num_items, factors, sparse=True)  # p_l
        self.look = nn.Linear(channels, 2 * attention, bias=False)  # W2x over W1x
        self.cell_user = nn.Linear(factors, attention)  # W2u, b2
        self.cell_out = nn.Linear(attention, 1, bias=False)  # w2
        self.item_user = nn.Linear(factors, attention)  # W1u, b1
        self.item_latent = nn.Linear(factors, attention, bias=False)  # W1v
        self.item_taste = nn.Linear(factors, attention, bias=False)  # W1p
        self.item_out = nn.Linear(attention, 1, bias=False)  # w1
        self.register_buffer("start", torch.zeros(sizes.num_users + 1, dtype=torch.int64))
        self.register_buffer("owned", torch.zeros(0, dtype=torch.int64))
        self._rng = torch.Generator()

    start: Tensor
    owned: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.remember(train)
        return super().fit(train, valid, visuals, rng)

    def remember(self, train: Interactions) -> None:
        """Take the users' histories from ``train``; part of the model's state."""
        self.start.copy_(train.indptr)
        self.owned = train.items.to(self.device, copy=True)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        self._rng.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))

    def encode(self, items: Tensor, visuals: Visuals) -> Catalogue:
        known = self.owned.unique()
        row = torch.full((len(visuals),), -1, device=self.device)
        row[known] = torch.arange(len(known), device=self.device)
        return Catalogue(self.item(items), self._looks(known, visuals), row)

    def score(self, users: Tensor, encoded: Catalogue) -> Tensor:
        return self.profile(users, encoded) @ encoded.item.T

    def profile(self, users: Tensor, encoded: Catalogue) -> Tensor:
        """Return the ``(B, K)`` profiles ``gamma_u + sum_l a(u, l) p_l`` of ``users``."""
        row, item = self._owned_by(users)
        return self._profile(users, row, item, lambda items: encoded.looks[encoded.row[items]])

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        encoded = self.encode(items, visuals)
        return (self.profile(users, encoded) * encoded.item).sum(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        row, item = self._owned_by(users)
        if self.exclude_target:
            rest = item != liked[row]
            row, item = row[rest], item[rest]
        row, item = self._drawn(row, item)
        look = self._looker(visuals)

        def looks(items: Tensor) -> Tensor:
            known, where = items.unique(return_inverse=True)
            return look(known)[where]

        profile = self._profile(users, row, item, looks)
        yes, no = self.item(liked), self.item(other)
        penalty = half_square(self.user(users), yes, no, self.taste(liked), self.taste(other))
        dense = [p for name, p in self.named_parameters() if ".weight" in name and "_" in name]
        whole = torch.stack([w.square().sum() for w in [self.look.weight, *dense]]).sum()
        margin = (profile * (yes - no)).sum(1)
        return margin, self.l2 * penalty + 0.5 * self.l2_visual * whole

    def _owned_by(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(N,)`` rows of ``users`` and the items they own, user by user."""
        count = self.start[users + 1] - self.start[users]
        row = torch.arange(len(users), device=users.device).repeat_interleave(count)
        nth = torch.arange(len(row), device=users.device) - (count.cumsum(0) - count)[row]
        return row, self.owned[self.start[users][row] + nth]

    def _drawn(self, row: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Return at most ``history`` items of every row, a random choice of them."""
        if not len(row) or int(row.bincount().max()) <= self.history:
            return row, item
        shuffled = torch.randperm(len(row), generator=self._rng).to(row.device)
        order = shuffled[row[shuffled].argsort(stable=True)]
        row, item = row[order], item[order]
        first = torch.searchsorted(row, row)
        kept = torch.arange(len(row), device=row.device) - first < self.history
        return row[kept], item[kept]

    def maps(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return the ``(n, L, C)`` maps of ``items``, not scaled yet."""
        return visuals[items]

    def _looker(self, visuals: Visuals) -> Callable[[Tensor], Tensor]:
        """Return what maps items to the ``(n, L, 2 H)`` projections of their maps."""
        # It is the small matrix that is scaled, not the maps.
        weight = self.look.weight / self.unit
        shift = weight @ self.centre
        return lambda items: self.maps(items, visuals) @ weight.T - shift

    def _looks(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return the ``(n, L, 2 H)`` projections of the maps of ``items``, read in blocks."""
        look = self._looker(visuals)
        blocks = items.split(max(1, CELLS // self._cells))
        if torch.is_grad_enabled():
            return torch.cat([look(block) for block in blocks])
        width = self.look.weight.shape[0]
        made = torch.empty(len(items), self._cells, width, device=self.device)
        for block, part in zip(blocks, made.split(len(blocks[0])), strict=True):
            part.copy_(look(block))
        return made

    def _profile(
        self, users: Tensor, row: Tensor, item: Tensor, looks: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return ``(B, K)`` profiles, given pairs ``(row, item)`` and what their maps look like."""
        user = self.user(users)
        if not len(row):
            return user
        cell_user, item_user = self.cell_user(user), self.item_user(user)

        def attended(row: Tensor, item: Tensor) -> Tensor:
            """Return ``(n, H)``: W1x times what component attention makes of the maps."""
            cell_NLH, seen_NLH = looks(item).chunk(2, 2)
            hidden_NLH = F.relu(cell_NLH + cell_user[row][:, None])
            weight_NL = self.cell_out(hidden_NLH).squeeze(2).softmax(1)
            return torch.einsum("nl,nlh->nh", weight_NL, seen_NLH)

        # Pairs of one item stand together, so that its map is read once.
        by_item = item.argsort(stable=True)
        blocks = by_item.split(max(1, CELLS // self._cells))
        seen = torch.cat([_frugally(attended, row[b], item[b]) for b in blocks])
        taste = self.taste(item)
        hidden_NH = F.relu(
            item_user[row]
            + self.item_latent(self.item(item))
            + self.item_taste(taste)
            + seen[by_item.argsort()]
        )
        weight_N = segment_softmax(self.item_out(hidden_NH).squeeze(1), row, len(users))
        return user.index_add(0, row, weight_N[:, None] * taste)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}owned" in state:  # its length is that of the training data
            self.owned = torch.empty_like(state[f"{prefix}owned"], device=self.device)
        super()._load_from_state_dict(state, prefix, *rest)


def _frugally(make: Callable[..., Tensor], *given: Tensor) -> Tensor:
    """Return ``make(*given)``; where a gradient will be asked for, make it again then."""
    if not torch.is_grad_enabled():
        return make(*given)
    made: Tensor = checkpoint(make, *given, use_reentrant=False)
    return made


def segment_softmax(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """Return the softmax of ``values``, ``(N,)``, within each of the ``rows`` they belong to."""
    top = torch.full((rows,), -torch.inf, device=values.device)
    top = top.scatter_reduce(0, row, values.detach(), "amax")
    raised = (values - top[row]).exp()
    total = torch.zeros(rows, device=values.device).index_add(0, row, raised)
    return raised / total[row]
