"""What a recommender is: trained on implicit feedback and features, it scores items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vrbench.core.errors import IncompatibleError
from vrbench.core.placement import Placed
from vrbench.core.spec import Component, unbound
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.catalogue import Attributes
from vrbench.data.interactions import Interactions


class Sizes(NamedTuple):
    """The sizes a recommender needs before it can allocate its parameters."""

    num_users: int
    num_items: int
    visual: tuple[int, ...]  # the shape of one entry of the visuals; () if it uses none
    categories: Tensor | None = None  # (num_items,) int64, where the catalogue has any
    text: Tensor | None = None  # (num_items, D) float32, where the catalogue has any
    user_ids: tuple[str, ...] = ()  # what users and items are called outside; () if by number
    item_ids: tuple[str, ...] = ()
    attributes: Attributes | None = None  # of items, where the catalogue has any

    @property
    def users(self) -> tuple[str, ...]:
        """What every user is called outside."""
        return self.user_ids or tuple(map(str, range(self.num_users)))

    @property
    def items(self) -> tuple[str, ...]:
        """What every item is called outside."""
        return self.item_ids or tuple(map(str, range(self.num_items)))


class Side(NamedTuple):
    """What a score that is one product, ``row . vector + bias``, needs of ``n`` items."""

    vector: Tensor  # (n, K)
    bias: Tensor  # (n,)


@dataclass
class History:
    """How a training went.

    Attributes:
        epochs: one entry per epoch: ``loss``, ``seconds``, and ``valid_ndcg`` where it was
            measured.
        best_epoch: the epoch (from 1) whose parameters were kept; 0 if nothing is learnt in epochs.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0


class Recommender(Component, Placed, ABC):
    """A model that scores every item for a user.

    ``signal`` says what it is shown of an image: features, feature maps, raw pixels, or
    nothing at all. It is the only thing the rest of the suite knows about a model's inside.

    ``own_picture`` says whether an item's score depends on that item's picture. Where it does
    not (ACF scores through the pictures of what a *user* owns), promotion of one item by
    changing its picture is impossible by construction, and cold items are ranked by chance. A
    model says it of itself where a setting decides (``FREEDOM`` with ``graph="frozen"``).

    ``reads_categories`` says whether it uses the catalogue's categories, ``reads_text`` whether it
    uses vectors of words, where there are any; they are part of its key.

    ``item_weights`` names weights with a row for each item that are no embeddings, such as the last
    layer of an autoencoder; attacks on parameters change them as they change embeddings.

    ``outside`` says whether somebody else trains and runs it, by whose names of users and items it
    is asked; these are part of its key, and it is never trained on what an adversary left.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import BRISK, taught, toy_visuals
        >>> model = taught(BPRMF, factors=8, **BRISK)
        >>> encoded = model.encode(torch.arange(36), toy_visuals(model.signal))
        >>> model.score(torch.tensor([0, 1]), encoded).shape
        torch.Size([2, 36])
    """

    signal: ClassVar[Signal | None]
    own_picture: bool = True
    reads_categories: ClassVar[bool] = False
    reads_text: ClassVar[bool] = False
    outside: ClassVar[bool] = False
    item_weights: ClassVar[tuple[str, ...]] = ()

    @property
    def predicts_ratings(self) -> bool:
        """Whether scores are stars, so that their distance from a rating has a meaning."""
        return False

    @abstractmethod
    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        """Train from scratch; ``valid`` selects the epoch, where there are epochs.

        A pure function of its arguments and the settings: fitting twice gives equal models.
        """

    @abstractmethod
    def encode(self, items: Tensor, visuals: Visuals) -> Any:
        """Return all that scoring needs to know of ``items``; made once, used for every user."""

    @abstractmethod
    def score(self, users: Tensor, encoded: Any) -> Tensor:
        """Return the ``(len(users), n)`` scores of the ``n`` encoded items; higher is better.

        Differentiable in the entries of the visuals, unless ``signal`` is None.
        """

    def crowd(self, num_users: int) -> Callable[[Any], Tensor]:
        """Return a function from ``n`` encoded items to their ``(n,)`` mean scores over all users.

        Made once, of a model that no longer changes; differentiable like ``score``. Override it
        where users enter linearly: their mean is then all there is to know of them.
        """
        blocks = torch.arange(num_users, device=self.device).split(8192)

        def mean(encoded: Any) -> Tensor:
            total = [self.score(users, encoded).sum(0) for users in blocks]
            return torch.stack(total).sum(0) / num_users

        return mean

    def profile(self, users: Tensor, encoded: Any) -> Tensor | None:
        """Return ``(len(users), K)`` user vectors where pictures are part of them; else None."""
        return None

    def product(self, encoded: Any) -> Side:
        """Return vectors and biases: a user's scores are ``row @ vector.T + bias``.

        Raises:
            IncompatibleError: if scores are no such product of a row per user.
        """
        raise IncompatibleError(f"the score of {self.name} is no product with a row per user")

    def slope(self, users: Tensor) -> Tensor:
        """Return ``(len(users), D)``: the gradient of an item's score in its own feature vector.

        In the features as extracted, and the same for every item.

        Raises:
            IncompatibleError: if scores are not linear in the features of the item alone.
        """
        raise IncompatibleError(f"the score of {self.name} is not linear in an item's features")

    def lead(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        """Return ``(B,)``: how far ``users[b]`` score a liked item above another one.

        Differentiable in the embeddings; what attacks on parameters lower.

        Raises:
            IncompatibleError: if the model learns no score of a pair.
        """
        raise IncompatibleError(
            f"{self.name} is not trained on triples: its parameters have no slope here"
        )

    def fold_in(self, histories: Interactions, visuals: Visuals, others: Tensor) -> Tensor:
        """Return ``(num_users, K)`` rows for users the model was not trained on.

        Args:
            histories: what each of them owns.
            visuals: what the items look like.
            others: ``(m,)`` items that an owned one is compared with.

        Raises:
            IncompatibleError: if the model takes in nobody it was not trained on.
        """
        raise IncompatibleError(f"{self.name} takes in no user it was not trained on")


def tables(sizes: Sizes, width: int) -> tuple[nn.Embedding, nn.Embedding]:
    """Return a row for each user and one for each item, of ``width``, stepped where touched."""
    users, items = (nn.Embedding(n, width, sparse=True) for n in (sizes.num_users, sizes.num_items))
    return users, items


def mean_row(table: nn.Embedding) -> Tensor:
    """Return the mean of the rows of ``table``, a constant."""
    return table.weight.detach().double().mean(0).float()


class RecommenderFactory(Protocol):
    """A recommender's class, or a partial of one."""

    def __call__(self, sizes: Sizes) -> Recommender: ...


def class_of(factory: RecommenderFactory) -> type[Recommender]:
    """Return the class of the recommenders that ``factory`` makes."""
    made = unbound(factory)
    assert isinstance(made, type)
    assert issubclass(made, Recommender)
    return made
