"""Profiles that are searched for: the budget they keep to, and gradients that are true."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse

from tests.attacks.profile.world import attacked, bazaar, known, row, shop
from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.ascent import ascended, projected
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.factor_attacks import (
    FactorAscent,
    FactorSampling,
    displaced,
    promoted,
)
from vrbench.attacks.optimised.factors import Loss, drawn, refitted, solved
from vrbench.attacks.optimised.leg_up import LegUP
from vrbench.attacks.optimised.poison_rec import PoisonRec, drawn_in_turn, in_order, likelihood
from vrbench.attacks.optimised.poison_training import PoisonTraining
from vrbench.attacks.optimised.presence_gradient import presence_gradient
from vrbench.attacks.optimised.profile_gan import (
    ProfileGAN,
    Width,
    fitting,
    through,
    whole_profiles,
)
from vrbench.attacks.optimised.surrogates import WRMF, ItemAE, Training
from vrbench.attacks.optimised.unrolled import UnrolledProfiles
from vrbench.attacks.optimised.zero_order import ZeroOrder
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.shop import Shop
from vrbench.bench.store import Store
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.recommenders.collaborative.neighbours import ItemKNN, UserKNN

TARGETS = np.array([70, 75])
EVERY = [
    partial(FactorAscent, steps=3),
    partial(FactorSampling, steps=3),
    partial(UnrolledProfiles, steps=2, epochs=5, again=2, unroll=2),
    partial(UnrolledProfiles, surrogate="itemae", steps=2, epochs=5, again=2, unroll=2),
    partial(PoisonTraining, epochs=5, again=2, poisoned=2),
    partial(PoisonRec, rounds=2, sets=2),
    partial(LegUP, epochs=1, push=1, pretrain=2, hidden=8),
    partial(ZeroOrder, epochs=1, pretrain=2, hidden=8, steps=1),
]
LOSS = Loss(alpha=3.0, l2=1.0)
REAL = sparse.csr_matrix((Dice(0, "real").uniform(30, 20) < 0.3).astype(float))


def given(attack, budget=None, seed=0, rated=False):
    told = known(bazaar())
    if rated:
        stars = 1.0 + (np.arange(len(told.items)) * 7 + told.items) % 5
        told = Shop(told.indptr, told.items, told.num_items, stars)
    budget = FakeUsers(eps=0.05, length=9, targets=1) if budget is None else budget
    return attack(told, TARGETS, budget, Dice(seed, "profiles"))


def rows(profiles):
    return np.split(profiles.items, profiles.indptr[1:-1])


def problem_of(real=REAL, fakes=4, room=3, targets=(3, 7)):
    """Return a problem in which all fakes have the first target."""
    targets = np.array(targets)
    fixed, free = np.zeros((fakes, real.shape[1])), np.ones(real.shape[1], dtype=bool)
    fixed[:, targets[0]], free[targets] = 1, False
    return Problem(real, targets, fixed, np.full(fakes, room), free, 1.0)


@pytest.mark.parametrize("make", EVERY)
class TestEveryAttack:
    @pytest.mark.parametrize("aim", ["push", "nuke"])
    def test_spends_the_budget_and_deals_targets(self, make, aim):
        found = given(make(aim=aim))
        assert found.lengths.tolist() == [9] * 10
        has = [np.isin(TARGETS, own).tolist() for own in rows(found)]
        assert has == ([[True, False], [False, True]] * 5 if aim == "push" else [[False] * 2] * 10)

    def test_is_the_same_for_the_same_seed_and_another_for_another(self, make):
        one, same, other = (given(make(), seed=seed) for seed in (0, 0, 1))
        assert np.array_equal(one.items, same.items)
        assert not np.array_equal(one.items, other.items)

    @pytest.mark.parametrize(("aim", "star"), [("push", 5.0), ("nuke", 1.0)])
    def test_gives_stars_where_feedback_is_rated(self, make, aim, star):
        budget = FakeUsers(eps=0.02, length=6, targets=1, feedback="rated")
        found = given(make(aim=aim), budget, rated=True)
        assert found.lengths.tolist() == [6] * 4
        assert found.stars[np.isin(found.items, TARGETS)].tolist() == [star] * 4
        assert set(found.stars) <= {1.0, 2.0, 3.0, 4.0, 5.0}

    def test_has_the_whole_catalogue_where_a_profile_is_that_long(self, make):
        found = given(make(), FakeUsers(eps=0.01, length=80, targets=2))
        assert rows(found)[0].tolist() == list(range(80))

    def test_makes_nobody_of_no_budget(self, make):
        found = given(make(), FakeUsers(eps=0.0))
        assert (len(found.lengths), len(found.items)) == (0, 0)

    def test_says_what_it_asks_of_its_model(self, make):
        assert make().cost.forward > 1

    def test_refuses_another_aim(self, make):
        with pytest.raises(ConfigError, match="aim: expected push or nuke, got 'shove'"):
            make(aim="shove")


@pytest.mark.parametrize(
    ("attack", "recommender"),
    [
        (FactorAscent(), ItemKNN),
        (UnrolledProfiles(steps=10), ItemKNN),
        (UnrolledProfiles(steps=10), UserKNN),
        (PoisonRec(rounds=8, sets=4), ItemKNN),
    ],
    ids=lambda part: getattr(part, "name", ""),
)
def test_beats_random_items_in_models_that_it_never_saw(attack, recommender, tmp_path):
    victim = partial(recommender, k=50, shrink=0.0)
    found = attacked(Store(tmp_path), attack=attack, recommender=victim)
    gained = row(found, "rank shift")
    assert gained.after > gained.random + 3
    assert gained.after > 3


def test_nukes_lower_the_target(tmp_path):
    found = attacked(
        Store(tmp_path), attack=FactorAscent(aim="nuke"), budget=FakeUsers(eps=0.3, length=20)
    )
    assert row(found, "rank shift").after < 0


def fitted(fakes):
    cells = sparse.vstack([REAL, sparse.csr_matrix(fakes)], format="csr")
    return cells, refitted(cells, LOSS, drawn(34, 20, 2, Dice(0, "start")), 500)


@pytest.mark.parametrize("utility", ["integrity", "availability"])
def test_the_gradient_is_that_of_models_fitted_anew(utility):
    """Li et al.: central differences of the optimum, one cell of one fake at a time."""
    fakes = Dice(0, "fakes").uniform(4, 20)
    clean = fitted(np.zeros((4, 20)))[1]

    def judged(model):
        if utility == "integrity":
            return promoted(REAL, model, np.array([3, 7]))
        return displaced(REAL, model, clean)

    cells, model = fitted(fakes)
    slope = presence_gradient(cells, model, LOSS, judged(model)[1], 4, rounds=300)
    for fake, item in [(1, 3), (2, 9)]:
        values = []
        for step in (1e-5, -1e-5):
            moved = fakes.copy()
            moved[fake, item] += step
            values.append(judged(fitted(moved)[1])[0])
        assert slope[fake, item] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-3)


def test_the_published_gradient_is_that_of_one_table_and_silent_on_fillers():
    """``d v_j / d m_fj`` with users' factors fixed; the target's score knows no other item."""
    fakes = Dice(0, "fakes").uniform(4, 20)
    cells, model = fitted(fakes)
    utility = promoted(REAL, model, np.array([3]))[1]
    slope = presence_gradient(cells, model, LOSS, utility, 4, rounds=0)
    assert np.abs(np.delete(slope, 3, axis=1)).max() == 0
    values = []
    for step in (1e-5, -1e-5):
        moved = fakes.copy()
        moved[2, 3] += step
        some = sparse.vstack([REAL, sparse.csr_matrix(moved)], format="csr").T.tocsr()
        item = solved(some, model.user, LOSS)
        values.append(promoted(REAL, model._replace(item=item), np.array([3]))[0])
    assert slope[2, 3] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-3)


def test_an_optimum_satisfies_its_normal_equations():
    """By hand: one user has the first of two items of factors 1 and 2; alpha 3, penalty 1."""
    found = solved(sparse.csr_matrix([[1.0, 0.0]]), np.array([[1.0], [2.0]]), LOSS)
    assert found.item() == pytest.approx(4 * 1 / (1 + 4 * 1 + 4))


@pytest.mark.parametrize("kind", [WRMF, ItemAE])
def test_a_training_is_followed_back_to_what_fakes_have(kind):
    """Central differences of a whole training, in double precision."""
    problem = problem_of()
    model, wish = kind(REAL, 4, width=3, alpha=3.0, l2=0.1), Wish(problem)
    if kind is ItemAE:
        model.real = model.real.double()
    fakes = torch.from_numpy(Dice(0, "fakes").uniform(4, 20))

    def utility(has):
        begin = [part.double() for part in model.start(Dice(0, "start"))]
        trained = Training(begin, 0.02).run(lambda now: model.loss(now, has), 6, live=6)
        return wish.likelihood(model.scores(trained, has))

    has = fakes.clone().requires_grad_()
    (slope,) = torch.autograd.grad(utility(has), [has])
    for fake, item in [(0, 0), (1, 3), (3, 9)]:
        step = torch.zeros_like(fakes)
        step[fake, item] = 1e-5
        moved = (utility(fakes + step) - utility(fakes - step)).item() / 2e-5
        assert slope[fake, item].item() == pytest.approx(moved, rel=1e-3)


def test_steps_that_are_not_followed_back_are_the_same_steps():
    begin = [torch.tensor([3.0, -2.0])]
    ends = [
        Training(begin, 0.1).run(lambda now: now[0].square().sum(), 7, live) for live in (0, 3, 7)
    ]
    assert [end[0].requires_grad for end in ends] == [False, True, True]
    assert all(torch.allclose(end[0].detach(), ends[0][0]) for end in ends)
    twice = Training(begin, 0.1)
    twice.run(lambda now: now[0].square().sum(), 4)
    assert torch.allclose(twice.run(lambda now: now[0].square().sum(), 3)[0], ends[0][0])


def test_the_margin_pulls_the_target_up_and_the_last_recommended_item_down():
    """Huang et al.'s term; the public code cuts its gradient. User 0 has item 0, lacks target 3."""
    real = sparse.csr_matrix(np.array([[1.0, 0, 0, 0], [0, 0, 0, 1.0]]))
    wish = Wish(problem_of(real, fakes=1, room=1, targets=(3,)))
    scores = torch.tensor([[9.0, 5.0, 4.0, 1.0], [0.0, 0.0, 0.0, 0.0], [7.0] * 4])
    scores.requires_grad_()
    gain = wish.margin(scores, places=2)
    assert gain.item() == -3  # below item 2, the last of items 1 and 2
    (slope,) = torch.autograd.grad(gain, [scores])
    assert slope.tolist() == [[0, 0, -1, 1], [0] * 4, [0] * 4]
    above = torch.tensor([[9.0, 5.0, 4.0, 6.0], [0.0] * 4, [0.0] * 4], requires_grad=True)
    assert wish.margin(above, places=2).item() == 0


