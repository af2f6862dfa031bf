"""A recommender from outside that answers questions, also about pictures it has not seen."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError, IncompatibleError, one_of
from vrbench.core.plurals import how_many
from vrbench.core.spec import digest
from vrbench.core.visuals import BLOCK, Signal, Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.external.answers import Answers
from vrbench.recommenders.external.function import FunctionDoor
from vrbench.recommenders.external.http import HttpDoor
from vrbench.recommenders.external.question import Door, Gives, Question, picture_hash, worth

log = logging.getLogger(__name__)


class Shown(NamedTuple):
    """Items, and the pictures of those that do not look as they do in the shop."""

    items: Tensor  # (n,) int64
    pictures: dict[int, np.ndarray]  # (H, W, 3) uint8, by item


class External(Recommender):
    """A recommender that somebody else runs: a function of Python, or an address.

    It is asked how users like items, and about items that look otherwise than in the shop it is
    sent their pictures: 8 bits, at the resolution of the data set. An adversary's question is one
    item with one picture; when lists are measured, all changed pictures are in place at once. It is
    not trained here, and gives no gradient: attacks that ask go with it, and those that descend
    on a network of the adversary's own.

    Answers are kept in the store, by users, items and the bytes of every picture, and nothing is
    asked twice. They cannot be made again from what the store holds, so whoever runs a service says
    what it is: ``release`` is part of every key, and answers of one release are never used for
    another. The first kept answer that a process needs is asked for again and compared.

    Args:
        sizes: users and items, and their names outside.
        function: ``module:function``, called with a list of users, one of items, and a dictionary
            of pictures, ``(H, W, 3)`` uint8 by item; returns one row a user.
        url: in place of a function, where questions are sent; see ``HttpDoor``.
        release: a name for what answers; another one when it has been trained or changed.
        gives: "scores", high is good; "ranks", from 1, in the catalogue; or "lists": for each user
            the items that are recommended, best first, in which case items outside tie.
        limit: most requests that a run sends, those sent again included; what is kept is none. In
            Python it is all runs of one ``Store``.
        per_second: most requests in a second; None: as many as there are.
        timeout: seconds that an answer may take.
        retries: how often a question is sent again that was not answered.
        token: name of the environment variable with a credential; it is sent to ``url`` alone and
            written nowhere.
        header: in which it is sent; "Authorization" puts "Bearer" before it.
        proxies: whether ``url`` may be asked through the proxies that the environment names.
        users_at_once: most users in one question.
        recheck: whether a kept answer is asked for again; false where answers vary by chance.

    Raises:
        ConfigError: if there is not one of function and url, no release, or a setting is out of
            range; by ``score``, if the limit is reached.
        DataError: by ``score``, if there is no answer, or it is of no use, or not what was kept.
        IncompatibleError: by ``encode``, if a gradient is asked for.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import External
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> asked = "vrbench.testing.service:likes_green"
        >>> model = taught(External, function=asked, release="1")
        >>> encoded = model.encode(torch.arange(36), toy_visuals(model.signal))
        >>> model.score(torch.tensor([0]), encoded).argmax() % 3  # items 1, 4, 7, ... are green
        tensor(1)
    """

    paper = ""
    signal = Signal.PIXELS
    outside = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        function: str | None = None,
        url: str | None = None,
        release: str | None = None,
        gives: Gives = "scores",
        limit: int = 20_000,
        per_second: float | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        token: str | None = None,
        header: str = "Authorization",
        proxies: bool = False,
        users_at_once: int = 128,
        recheck: bool = True,
    ) -> None:
        super().__init__()
        _refuse_unnamed(function, url, release)
        slow = timeout <= 0 or (per_second is not None and per_second <= 0)
        self.refuse_if(slow, "timeout and per_second above 0")
        few = min(limit, users_at_once) < 1 or not 0 <= retries <= 20
        self.refuse_if(few, "limit and users_at_once of 1 or more, retries of 0 to 20")
        self.gives = one_of("External.gives", gives, Gives)
        self.users, self.items = sizes.users, sizes.items
        self.function, self.url, self.release = function, url, release
        self.limit, self.per_second, self.timeout = limit, per_second, timeout
        self.retries, self.token, self.header = retries, token, header
        self.proxies, self.users_at_once, self.recheck = proxies, users_at_once, recheck
        self.register_buffer("known", torch.zeros(len(self.items), dtype=torch.int64))
        told = {"function": function} if url is None else {"url": url}
        self.spec = {"name": self.name, "version": self.version, "release": release}
        self.spec |= {"gives": gives} | told
        self._who = self.spec  # once fitted, ``spec`` is the model's address
        self.asked, self._checked = 0, not recheck
        self._answers = Answers(self._who)
        self._sent, self._name = Counter[str](), digest(self._who)

    known: Tensor

    def keep_in(self, store: Path, sent: Counter[str]) -> None:
        """Have answers kept in a store, and found there; count requests by who is sent them."""
        self._answers, self._sent = Answers(self._who, store), sent

    @property
    def requests(self) -> int:
        """How many requests were sent, those sent again included."""
        return self._sent[self._name]

    def settled(self) -> str:
        """Write down all answers; return in words how many requests were sent."""
        self._answers.write()
        return f"{how_many(self.requests, 'request')} sent to {self.function or self.url}"

    def told(self) -> dict[str, Any]:
        """Return who was asked, what it gives, about how many users, and how often so far."""
        return {
            "of": self.function or self.url,
            "release": self.release,
            "gives": self.gives,
            "users": len(self.users),
            "users_at_once": self.users_at_once,
            "requests": self.requests,
        }

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        """Note how every item looks in the shop, as a hash; nothing is learnt here."""
        for items in torch.arange(len(visuals)).split(BLOCK):
            self.known[items] = torch.tensor([_short(p) for _, p in _pictures(items, visuals)])
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Shown:
        if torch.is_grad_enabled() and visuals[items[:1]].requires_grad:
            raise IncompatibleError(NO_GRADIENT)
        known = self.known[items].tolist()
        shown = {}
        for block, before in zip(items.split(BLOCK), _split(known), strict=True):
            for (item, picture), hashed in zip(_pictures(block, visuals), before, strict=True):
                if _short(picture) != hashed:
                    shown[item] = picture
        return Shown(items, shown)

    def score(self, users: Tensor, encoded: Shown) -> Tensor:
        blocks = users.cpu().split(self.users_at_once)
        try:
            rows = [self._of_users(some.tolist(), encoded) for some in blocks]
        except BaseException:
            self._answers.write()
            raise
        found = np.concatenate(rows) if rows else np.empty((0, len(encoded.items)), np.float32)
        return torch.from_numpy(found).to(self.device)

    def _of_users(self, users: list[int], shown: Shown) -> np.ndarray:
        """Return ``(len(users), n)``; each changed picture alone, unless the catalogue is asked."""
        items = shown.items.tolist()
        if not shown.pictures or len(items) == len(self.items):
            return self._answer(users, items, shown.pictures)
        found = np.empty((len(users), len(items)), np.float32)
        plain = [n for n, item in enumerate(items) if item not in shown.pictures]
        if plain:
            found[:, plain] = self._answer(users, [items[n] for n in plain], {})
        for n, item in enumerate(items):
            if item in shown.pictures:
                found[:, [n]] = self._answer(users, [item], {item: shown.pictures[item]})
        return found

    def _answer(
        self, users: list[int], items: list[int], pictures: dict[int, np.ndarray]
    ) -> np.ndarray:
        """Return ``(len(users), len(items))`` float32, from the store or from outside."""
        question = Question(
            tuple(self.users[n] for n in users),
            tuple(self.items[n] for n in items),
            {self.items[n]: picture for n, picture in pictures.items()},
        )
        kept = self._answers.get(question.key)
        if kept is not None and self._checked:
            return kept
        found = self._ask(question)
        if kept is None:
            self._answers.put(question.key, found)
        elif not np.allclose(kept, found, rtol=1e-4, atol=1e-5):
            raise DataError(
                f"{self._door.who}: it answers otherwise than it did as release {self.release!r}: "
                "name a new recommender.release, or, if answers vary by chance, set "
                "recommender.recheck=false"
            )
        self._checked = True
        return found

    def _ask(self, question: Question) -> np.ndarray:
        answer = self._door.ask(question, self._count)
        self.asked += 1
        return worth(answer, self.gives, question, len(self.items), self._door.who)

    def _count(self) -> None:
        if self.requests >= self.limit:
            raise ConfigError(
                f"{self._door.who}: {self.limit} requests were sent, those sent again included, "
                "and answers are kept: raise recommender.limit to go on, or try fewer items or "
                "queries"
            )
        self._sent[self._name] += 1

    @cached_property
    def _door(self) -> Door:
        if self.url is None:
            assert self.function is not None
            return FunctionDoor(self.function)
        return HttpDoor(
            self.url,
            token=self.token,
            header=self.header,
            timeout=self.timeout,
            retries=self.retries,
            per_second=self.per_second,
            proxies=self.proxies,
            gives=self.gives,
            release=str(self.release),
        )


NO_GRADIENT = (
    "External answers questions and has no gradient: take an attack that asks (attack=square, "
    "spsa, nes, zoo), or one on a network of the adversary's own (objective=target_class)"
)


def _refuse_unnamed(function: str | None, url: str | None, release: str | None) -> None:
    if (function is None) == (url is None):
        raise ConfigError(
            "External: set recommender.function=module:function, or recommender.url=https://..."
        )
    if not release:
        raise ConfigError(
            "External: set recommender.release to a name of what answers, another one whenever "
            "it was trained or changed: answers are kept under it"
        )


def _pictures(items: Tensor, visuals: Visuals) -> Iterator[tuple[int, np.ndarray]]:
    """Yield items and their pictures, rounded to 8 bits as by an upload."""
    pixels = visuals[items.to(visuals.device)].detach().clamp(0, 1)
    levels = (pixels * 255).round().byte().permute(0, 2, 3, 1).cpu().contiguous().numpy()
    yield from zip(items.tolist(), levels, strict=True)


def _short(picture: np.ndarray) -> int:
    return int.from_bytes(picture_hash(picture)[:8], "big", signed=True)


def _split(numbers: list[int]) -> Iterator[list[int]]:
    for at in range(0, len(numbers), BLOCK):
        yield numbers[at : at + BLOCK]
