import pytest
import torch
from scipy.stats import norm

from tests.threats.test_objectives import Dot, Means
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Side
from vrbench.threats.objectives.black_box_promotion import PromoteTo

USERS, ITEMS = 12, 40


class Averaging(Dot):
    """Takes in new users as Cohen et al. do: the mean of what they own, no bias."""

    name = "test.Averaging"

    def product(self, encoded):
        return Side(*encoded)

    def fold_in(self, histories, visuals, others):
        rows = torch.zeros(histories.num_users, 3)
        rows.index_add_(0, histories.users, visuals[histories.items] - 5)
        return rows / histories.counts[:, None]


def small(bias=True, num_items=ITEMS):
    """A model, what it saw, and who owns what: user u owns items u, u + 1, u + 2, and item 0."""
    rng = stream(2, "audience")
    weights = torch.randn(USERS, 3, generator=rng)
    offsets = 0.3 * torch.randn(num_items, generator=rng) if bias else torch.zeros(num_items)
    model = Averaging(weights, offsets).requires_grad_(False)
    visuals = Table(Signal.VECTOR, 10 * torch.rand(num_items, 3, generator=rng), None)
    users = torch.arange(USERS).repeat_interleave(4)
    items = (torch.arange(USERS)[:, None] + torch.tensor([1, 2, 3])) % num_items
    items = torch.cat([items, torch.zeros(USERS, 1).long()], 1).flatten()
    return model, visuals, Interactions.of(users, items, USERS, num_items)


def goal(bias=True, **settings):
    model, visuals, train = small(bias)
    return PromoteTo(train, Means(), model, visuals, **settings)


def pictures(n, seed=0):
    rng = stream(seed, "pictures")
    colour, grain = torch.rand(n, 3, 1, 1, generator=rng), torch.rand(n, 3, 8, 8, generator=rng)
    return 0.8 * colour + 0.2 * grain


def slow_rank(scores, item, own_score, owned):
    """Count one by one: others the user does not own, the item's clean self left out."""
    others = [float(s) for j, s in enumerate(scores) if j != item and j not in owned]
    return 1 + sum(s > own_score for s in others), len(others) + 1


@pytest.mark.parametrize("scale", ["normal", "uniform"])
def test_ranks_are_counted_without_the_items_own_clean_self(scale):
    """``get_rank`` of the authors' code counts it: one place too low whenever it fell."""
    aim = goal(user=3, feedback="rank", k=5, scale=scale)
    model, visuals, train = small()
    items, x = torch.tensor([30, 20, 35, 11, 20]).repeat(4), pictures(20)
    verdict = aim.judge(x, items)
    clean = model.users[3] @ visuals.rows.T + model.bias
    owned = train.items[train.users == 3].tolist()
    for b, item in enumerate(items.tolist()):
        own = 10 * x[b].mean((1, 2)) @ model.users[3] + model.bias[item]
        rank, count = slow_rank(clean, item, float(own), owned)
        share = 1 - rank / (count + 1)
        worth = share if scale == "uniform" else norm.ppf(share)
        assert verdict.loss[b].item() == pytest.approx(-worth, abs=1e-5)
        assert (verdict.margin[b] < 0) == (rank <= 5)
    assert (verdict.margin < 0).any()
    assert (verdict.margin > 0).any()


def test_an_untouched_picture_stands_where_its_item_stood():
    """With x as on the clean page, the rank is that of the clean list."""
    _, visuals, _ = small()
    items = torch.tensor([25, 31])
    x = (visuals.rows[items] / 10)[:, :, None, None].expand(-1, -1, 8, 8)
    for kind in ("user", "segment"):
        aim = goal(audience=kind, feedback="rank", owners=2)
        found = aim.judge(x, items).loss
        asked, place = aim._who.asked, aim._who.place[:, 0]
        for b, item in enumerate(items.tolist()):
            clean = asked.clean[place[b]]
            rank = 1 + int((clean > clean[item] + 1e-5).sum())
            count = int(asked.candidates[place[b]])
            assert found[b].item() == pytest.approx(-norm.ppf(1 - rank / (count + 1)), abs=1e-5)