def test_places_are_counted_among_what_a_user_lacks():
    real = sparse.csr_matrix(np.array([[1.0, 0, 0, 0], [0, 0, 0, 1.0]]))
    wish = Wish(problem_of(real, fakes=1, room=1, targets=(3,)))
    scores = torch.tensor([[9.0, 5.0, 4.0, 4.5], [0.0] * 4])
    assert wish.places(scores) == pytest.approx(-1)  # the second place, of one user


def test_likelihoods_are_those_of_draws_in_turn():
    """Two items drawn of three that are free: p(a) times p(b | not a)."""
    real = sparse.csr_matrix((1, 4))
    problem = problem_of(real, fakes=1, room=2, targets=(3,))
    logits = torch.tensor([0.0, np.log(2.0), np.log(3.0), 9.0])
    order = in_order(problem, np.array([[2.0, 0.0, 3.0, 5.0]]))
    assert order[0, :2].tolist() == [2, 0]
    wanted = (np.log(3 / 6) + np.log(1 / 3)) / 2
    assert likelihood(logits, problem, order).item() == pytest.approx(wanted, rel=1e-5)
    many = problem_of(real, fakes=4000, room=2, targets=(3,))
    first = in_order(many, drawn_in_turn(logits, many, Dice(0, "draws")))[:, 0]
    shares = torch.bincount(first, minlength=4).double() / 4000
    assert shares[3] == 0
    assert shares[:3].tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.04)


