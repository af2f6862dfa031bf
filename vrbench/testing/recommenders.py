"""What every recommender must do. Subclass, set ``make``, and inherit its tests."""

from copy import deepcopy
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Table, Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.extractors.toy import Colour
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.ranking import rank
from vrbench.testing.fixtures import ToyWorld
from vrbench.testing.world import NONE, looks


class RecommenderContract(ToyWorld):
    """Thirty people who like one of three colours, and 36 items to be ranked for them."""

    make: ClassVar[Any]  # (sizes) -> a recommender, with settings that suit a small world
    ranks_well = True  # of 12 items of a colour it finds those a user has not seen
    serves = True  # the pictures it is shown when it ranks matter; False: only those it learns from
    seeded = True  # another seed is another model; False: a problem with one solution
    trained: ClassVar[dict[Any, Any]] = {}  # by contract and seed, each trained once in a process

    @pytest.fixture
    def visuals(self, world: Dataset, extractor: Colour) -> Visuals:
        return self.shown(world, extractor)

    def shown(self, world: Dataset, extractor: Colour) -> Any:
        return looks(world, extractor, self.signal())

    @classmethod
    def signal(cls) -> Any:
        made = cls.make
        return getattr(made, "func", made).signal

    def model(self, world: Dataset, shape: Any) -> Any:
        train, labels = world.train, world.catalogue.categories
        return type(self).make(Sizes(train.num_users, train.num_items, shape, labels))

    def taught(
        self,
        world: Dataset,
        visuals: Visuals,
        seed: int = 0,
        train: Interactions | None = None,
        valid: Interactions | None = None,
    ) -> Any:
        """Return a model as ``fit`` leaves it."""
        model = self.model(world, visuals.shape)
        model.fit(train or world.train, valid or world.valid, visuals, stream(seed))
        return model

    def fitted(self, world: Dataset, visuals: Visuals, seed: int = 0, **feedback: Any) -> Any:
        return self.taught(world, visuals, seed, **feedback).eval().requires_grad_(False)

    def learnt(self, world: Dataset, visuals: Visuals, seed: int = 0) -> Any:
        """Return a copy of what ``fitted`` returns: tests that only look at it train once."""
        return self.copied(world, visuals, seed).eval().requires_grad_(False)

    def copied(self, world: Dataset, visuals: Visuals, seed: int) -> Any:
        """Return a copy of what ``taught`` returns, trained once."""
        key = type(self), seed
        if key not in self.trained:
            self.trained[key] = self.taught(world, visuals, seed)
        return deepcopy(self.trained[key])

    def scores(self, model: Any, users: Tensor, visuals: Visuals) -> Tensor:
        return model.score(users, model.encode(torch.arange(len(visuals)), visuals))

    def test_ranks_the_held_out_items_first(self, world: Dataset, visuals: Visuals) -> None:
        if not self.ranks_well:
            pytest.skip("a control")
        model = self.learnt(world, visuals)
        found = rank(model, visuals, world.seen, world.test, NONE, 3)
        enough = world.test.counts >= 3
        liked = world.test.matrix().gather(1, found.ranking)
        assert liked[enough].float().mean() > 0.9

    def test_fit_is_a_pure_function(self, world: Dataset, visuals: Visuals) -> None:
        a, b = self.learnt(world, visuals), self.copied(world, visuals, seed=1)
        b.fit(world.train, world.valid, visuals, stream(0))  # the first left no trace in it
        users = torch.arange(30)
        b.eval().requires_grad_(False)
        assert torch.allclose(self.scores(a, users, visuals), self.scores(b, users, visuals))

    def test_another_seed_is_another_model(self, world: Dataset, visuals: Visuals) -> None:
        a, b = self.learnt(world, visuals), self.learnt(world, visuals, seed=1)
        users = torch.arange(30)
        if not self.seeded:
            one, other = (self.scores(m, users, visuals) for m in (a, b))
            assert torch.allclose(one, other, atol=1e-4)
        elif self.ranks_well or type(a).name == "Random":
            assert not torch.equal(self.scores(a, users, visuals), self.scores(b, users, visuals))

    def test_scores_of_few_items_are_those_of_all(self, world: Dataset, visuals: Visuals) -> None:
        model, users = self.learnt(world, visuals), torch.tensor([4, 0, 4])
        items = torch.tensor([35, 1, 2])
        few = model.score(users, model.encode(items, visuals))
        assert few.shape == (3, 3)
        assert torch.allclose(few, self.scores(model, users, visuals)[:, items], atol=1e-5)

    def test_the_crowd_is_the_mean_over_all_users(self, world: Dataset, visuals: Visuals) -> None:
        """Whatever short cut a model takes, in value and in gradient."""
        model, items = self.learnt(world, visuals), torch.tensor([35, 1, 2, 8])
        values = (1 - visuals[items]).requires_grad_()
        shown = visuals.overlay(items, values)
        crowd = model.crowd(30)(model.encode(items, shown))
        mean = model.score(torch.arange(30), model.encode(items, shown)).mean(0)
        assert crowd.shape == (4,)
        assert torch.allclose(crowd, mean, atol=1e-5)
        if model.signal is not None and model.own_picture:
            found, wanted = (
                torch.autograd.grad(m.square().sum(), values)[0] for m in (crowd, mean)
            )
            assert wanted.abs().sum() > 0
            assert torch.allclose(found, wanted, atol=1e-5)

    def test_state_survives_a_round_trip(self, world: Dataset, visuals: Visuals) -> None:
        model, users = self.learnt(world, visuals), torch.arange(30)
        copy = self.model(world, visuals.shape)
        copy.load_state_dict(model.state_dict())
        copy.eval()
        assert torch.equal(self.scores(model, users, visuals), self.scores(copy, users, visuals))

    def test_sees_images_through_the_visuals_only(self, world: Dataset, visuals: Visuals) -> None:
        model, users = self.learnt(world, visuals), torch.arange(30)
        items = torch.tensor([0, 3])
        values = (1 - visuals[items].flip(-1)).requires_grad_()
        scores = self.scores(model, users, visuals.overlay(items, values))
        if model.signal is None or not self.serves:
            assert torch.equal(scores, self.scores(model, users, visuals))
            assert model.signal is None or not model.own_picture
        else:
            assert not torch.allclose(scores, self.scores(model, users, visuals))
            (gradient,) = torch.autograd.grad(scores.square().sum(), values)
            assert gradient.abs().sum() > 0

    def test_ids_are_only_names(self, world: Dataset, visuals: Visuals) -> None:
        """Training on renamed items gives the renamed quality: nothing is read off an id."""
        if not self.ranks_well:
            pytest.skip("a control")
        name = torch.randperm(36, generator=stream(3))
        back = name.argsort()

        def renamed(part: Interactions) -> Interactions:
            items, times = name[part.items], part.timestamps
            return Interactions.of(part.users, items, 30, 36, None, timestamps=times)

        shown = Table(visuals.signal, visuals[back], None)
        model = self.fitted(world, shown, train=renamed(world.train), valid=renamed(world.valid))
        found = rank(model, shown, renamed(world.seen), renamed(world.test), NONE, 3)
        enough = world.test.counts >= 3
        liked = renamed(world.test).matrix().gather(1, found.ranking)
        assert liked[enough].float().mean() > 0.9

    def test_the_test_split_cannot_be_seen(self, world: Dataset, visuals: Visuals) -> None:
        """``fit`` is not even given it: equal train and validation make equal models."""
        import inspect

        assert list(inspect.signature(type(self.model(world, visuals.shape)).fit).parameters) == [
            "self",
            "train",
            "valid",
            "visuals",
            "rng",
        ]


