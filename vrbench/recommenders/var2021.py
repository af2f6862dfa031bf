"""The recommenders as the code of TAaMR and VAR has them, faults included where asked for.

Names, formulas and line references: shared notes on the protocol, sections 4.1 to 4.5. Each fault
that changed published conclusions is a flag, off by default, so that its effect can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.descent import DescentSettings
from vrbench.core.visuals import Overlay, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.acf import ACF
from vrbench.recommenders.amr import steepest_rows
from vrbench.recommenders.base import History, Side, Sizes
from vrbench.recommenders.dvbpr import DVBPR
from vrbench.recommenders.epochs import Optimisers
from vrbench.recommenders.fm import FM
from vrbench.recommenders.pairwise import PairwiseSettings
from vrbench.recommenders.scaled import ScaledSettings
from vrbench.recommenders.vbpr import VBPR


class Settings2021(TypedDict, total=False):
    """How VBPR and AMR are trained in the code of TAaMR and VAR; see ``VBPR2021``."""

    factors: int
    epochs: int
    batch_size: int
    lr_user: float
    lr_item: float
    lr_visual: float
    l2_user: float
    l2_item: float
    linear_reg: bool


class VBPR2021(VBPR):
    """VBPR as TAaMR, VAR and AMR's authors code it: ``x_ui = p_u . (q_i + Phi f_i)``.

    Features are divided by the largest absolute value of the table. The loss is a *sum* over the
    batch, ``softplus(-(x_ui - x_uj))`` plus ``l2_user |p_u|^2`` and ``l2_item |z|^2`` of both
    items' ``z = q + Phi f``; three Adagrad optimisers; the last partial batch is dropped, and the
    parameters of the last epoch are kept. Negatives are items that somebody has.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K.
        epochs, batch_size: see ``PairwiseRecommender``.
        lr_user, lr_item, lr_visual: learning rates of P, Q and Phi.
        l2_user, l2_item: weights of the penalties.
        linear_reg: the fault of TAaMR and VAR (protocol 4.1): values are summed where squares
            were meant, a constant push of every number towards minus infinity.

    Example:
        >>> from functools import partial
        >>> from vrbench.recommenders import VBPR2021
        >>> from vrbench.testing.world import favourites, taught
        >>> model = partial(VBPR2021, factors=8, epochs=20, lr_user=0.1, lr_visual=0.1)
        >>> favourites(taught(model)) > 0.8
        True
    """

    paper = "He and McAuley, AAAI 2016, as coded for VAR"
    selects = False
    drops_last = True

    defaults = Settings2021(  # type: ignore[assignment]  # rates of another kind than VBPR's
        factors=64,
        epochs=4000,
        batch_size=512,
        lr_user=0.01,
        lr_item=0.0001,
        lr_visual=0.001,
        l2_user=0.1,
        l2_item=0.001,
        linear_reg=False,
    )

    def __init__(self, sizes: Sizes, **training: Unpack[Settings2021]) -> None:
        given = self.with_defaults(Settings2021, training)
        super().__init__(
            sizes,
            factors=given["factors"],
            visual_factors=given["factors"],
            tied=True,
            scale="max",
            epochs=given["epochs"],
            batch_size=given["batch_size"],
            lr=given["lr_user"],
            visual_lr=given["lr_visual"],
            l2=0.0,
            l2_visual=0.0,
        )
        self.lr_user, self.l2_user = given["lr_user"], given["l2_user"]
        self.lr_item, self.l2_item = given["lr_item"], given["l2_item"]
        self.lr_visual, self.linear_reg = given["lr_visual"], given["linear_reg"]

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for weight in (self.user.weight, self.item.weight, self.project.weight):
            drawn = torch.empty(weight.shape)
            nn.init.trunc_normal_(drawn, std=0.01, a=-0.02, b=0.02, generator=rng)
            weight.data.copy_(drawn)

    def _optimisers(self) -> Optimisers:
        weights = (self.user.weight, self.item.weight, self.project.weight)
        rates = (self.lr_user, self.lr_item, self.lr_visual)
        return [
            torch.optim.Adagrad([weight], lr=lr, initial_accumulator_value=0.1)
            for weight, lr in zip(weights, rates, strict=True)
        ]

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        with quiet_adagrad():
            return super().fit(train, valid, visuals, rng)

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        return self._summed(users, liked, other, visuals, None)

    def _summed(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals, eps: float | None
    ) -> Tensor:
        """Return the loss of a batch; with ``eps`` also a tenth of that on changed features."""
        user, yes, no = self.user(users), self.item(liked), self.item(other)
        items, where = torch.cat([liked, other]).unique(return_inverse=True)
        seen = self.seen(items, visuals)

        def looks(features: Tensor) -> tuple[Tensor, Tensor]:
            look = self.project(features)[where]
            return look[: len(users)] + yes, look[len(users) :] + no

        def margin(features: Tensor) -> Tensor:
            z_yes, z_no = looks(features)
            return (user * (z_yes - z_no)).sum(1)

        z_yes, z_no = looks(seen)
        total = F.softplus(-margin(seen)).sum()
        size = Tensor.sum if self.linear_reg else _squares
        total = total + self.l2_user * size(user) + self.l2_item * (size(z_yes) + size(z_no))
        if eps is not None:
            changed = seen + eps * steepest_rows(margin, seen)
            total = total + self.weight * F.softplus(-margin(changed)).sum()
        return total

    weight: float = 0.0


def quiet_adagrad() -> torch.sparse.check_sparse_tensor_invariants:
    """Return a context in which Adagrad's sparse states go unchecked, without a warning."""
    return torch.sparse.check_sparse_tensor_invariants(enable=False)