def test_a_policy_learns_what_was_worth_more():
    problem = problem_of(sparse.csr_matrix((1, 4)), fakes=1, room=1, targets=(3,))
    tried = [np.eye(4)[[n]] for n in (0, 1)]
    training = Training([torch.zeros(4)], 0.1)
    PoisonRec()._learn(training, torch.eye(4), problem, tried, np.array([5.0, 1.0]))
    (policy,) = training.model
    assert policy[0] > 0 > policy[1]


def test_shares_are_the_nearest_that_fit():
    problem = problem_of(room=2)
    shares = np.zeros((4, 20))
    shares[:, :3] = [0.9, 0.8, 0.7]
    shares[:, 3] = 50.0  # a target: not for choice
    found = projected(problem, shares)
    assert found[0, :4] == pytest.approx([0.9 - 0.4 / 3, 0.8 - 0.4 / 3, 0.7 - 0.4 / 3, 0])
    fits = projected(problem, shares / 2)
    assert fits[0, :3] == pytest.approx([0.45, 0.4, 0.35])
    assert problem.rounded(found)[0].nonzero()[0].tolist() == [0, 1, 3]


def test_an_ascent_finds_the_items_that_a_plain_utility_wants():
    problem, worth = problem_of(room=2), np.arange(20.0)

    def judge(has):
        return float((has @ worth).sum()), np.tile(worth, (4, 1))

    found = ascended(problem, 0.5 * Dice(0, "start").uniform(4, 20), judge, steps=60, rate=0.2)
    assert problem.rounded(found)[0].nonzero()[0].tolist() == [3, 18, 19]


