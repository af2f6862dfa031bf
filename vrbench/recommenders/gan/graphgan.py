"""GraphGAN: a generator that walks a graph against a discriminator of its edges."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Sizes
from vrbench.recommenders.gan.bfs_walks import Trees, log_chance, trees_of, walk
from vrbench.recommenders.gan.policy_gradient import policy_loss
from vrbench.recommenders.training.adversarial_phase import PlayerSettings, TwoPlayers
from vrbench.recommenders.training.epochs import Optimisers, descend
from vrbench.recommenders.training.negative_sampling import learnable, negatives
from vrbench.recommenders.training.pairwise import half_square

CLIP = 10.0  # of the scores that make rewards, as published


class GraphGAN(TwoPlayers):
    """Graph representation by a GAN (Wang et al., AAAI 2018), on the graph of who has what.

    Users and items are nodes. From every node, its root, the generator walks down the root's
    breadth-first tree: at a node it goes on to a child or turns back to the parent, by the softmax
    of ``g_v . g_w``, and the node where it turns is its pick (graph softmax, sec. 3.2 and alg. 1).
    The discriminator, ``D(v, w) = sigmoid(d_v . d_w + b_w)``, learns to tell neighbours of a root
    from picks; the generator descends ``log(1 - D)`` of its picks by policy gradient.

    Before that the generator's rows learn pairwise (BPR) from users and items; the discriminator
    starts as their copy. The published code starts from node embeddings in a file.

    On MovieLens 100K it does not learn to rank: validation falls from the first adversarial epoch
    on. There a user's tree holds 74 items in its first level, nearly all users in the second and
    the other items in the third; of the picks of users 42 % are items they have, which are then
    real and made at once, 57 % are users, and 1 % are items that could be recommended. What the
    generator is told is not about those, and it does not change while it trains. It is therefore
    left out of the leaderboard.

    Differences. The gradient is the paper's, through the probability of the whole walk; published
    code takes ``log sigmoid(g_v . g_w)`` of pairs within two steps of a walk instead. A reward is
    taken less the mean of the root's other walks, which leaves the expected gradient as it is.
    Roots have equally many picks and as many neighbours drawn with repetition. Validation selects
    the epoch, not the test. Users and items together may be 20,000: memory is their square.

    Args:
        sizes: users and items.
        predictor: the player that ranks; a user's score of an item is that of the two nodes.
        factors: length of a row.
        walks: of each root in a step.
        pretrain_epochs: most epochs of pre-training; 0 starts at random.
        pretrain_l2: weight of half the squared rows in pre-training.
        pretrain_lr, pretrain_batch, steps, critic_steps, critic_lr, l2: see ``TwoPlayers``; passes
            are over all roots, and the penalty is on the rows of an edge.
        batch_size, lr: roots of a step, and of the generator's Adam.
        epochs, patience, eval_every: see ``EpochRecommender``; of the adversarial phase.

    Example:
        >>> from vrbench.recommenders import GraphGAN
        >>> from vrbench.testing.world import favourites, taught
        >>> model = taught(GraphGAN, factors=8, pretrain_epochs=40, pretrain_lr=0.05, epochs=1)
        >>> favourites(model) > 0.8
        True
    """

    paper = "Wang et al., AAAI 2018"
    signal = None

    defaults = PlayerSettings(
        factors=50, epochs=20, lr=0.001, patience=20, eval_every=1, critic_lr=0.001, l2=0.00001
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        walks: int = 20,
        pretrain_l2: float = 0.02,
        **training: Unpack[PlayerSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PlayerSettings, training))
        self.refuse_if(walks < 2 or pretrain_l2 < 0, "walks >= 2 and pretrain_l2 >= 0")
        self.walks, self.pretrain_l2 = walks, pretrain_l2
        self.num_users, nodes = sizes.num_users, sizes.num_users + sizes.num_items
        self.generator = nn.Embedding(nodes, self.factors)
        self.critic = nn.Embedding(nodes, self.factors)
        self.bias = nn.Embedding(nodes, 1)
        self._trees: Trees | None = None

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self._trees = trees_of(train, rng, self.device)
        try:
            return super().fit(train, valid, visuals, rng)
        finally:
            self._trees = None  # no part of the model

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.bias.weight)

    def _optimisers(self) -> Optimisers:
        critic = [*self.critic.parameters(), *self.bias.parameters()]
        generator = list(self.generator.parameters())
        if self._pretraining:
            return [torch.optim.Adam(generator, lr=self.pretrain_lr, foreach=True)]
        return [
            torch.optim.Adam(critic, lr=self.critic_lr, foreach=True),
            torch.optim.Adam(generator, lr=self.lr, foreach=True),
        ]

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield user, liked and other nodes, for pre-training."""
        order = learnable(train, rng)
        users = train.users[order]
        others = negatives(train, users, rng)
        nodes = users, train.items[order] + self.num_users, others + self.num_users
        parts = (n.to(self.device).split(self.pretrain_batch) for n in nodes)
        yield from zip(*parts, strict=True)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        user, liked, other = (self.generator(nodes) for nodes in batch)
        margin = (user * (liked - other)).sum(1)
        penalty = self.pretrain_l2 * half_square(user, liked, other)
        return (F.softplus(-margin) + penalty).mean()

    def play(self, train: Interactions, optimisers: Optimisers, rng: torch.Generator) -> float:
        assert self._trees is not None
        learnable(train, rng)  # or there is nothing to learn
        self.train()
        roots = torch.nonzero(self._trees.graph.start.diff()).squeeze(1)
        total, passes = 0.0, zip((self.critic_loss, self.generator_loss), optimisers, strict=True)
        for (loss_of, optimiser), count in zip(
            passes, (self.critic_steps, self.steps), strict=True
        ):
            total = 0.0  # the generator's is reported
            for _ in range(count):
                order = roots[torch.randperm(len(roots), generator=rng).to(self.device)]
                for some in order.split(self.batch_size):
                    loss = loss_of(some.repeat_interleave(self.walks), self._trees, rng)
                    descend(loss, optimiser)
                    total += loss.item() * len(some) / (len(roots) * count)
        return total

    def edge_logits(self, trees: Trees) -> Tensor:
        """Return the generator's scores of all edges; a walk is made of these."""
        here, there = trees.ends
        return (self.generator(here) * self.generator(there)).sum(1)

    def judged(self, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Return the discriminator's ``(B,)`` scores of pairs of nodes, and half their squares."""
        one, other, bias = self.critic(here), self.critic(there), self.bias(there)
        score = (one * other).sum(1) + bias.squeeze(1)
        return score, half_square(one, other, bias)

    def critic_loss(self, roots: Tensor, trees: Trees, rng: torch.Generator) -> Tensor:
        """Return the mean cross-entropy of a neighbour and a pick for each of ``roots``."""
        picked, _ = walk(trees, roots, self.edge_logits(trees).detach(), rng)
        draws = torch.rand(len(roots), generator=rng).to(self.device)
        nth = (draws * trees.graph.count(roots)).long()
        yes, yes_squares = self.judged(roots, trees.graph.column[trees.graph.start[roots] + nth])
        no, no_squares = self.judged(roots, picked)
        penalty = self.l2 * (yes_squares + no_squares)
        return (F.softplus(-yes) + F.softplus(no) + penalty).mean()

    def generator_loss(self, roots: Tensor, trees: Trees, rng: torch.Generator) -> Tensor:
        """Return what to descend so that walks, ``walks`` in a row per root, earn more."""
        logit = self.edge_logits(trees)
        picked, steps = walk(trees, roots, logit, rng)
        with torch.no_grad():
            score, _ = self.judged(roots, picked)
            reward = F.softplus(score.clamp(-CLIP, CLIP)).reshape(-1, self.walks)
        chance = log_chance(steps, logit, len(roots)).reshape(-1, self.walks)
        return policy_loss(chance, torch.ones_like(reward), reward)

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items + self.num_users

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        if self.generates:
            return self.generator(users) @ self.generator(encoded).T
        return self.critic(users) @ self.critic(encoded).T + self.bias(encoded).T