def _squares(rows: Tensor) -> Tensor:
    return rows.square().sum()


class AMR2021(VBPR2021):
    """AMR as coded in VAR: half of the epochs as VBPR, then as many with changed features.

    The second half starts from the first one's parameters with new Adagrad states and adds
    ``weight`` times the loss on features changed by ``eps`` (in units of scaled features) along
    the gradient. (VAR trained nothing at all when asked for ``--model AMR``, and swallowed the
    error of a missing first half; neither can happen here.)

    Args:
        sizes: users, items, and the length D of a feature vector.
        eps: length of a change.
        weight: of the loss on changed features.
        factors, epochs, batch_size, lr_user, lr_item, lr_visual, l2_user, l2_item, linear_reg:
            see ``VBPR2021``.

    Example:
        >>> from functools import partial
        >>> from vrbench.recommenders import AMR2021
        >>> from vrbench.testing.world import favourites, taught
        >>> model = partial(AMR2021, factors=8, epochs=20, lr_user=0.1, lr_visual=0.1)
        >>> favourites(taught(model)) > 0.8
        True
    """

    paper = "Tang et al., TKDE 2020, as coded for VAR"

    def __init__(
        self,
        sizes: Sizes,
        *,
        eps: float = 1.0,
        weight: float = 0.1,
        **training: Unpack[Settings2021],
    ) -> None:
        super().__init__(sizes, **training)
        self.eps, self.weight = eps, weight
        self._adversarial = False

    def phases(self) -> Iterator[int]:
        self._adversarial = False
        yield self.epochs - self.epochs // 2
        self._adversarial = True
        yield max(1, self.epochs // 2)
        self._adversarial = False

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        eps = self.eps if self._adversarial else None
        return self._summed(users, liked, other, visuals, eps)


class FM2021(FM):
    """FM as VAR calls LightFM: raw features, Adagrad, no penalty, no validation.

    Trained here in batches, where LightFM goes triple by triple in four unlocked threads.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K.
        epochs, batch_size: see ``PairwiseRecommender``.
        lr: of Adagrad, for all parameters.
        collide: a fault of VAR (protocol 4.3a): feature number ``j`` has the embedding and the
            bias of item ``j``, because both are keys of one dictionary.
        misfiled: a fault of VAR (protocol 4.3b): scores are filed in the order in which the items
            first occur in the training data, not under the items' own numbers.

    Example:
        >>> from functools import partial
        >>> from vrbench.recommenders import FM2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(partial(FM2021, factors=8, epochs=30, batch_size=64, lr=0.2))) > 0.8
        True
    """

    paper = "Kula, CBRecSys 2015, as coded for VAR"
    selects = False

    defaults = ScaledSettings(epochs=100, lr=0.01)

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 64,
        collide: bool = False,
        misfiled: bool = False,
        **training: Unpack[DescentSettings],
    ) -> None:
        given = self.with_defaults(DescentSettings, training)
        super().__init__(
            sizes,
            factors=factors,
            scale="none",
            visual_lr=given["lr"],
            l2=0.0,
            l2_visual=0.0,
            **given,
        )
        self.collide, self.misfiled = collide, misfiled
        if collide:  # one table for both
            rows = max(sizes.num_items, *sizes.visual)
            self.item, self.bias = nn.Embedding(rows, factors), nn.Embedding(rows, 1)
            del self.feature, self.feature_bias
        self.register_buffer("filed", torch.arange(sizes.num_items))

    filed: Tensor

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        if self.collide:
            self._collided(visuals)
        else:
            super().begin(visuals, rng)
            nn.init.zeros_(self.feature_bias.weight)
        nn.init.zeros_(self.bias.weight)
        tables = [self.user, self.item] + ([] if self.collide else [self.feature])
        for table in tables:
            drawn = torch.rand(table.weight.shape, generator=rng)
            table.weight.data.copy_((drawn - 0.5) / self.factors)

    def _collided(self, visuals: Visuals) -> None:
        self.centre.zero_()
        self.unit.fill_(1.0)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        if self.misfiled:
            first = torch.full((train.num_items,), len(train))
            first.scatter_reduce_(0, train.items, torch.arange(len(train)), "amin")
            self.filed.copy_(first.argsort(stable=True))
        with quiet_adagrad():
            return super().fit(train, valid, visuals, rng)

    def _optimisers(self) -> Optimisers:
        return [torch.optim.Adagrad([p], lr=self.lr) for p in self.parameters()]

    def side(self, items: Tensor, visuals: Visuals) -> Side:
        if not self.collide:
            return super().side(items, visuals)
        seen = self.seen(items, visuals)
        dim = seen.shape[1]
        vector = self.item(items) + seen @ self.item.weight[:dim]
        bias = self.bias(items) + seen @ self.bias.weight[:dim]
        return Side(vector, bias.squeeze(1))

    def shared(self) -> list[Tensor]:
        return [] if self.collide else super().shared()

    def encode(self, items: Tensor, visuals: Visuals) -> Side:
        return self.side(self.filed[items] if self.misfiled else items, visuals)