def test_scores_are_standardised_and_measured_against_the_entry():
    aim = goal(user=3, k=5)
    model, visuals, train = small()
    items, x = torch.tensor([30, 20, 30]), pictures(3)
    verdict = aim.judge(x, items)
    clean = model.users[3] @ visuals.rows.T + model.bias
    owned = train.items[train.users == 3]
    kept = clean[~torch.isin(torch.arange(ITEMS), owned)]
    own = 10 * x.mean((2, 3)) @ model.users[3] + model.bias[items]
    worth = (own - kept.mean()) / kept.std(correction=0)
    assert torch.allclose(verdict.loss, -worth, atol=1e-5)
    for b, item in enumerate(items.tolist()):
        rank, _ = slow_rank(clean, item, own[b], owned.tolist())
        assert (verdict.margin[b] < 0) == (rank <= 5)


def test_scores_have_a_gradient_and_ranks_say_they_have_none():
    x, items = pictures(2).requires_grad_(), torch.tensor([30, 20])
    goal(user=3).judge(x, items).loss.sum().backward()
    model, _, _ = small()
    expected = -model.users[3]
    assert torch.cosine_similarity(x.grad[0, :, 0, 0], expected, dim=0) > 0.9999
    with pytest.raises(IncompatibleError, match="ranks have no gradient"):
        goal(feedback="rank").judge(x, items)
    with pytest.raises(IncompatibleError, match="ranks have no gradient"):
        PGD(steps=1)(x.detach(), items, goal(feedback="rank"), Linf(eps=8), Streams(0))


def test_the_segment_is_asked_through_a_newcomer_who_owns_what_it_owns():
    """The authors' unrestricted code registers a user who owns another item than the segment."""
    aim = goal(audience="segment", owners=2, k=5)
    model, visuals, train = small()
    items = torch.tensor([30, 20])
    aimed = aim.aimed_at(items)
    seeds = aim._seeds(items)
    assert aimed.shape == (USERS, 2)
    for b in range(2):
        assert seeds[b] != items[b]
        owners = train.users[train.items == seeds[b]]
        assert torch.equal(torch.nonzero(aimed[:, b]).squeeze(1), owners)
    verdict = aim.judge(pictures(2), items)
    shown = 10 * pictures(2).mean((2, 3))
    newcomers = visuals.rows[seeds] - 5
    for b in range(2):
        clean = newcomers[b] @ visuals.rows.T + model.bias
        kept = clean[torch.arange(ITEMS) != seeds[b]]
        own = newcomers[b] @ shown[b] + model.bias[items[b]]
        worth = (own - kept.mean()) / kept.std(correction=0)
        assert verdict.loss[b].item() == pytest.approx(-worth.item(), abs=1e-4)


def test_the_population_is_the_fake_user_below_whom_a_share_stands():
    aim = goal(audience="population", feedback="rank", fakes=8, quantile=0.25, k=5)
    model, visuals, _ = small()
    items, x = torch.tensor([30, 20, 30]), pictures(3)
    verdict = aim.judge(x, items)
    assert aim.aimed_at(items).all()
    asked = aim._who.asked
    assert asked.clean.shape == (8, ITEMS)
    shown = 10 * x.mean((2, 3))
    for b, item in enumerate(items.tolist()):
        ranks = []
        for r in range(8):
            owned = torch.nonzero(asked.clean[r].isinf()).squeeze(1)
            assert len(owned) == 1
            row = visuals.rows[owned[0]] - 5
            clean = row @ visuals.rows.T + model.bias
            own = row @ shown[b] + model.bias[item]
            ranks.append(slow_rank(clean, item, own, owned.tolist())[0])
        second = sorted(ranks)[1]
        assert verdict.loss[b].item() == pytest.approx(-norm.ppf(1 - second / ITEMS), abs=1e-5)
        assert (verdict.margin[b] < 0) == (sum(r <= 5 for r in ranks) >= 2)