def clubs():
    """Return who has items 0 to 4 and who has items 5 to 9, ten users each."""
    return sparse.csr_matrix(np.kron(np.eye(2), np.ones((10, 5))))


def test_a_generator_restores_what_goes_together():
    gan = ProfileGAN(clubs(), Width(16, (8, 8)), (0.01, 0.01), 16, Dice(0, "gan"))
    gan.reconstruct(150)
    some = torch.zeros(2, 10)
    some[0, :2], some[1, 7:9] = 1, 1
    told = through(gan.generator.model, some).sigmoid() > 0.5
    assert told.tolist() == [[True] * 5 + [False] * 5, [False] * 5 + [True] * 5]


def test_a_discriminator_knows_real_profiles_from_made_ones():
    gan = ProfileGAN(clubs(), Width(16, (16, 8)), (0.01, 0.01), 16, Dice(0, "gan"))
    gan.tell_apart(200)
    real = gan.templates(16)
    made = whole_profiles(gan.generator.model, real).detach()
    assert gan.taken_for_real(real) < gan.taken_for_real(made) - 1


def test_whole_profiles_are_as_long_as_their_templates_and_have_a_gradient():
    gan = ProfileGAN(clubs(), Width(16, (8, 8)), (0.01, 0.01), 16, Dice(0, "gan"))
    some = gan.templates(6)
    model = [part.requires_grad_() for part in gan.generator.model]
    made = whole_profiles(model, some)
    assert made.detach().sum(1).tolist() == pytest.approx([5.0] * 6)
    (slope, *_) = torch.autograd.grad(made[:, 0].sum(), model)
    assert slope.abs().sum() > 0
    problem = problem_of(clubs(), fakes=6, room=3, targets=(3,))
    wanted = fitting(problem, torch.rand(6, 10, generator=torch.Generator().manual_seed(0)))
    assert wanted.sum(1).tolist() == pytest.approx([4.0] * 6)
    assert wanted[:, 3].tolist() == [1.0] * 6


def test_availability_needs_no_target():
    found = given(FactorAscent(utility="availability", steps=2))
    assert found.lengths.tolist() == [9] * 10
    assert np.isin(found.items, TARGETS).sum() < 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FactorAscent(utility="harm"), "expected integrity, availability or hybrid"),
        (lambda: FactorAscent(l2=0.0), "l2 above 0"),
        (lambda: FactorSampling(spread=0.0), "spread above 0"),
        (lambda: UnrolledProfiles(surrogate="vae"), "expected wrmf or itemae, got 'vae'"),
        (lambda: UnrolledProfiles(unroll=11), "expected 1 <= unroll <= again"),
        (lambda: PoisonTraining(fade=1.0), "fade from 0 to below 1"),
        (lambda: PoisonRec(sets=1), "sets of 2 or more"),
        (lambda: LegUP(unroll=6), "expected 1 <= unroll <= again"),
        (lambda: ZeroOrder(directions=0), "directions of 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_search_that_would_not_fit_into_memory_is_refused():
    told = known(shop([(u, u) for u in range(20)], 20, 2**24))
    with pytest.raises(ConfigError, match="take a smaller"):
        FactorAscent()(told, np.array([3]), FakeUsers(eps=0.5, length=2), Dice(0))


@pytest.mark.parametrize("attack", [ZeroOrder(), LegUP(), PoisonRec(), PoisonTraining()])
def test_scores_of_all_users_that_would_not_fit_into_memory_are_refused(attack):
    told = known(shop([(u, u) for u in range(2**14)], 2**14, 2**14))
    budget = FakeUsers(eps=0.0001, length=2)
    with pytest.raises(ConfigError, match=r"for each of 16386 users .* take attack=factor_ascent"):
        attack(told, np.array([3]), budget, Dice(0))