class ACF2021(ACF):
    """ACF with the faults of VAR's code (protocol 1.2 and 4.4), each behind a flag.

    The liked item stays in its own history, as there; the penalty also covers the attention.

    Args:
        sizes: users, items, and the shape (L, C) of a feature map.
        factors, attention, history: see ``ACF``.
        epochs, batch_size, lr, l2: see ``PairwiseRecommender``; one rate and one weight for all.
        cut_gradient: profiles are constants to the ranking loss, so that nothing but the items'
            own vectors learns from it.
        scrambled: maps are reshaped from channels first to cells first without moving a number:
            a "cell" is a run of a few channels' whole maps.

    Example:
        >>> from functools import partial
        >>> from vrbench.recommenders import ACF2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(partial(ACF2021, factors=8, attention=8, epochs=8, lr=0.1))) > 0.5
        True
    """

    paper = "Chen et al., SIGIR 2017, as coded for VAR"
    selects = False

    defaults = ScaledSettings(epochs=20, batch_size=32, lr=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 64,
        attention: int = 64,
        history: int = 1000,
        l2: float = 0.001,
        cut_gradient: bool = False,
        scrambled: bool = False,
        **training: Unpack[DescentSettings],
    ) -> None:
        given = self.with_defaults(DescentSettings, training)
        super().__init__(
            sizes,
            factors=factors,
            attention=attention,
            history=history,
            exclude_target=False,
            scale="none",
            visual_lr=given["lr"],
            l2=l2,
            l2_visual=l2,
            **given,
        )
        self.cut_gradient, self.scrambled = cut_gradient, scrambled

    def _profile(
        self, users: Tensor, row: Tensor, item: Tensor, looks: Callable[[Tensor], Tensor]
    ) -> Tensor:
        made = super()._profile(users, row, item, looks)
        return made.detach() if self.cut_gradient else made

    def maps(self, items: Tensor, visuals: Visuals) -> Tensor:
        shown = super().maps(items, visuals)
        return shown.transpose(1, 2).reshape(shown.shape) if self.scrambled else shown


class DVBPR2021(DVBPR):
    """DVBPR with the fault of VAR's code (protocol 4.5) behind a flag.

    Args:
        sizes: users, items, and the shape of a picture.
        network: the image network; ``CNNF`` there.
        factors, epochs, batch_size, lr, network_lr, l2, l2_network: see ``DVBPR``.
        clean_images: pictures are looked up by names that only clean files have: whatever was
            attacked is trained on, and scored, as it was before.

    Example:
        >>> import torch
        >>> from functools import partial
        >>> from vrbench.extractors import SmallCNN
        >>> from vrbench.recommenders import DVBPR2021
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> model = taught(partial(DVBPR2021, network=SmallCNN(width=4), factors=4, epochs=1))
        >>> encoded = model.encode(torch.arange(3), toy_visuals(model.signal))
        >>> model.score(torch.arange(2), encoded).shape
        torch.Size([2, 3])
    """

    paper = "Kang et al., ICDM 2017, as coded for VAR"
    selects = False

    defaults = PairwiseSettings(epochs=20, batch_size=32, lr=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        network: nn.Module,
        *,
        factors: int = 64,
        network_lr: float = 0.0001,
        l2: float = 1.0,
        l2_network: float = 0.001,
        clean_images: bool = False,
        **training: Unpack[DescentSettings],
    ) -> None:
        given = self.with_defaults(DescentSettings, training)
        super().__init__(
            sizes,
            network,
            factors=factors,
            trains="all",
            network_lr=network_lr,
            l2=l2,
            l2_network=l2_network,
            **given,
        )
        self.clean_images = clean_images

    def look(self, items: Tensor, visuals: Visuals) -> Tensor:
        while self.clean_images and isinstance(visuals, Overlay):
            visuals = visuals.base
        return super().look(items, visuals)