def test_who_is_asked_depends_on_the_item_alone():
    for settings in (
        {"feedback": "rank"},
        {"audience": "segment", "owners": 2},
        {"audience": "population", "fakes": 5},
        {"feedback": "rank", "visible": 0.2, "k": 2},
    ):
        x, items = pictures(4), torch.tensor([30, 20, 35, 30])
        together = goal(**settings).judge(x, items)
        for b in range(4):
            alone = goal(**settings).judge(x[b : b + 1], items[b : b + 1])
            assert torch.allclose(alone.loss, together.loss[b : b + 1], atol=1e-5)
            assert torch.allclose(alone.margin, together.margin[b : b + 1], atol=1e-5)


def test_other_items_later_get_users_of_their_own():
    aim = goal(feedback="rank")
    first = aim.judge(pictures(2), torch.tensor([30, 20])).loss
    aim.judge(pictures(2), torch.tensor([35, 20]))
    assert torch.equal(aim.judge(pictures(2), torch.tensor([30, 20])).loss, first)


def test_with_averaged_users_two_helpers_stand_for_the_hidden_one():
    """Cohen's identity: ((n + 1) s' - s~) / n is the user's own score, and so are its slopes."""
    model, visuals, train = small(bias=False)
    model.users.copy_(model.fold_in(train, visuals, None))  # trained by averaging, too
    aim = PromoteTo(train, Means(), model, visuals, user=3, feedback="rank", visible=0.05, k=1)
    items = torch.tensor([30, 20])
    who = aim._asked(items)
    n = who.asked.counts[who.place[:, 0]]
    assert (n == 4).all()
    encoded = model.encode(items, visuals)
    score = who.asked.score(encoded)
    own = score[who.place[:, 0]]
    both, alone = score[who.helpers[:, 0]], score[who.helpers[:, 1]]
    assert torch.allclose(((n + 1)[:, None] * both - alone) / n[:, None], own, atol=1e-4)


def test_a_hidden_rank_is_never_read_and_kinds_of_answers_are_ordered():
    aim = goal(user=3, feedback="rank", visible=0.2, k=2)
    items = torch.full((300,), 30)
    x = torch.rand(300, 3, 1, 1, generator=stream(4)).expand(-1, -1, 8, 8)
    verdict = aim.judge(x, items)
    who = aim._who
    shown = Means().see(x, Signal.VECTOR)
    rank = who.asked.rank(aim._scores(who.asked, items[:1], shown[:1]), items[:1])
    assert rank.shape == (3, 1)
    encoded = torch.stack([aim._scores(who.asked, items[:1], s[None])[:, 0] for s in shown], 1)
    own, both, alone = who.asked.rank(encoded, items)
    kept = (0.2 * who.asked.candidates).floor()
    seen = own <= kept[0]
    helped = ~seen & (both <= kept[1])
    lone = ~seen & ~helped
    assert min(seen.sum(), helped.sum(), lone.sum()) > 5
    assert verdict.loss[seen].max() < verdict.loss[helped].min()
    assert verdict.loss[helped].max() < verdict.loss[lone].min()
    # what is heard does not change with a rank nobody can see
    for kind, told in ((helped, torch.stack([both, alone])), (lone, alone[None])):
        told = torch.minimum(told, (kept[1:].max() + 1).expand_as(told))
        for row in told[:, kind].unique(dim=1).T:
            same = kind & (told == row[:, None]).all(0)
            assert verdict.loss[same].std(correction=0) < 1e-5
    assert (verdict.margin[~seen] > 0).all()
    assert ((verdict.margin < 0) == (own <= 2)).all()