class PairwiseContract(RecommenderContract):
    """For those trained with the pairwise loop."""

    def batch(self, n: int = 12) -> tuple[Tensor, Tensor, Tensor]:
        rng = stream(5)
        users = torch.randint(30, (n,), generator=rng)
        liked, other = torch.randint(36, (2, n), generator=rng)
        return users, liked, other

    def begun(self, world: Dataset, visuals: Visuals) -> Any:
        model = self.model(world, visuals.shape)
        model.begin(visuals, stream(0))
        for parameter in model.parameters():  # away from zeros, which hide gradients
            parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=stream(1)))
        return model

    def test_every_parameter_gets_a_gradient(self, world: Dataset, visuals: Visuals) -> None:
        model = self.begun(world, visuals)
        model.loss(*self.batch(), visuals).backward()
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:  # a frozen part of a network
                continue
            assert parameter.grad is not None, name
            assert parameter.grad.to_dense().abs().sum() > 0, name

    def test_a_batch_is_the_mean_of_its_triples(self, world: Dataset, visuals: Visuals) -> None:
        model, (users, liked, other) = self.begun(world, visuals).eval(), self.batch()
        whole = model.loss(users, liked, other, visuals)
        single = [
            model.loss(users[[n]], liked[[n]], other[[n]], visuals) for n in range(len(users))
        ]
        assert torch.allclose(whole, torch.stack(single).mean(), atol=1e-6)

    def test_pairs_and_comparisons_agree(self, world: Dataset, visuals: Visuals) -> None:
        model, (users, liked, other) = self.begun(world, visuals).eval(), self.batch()
        margin, penalty = model.compare(users, liked, other, visuals)
        assert margin.shape == penalty.shape == users.shape
        yes, no = model(users, liked, visuals), model(users, other, visuals)
        assert yes.shape == users.shape
        assert torch.allclose(margin, yes - no, atol=1e-5)
        full = model.score(users, model.encode(liked, visuals))
        assert torch.allclose(full.diagonal(), yes, atol=1e-5)

    def test_users_with_every_item_or_one_do_not_hang(
        self, world: Dataset, visuals: Visuals
    ) -> None:
        users = torch.cat([torch.zeros(36), torch.ones(1), torch.full((35,), 2.0)]).long()
        items = torch.cat([torch.arange(36), torch.tensor([4]), torch.arange(35)])
        train = Interactions.of(users, items, 30, 36)
        none = Interactions.of(NONE, NONE, 30, 36)
        model = self.model(world, visuals.shape)
        history = model.fit(train, none, visuals, stream(0))
        assert history.best_epoch == len(history.epochs) == sum(model.phases())
