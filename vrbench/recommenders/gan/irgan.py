"""IRGAN: a generator that picks items against a discriminator that tells picks from likes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.gan.policy_gradient import drawn, policy_loss
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.adversarial_phase import PlayerSettings, TwoPlayers
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.epochs import Optimisers, descend
from vrbench.recommenders.training.negative_sampling import learnable, negatives
from vrbench.recommenders.training.pairwise import half_square

BLOCK = 512  # users of whom all picks are drawn at once


class IRGAN(TwoPlayers):
    """Item recommendation by IRGAN (Wang et al., SIGIR 2017, sec. 4.2).

    Both players are matrix factorisations with item biases, ``s_ui = b_i + p_u . q_i``. The
    generator is the policy ``G(i|u) = softmax_i(s_ui)``. The discriminator learns by binary
    cross-entropy to tell a user's items from as many that the generator picks, drawn from
    ``softmax(s / temperature)``. The generator descends the policy gradient of the reward
    ``2 sigmoid(D(u, i)) - 1``; picks come from ``(1 - mix) G`` plus ``mix`` spread evenly over the
    user's items, and are weighed by how much likelier they are under ``G``.

    Before that the generator learns pairwise, with dynamic negative sampling (DNS, Zhang et al.,
    SIGIR 2013): of ``dns`` random items the one that it scores highest is the negative. The
    discriminator starts as its copy.

    The discriminator tells likes from what the generator puts on top, and unlearns what puts both
    above the rest: as ``predictor`` it ranks worse with every epoch (MovieLens 100K).

    Differences. The published discriminator starts at random, and picks may be items the user has,
    which then count as likes and as fakes at once; here the discriminator's negatives are never a
    user's train items, nor items that nobody has. Steps are Adam's on batches of users, every user
    with ``samples`` picks; published are plain steps per user with twice as many as it has items.
    A reward is taken less the mean of the user's other picks, which leaves the expected gradient as
    it is and makes it vary less. The softmax cannot overflow. Validation selects the epoch, not the
    test. (Elliot's discriminator is shown uniform negatives, never what the generator picks.)

    Args:
        sizes: users and items.
        predictor: the player that ranks.
        factors: length of a row.
        dns: random items of which pre-training takes the hardest; 1 is BPR.
        pretrain_epochs: most epochs of pre-training; 0: both players start at random, alike.
        pretrain_lr, pretrain_batch: of Adam, and triples of a step, in pre-training.
        temperature: of the generator where the discriminator's negatives are drawn.
        mix: share of the picks that are the user's own items, in [0, 1).
        samples: picks per user in a step of the generator.
        steps, critic_steps: passes per epoch over all users, and over all interactions before.
        critic_batch: pairs of a step of the discriminator.
        critic_lr: of its Adam.
        l2: weight of half the squared rows of a triple or pair; none on the policy, as published.
        batch_size, lr: users of a step of the generator, and its Adam's.
        epochs, patience, eval_every: see ``EpochRecommender``; of the adversarial phase.

    Example:
        >>> from vrbench.recommenders import IRGAN
        >>> from vrbench.testing.world import favourites, taught
        >>> model = taught(IRGAN, factors=8, dns=1, pretrain_epochs=40, pretrain_lr=0.05, epochs=1)
        >>> favourites(model) > 0.8
        True
    """

    paper = "Wang et al., SIGIR 2017"
    signal = None

    defaults = PlayerSettings(
        factors=64, epochs=100, batch_size=64, lr=0.0001, critic_lr=0.0005, l2=0.02
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        dns: int = 4,
        temperature: float = 0.2,
        mix: float = 0.2,
        samples: int = 64,
        critic_batch: int = 1024,
        **training: Unpack[PlayerSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PlayerSettings, training))
        self.refuse_if(temperature <= 0 or not 0 <= mix < 1, "temperature > 0 and mix in [0, 1)")
        self.refuse_if(
            min(dns, critic_batch) < 1 or samples < 2,
            "dns, critic_batch >= 1 and samples >= 2",
        )
        self.dns, self.temperature, self.mix = dns, temperature, mix
        self.samples, self.critic_batch = samples, critic_batch
        self.num_items = sizes.num_items
        self.generator = Player(sizes, self.factors)
        self.critic = Player(sizes, self.factors)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.generator.bias.weight)

    def _optimisers(self) -> Optimisers:
        wanted = [(self.critic, self.critic_lr), (self.generator, self.lr)]
        if self._pretraining:
            wanted = [(self.generator, self.pretrain_lr)]
        return [torch.optim.Adam(p.parameters(), lr=lr, foreach=True) for p, lr in wanted]

    # pre-training ---------------------------------------------------------------------------

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield users, liked items and ``(B, dns)`` others, for pre-training."""
        order = learnable(train, rng)
        users = train.users[order]
        other = negatives(train, users.repeat_interleave(self.dns), rng)
        parts = (users, train.items[order], other.reshape(-1, self.dns))
        yield from zip(*(p.to(self.device).split(self.pretrain_batch) for p in parts), strict=True)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, liked, others = batch
        with torch.no_grad():
            best = self.generator(users[:, None], others).argmax(1, keepdim=True)
        other = others.gather(1, best).squeeze(1)
        player = self.generator
        margin = player(users, liked) - player(users, other)
        penalty = self.l2 * half_square(*player.rows(users, liked), *player.rows(users, other)[1:])
        assert margin.shape == penalty.shape == users.shape
        return (F.softplus(-margin) + penalty).mean()

    # the two players ------------------------------------------------------------------------

    def play(self, train: Interactions, optimisers: Optimisers, rng: torch.Generator) -> float:
        self.train()
        for _ in range(self.critic_steps):
            for batch in self.pairs(train, rng):
                descend(self.critic_loss(*batch), optimisers[0])
        had, total = held(train, self.device), torch.zeros((), device=self.device)
        order = torch.nonzero(train.counts).squeeze(1)
        for _ in range(self.steps):
            order = order[torch.randperm(len(order), generator=rng)]
            draws = torch.rand(len(order), self.samples, generator=rng)
            for users, some in batches_of((order, draws), self.batch_size, self.device):
                loss = self.generator_loss(users, had.dense(users, once=True), some)
                descend(loss, optimisers[1])
                total += loss.detach() * len(users) / (len(order) * self.steps)
        return total.item()

    @torch.no_grad()
    def picks(self, train: Interactions, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return users, liked items and one item each that the generator picks, shuffled.

        Picks are drawn from the softmax at the temperature, over what somebody but not the user
        has in train.
        """
        had, cold = held(train, self.device), (train.popularity == 0).to(self.device)
        items = torch.arange(self.num_items, device=self.device)
        order = learnable(train, rng)
        order = order[train.users[order].argsort(stable=True)]
        owners, count = train.users[order].unique_consecutive(return_counts=True)
        draws = torch.rand(len(order), generator=rng).to(self.device)
        found, blocks = [], batches_of((owners, count), BLOCK, self.device)
        for (users, counts), known in zip(blocks, count.split(BLOCK), strict=True):
            pairs, most = int(known.sum()), int(known.max())  # on the CPU
            logits = self.generator.table(users, items) / self.temperature
            barred = cold | (had.dense(users, once=True) > 0)
            chance = logits.masked_fill(barred, -torch.inf).softmax(1)
            place = torch.arange(len(users), device=self.device)
            place = place.repeat_interleave(counts, output_size=pairs)
            nth = torch.arange(pairs, device=self.device) - (counts.cumsum(0) - counts)[place]
            mine = torch.zeros(len(users), most, device=self.device)
            mine[place, nth], draws = draws[:pairs], draws[pairs:]
            found.append(drawn(chance, mine)[place, nth])
        mixed = torch.randperm(len(order), generator=rng)
        order = order[mixed]
        parts = train.users[order], train.items[order], torch.cat(found)[mixed.to(self.device)]
        return parts[0].to(self.device), parts[1].to(self.device), parts[2]

    def pairs(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield the discriminator's batches: users, liked items, and items picked."""
        yield from zip(*(p.split(self.critic_batch) for p in self.picks(train, rng)), strict=True)

    def critic_loss(self, users: Tensor, liked: Tensor, picked: Tensor) -> Tensor:
        """Return the mean cross-entropy of likes and picks, with the penalty."""
        yes, no = self.critic(users, liked), self.critic(users, picked)
        rows = (*self.critic.rows(users, liked), *self.critic.rows(users, picked)[1:])
        penalty = self.l2 * half_square(*rows)
        assert yes.shape == no.shape == penalty.shape == users.shape
        return (F.softplus(-yes) + F.softplus(no) + penalty).mean()

    def generator_loss(self, users: Tensor, own: Tensor, draws: Tensor) -> Tensor:
        """Return what to descend so that the policy of ``users``, ``(B,)``, earns more.

        Args:
            users: of whom each has an item.
            own: ``(B, num_items)``, one where a user has an item, else zero.
            draws: ``(B, samples)`` uniform numbers.
        """
        logits = self.generator.table(users, torch.arange(self.num_items, device=self.device))
        with torch.no_grad():
            chance = (1 - self.mix) * logits.softmax(1) + self.mix * own / own.sum(1, keepdim=True)
            picked = drawn(chance, draws)
            reward = 2 * self.critic(users[:, None], picked).sigmoid() - 1
        log_p = logits.log_softmax(1).gather(1, picked)
        return policy_loss(log_p, log_p.detach().exp() / chance.gather(1, picked), reward)

    # ranking --------------------------------------------------------------------------------

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return (self.generator if self.generates else self.critic).table(users, encoded)


def held(train: Interactions, device: torch.device) -> SparseRows:
    """Return what users have, on a device."""
    made = SparseRows(train.num_users, train.num_items).to(device)
    made.hold(matrix_of(train))
    return made


class Player(nn.Module):
    """A matrix factorisation with item biases."""

    def __init__(self, sizes: Sizes, factors: int) -> None:
        super().__init__()
        self.user = nn.Embedding(sizes.num_users, factors)
        self.item = nn.Embedding(sizes.num_items, factors)
        self.bias = nn.Embedding(sizes.num_items, 1)

    def rows(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows that the scores of pairs are made of; the user's first."""
        return self.user(users), self.item(items), self.bias(items)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        user, item, bias = self.rows(users, items)
        return (user * item).sum(-1) + bias.squeeze(-1)

    def table(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the ``(len(users), len(items))`` scores."""
        made: Tensor = self.user(users) @ self.item(items).T + self.bias(items).T
        return made