@pytest.mark.slow
def test_the_attack_lifts_items_whose_ranks_are_hidden():
    """Helpers alone are heard at first; it is the user's own list that moves."""
    model, visuals, train = small(bias=False, num_items=2000)
    model.users.copy_(model.fold_in(train, visuals, None))  # users are what they own
    aim, told = (
        PromoteTo(train, Means(), model, visuals, user=3, feedback="rank", visible=v, k=20)
        for v in (0.2, None)
    )
    items = torch.arange(100, 200)
    x = (visuals.rows[items] / 10 * 255).round()[:, :, None, None].expand(-1, -1, 8, 8) / 255
    who = aim._asked(items)
    rank = who.asked.rank(aim._scores(who.asked, items, 10 * x.mean((2, 3))), items)
    column = torch.arange(100)
    own, helped = rank[who.place[:, 0], column], rank[who.helpers[:, 0], column]
    hidden = (own > 400) & (helped < 380)
    assert hidden.sum() >= 5
    x, items = x[hidden], items[hidden]
    attack = FeatureRegression(queries=640)
    found = attack(x, items, Oracle(aim, limit=640), Linf(eps=20), Streams(0))
    gain = told.judge(x, items).loss - told.judge(found, items).loss
    assert (gain > 0.1).all(), gain
    # as much as half of what is had where every rank is told
    best = attack(x, items, Oracle(told, limit=640), Linf(eps=20), Streams(0))
    assert gain.mean() > 0.5 * (told.judge(x, items).loss - told.judge(best, items).loss).mean()


def test_users_are_strangers_to_the_item_and_drawn_by_it():
    _, _, train = small()
    aim = goal()
    items = torch.arange(1, ITEMS)
    users = aim._users(items)
    assert not train.contains(users, items).any()
    assert len(users.unique()) > 5
    assert aim.aimed_at(items).sum(0).eq(1).all()
    assert not torch.equal(goal(seed=1)._users(items), users)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"audience": "all"}, ConfigError, "expected user, segment or population, got 'all'"),
        ({"visible": 0.1}, ConfigError, "goes with feedback=rank"),
        ({"visible": 0.1, "feedback": "rank", "audience": "population"}, ConfigError, "one user"),
        ({"visible": 0.0, "feedback": "rank"}, ConfigError, "a share in"),
        ({"user": 99}, ConfigError, "user: expected 0..11"),
        ({"quantile": 0.0}, ConfigError, "quantile"),
    ],
)
def test_settings_out_of_range(settings, error, message):
    with pytest.raises(error, match=message):
        goal(**settings)


def test_impossible_audiences_say_so():
    x, item = pictures(1), torch.tensor([4])
    with pytest.raises(IncompatibleError, match="user 3 owns an item"):
        goal(user=3).judge(x, item)
    with pytest.raises(IncompatibleError, match="promoted to its own owners"):
        goal(audience="segment", seed_item=4).judge(x, item)
    with pytest.raises(IncompatibleError, match="everybody owns item 0"):
        goal().judge(x, torch.tensor([0]))
    with pytest.raises(ConfigError, match=r"lower objective\.owners"):
        goal(audience="segment", owners=99).judge(x, item)
    model, visuals, train = small()
    plain = Dot(model.users, model.bias)
    with pytest.raises(IncompatibleError, match="takes in no user"):
        PromoteTo(train, Means(), plain, visuals, audience="segment", owners=2).judge(x, item)


@pytest.mark.parametrize(
    "settings", [{"user": 3}, {"feedback": "rank"}, {"audience": "population"}]
)
def test_of_no_picture_there_is_no_verdict(settings):
    """Searches leave out what they are done with, and may be left with nothing."""
    x = pictures(2)[:0].requires_grad_(settings.get("feedback") != "rank")
    verdict = goal(**settings).judge(x, torch.empty(0, dtype=torch.int64))
    assert verdict.loss.shape == verdict.margin.shape == (0,)
    assert verdict.loss.requires_grad == x.requires_grad
