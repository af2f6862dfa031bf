"""Regressions of what an attack did on what data sets are like."""

import math

import numpy as np
import pytest
import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.data.interactions import Interactions
from vrbench.data.sources.colours import colours
from vrbench.data.sources.sampled import sampled
from vrbench.metrics.characteristics import Characteristic, gini
from vrbench.report.picture_study import PREDICTORS, picture_fits
from vrbench.report.plots import coefficients
from vrbench.report.study import CHARACTERISTICS, fits, regression, table


def entry(n, told, change, attack="average", seed=0):
    parts = {"attack": {"name": attack}, "recommender": {"name": "itemknn"}}
    parts["dataset"] = {"name": "sampled", "key": str(n)}
    rows = [{"metric": name, "before": value} for name, value in told.items()]
    rows.append({"metric": "item HR@10", "before": 0.25, "after": 0.25 + change})
    return {"parts": parts, "rows": rows, "seed": seed}


def entries(count=30, noise=0.0):
    """Return runs on data sets; the change is 0.3 times shape, less 0.1 times density."""
    drawn = Dice(0, "study").normal(count, 3)
    made = []
    for n, (size, shape, density) in enumerate(drawn):
        told = {"space size": size, "shape": shape, "density": density, "user Gini": 0.5}
        told["rating deviation"] = None
        for seed, more in enumerate((noise, -noise)):
            change = 0.3 * shape - 0.1 * density + 0.02 + more
            made.append(entry(n, told, change, seed=seed))
    return made, drawn


def test_what_a_change_is_made_of_is_found():
    pytest.importorskip("statsmodels")
    made, drawn = entries(noise=0.05)  # of two seeds, whose mean has none
    (found,) = fits(made, "item HR@10")
    assert (found.attack, found.recommender, found.parts) == ("average", "itemknn", 30)
    assert found.r2 == pytest.approx((1, 1))
    assert list(found.effects) == ["space size", "shape", "density"]  # others tell nothing
    spread = drawn.std(0)
    assert found.effects["shape"].coefficient == pytest.approx(0.3 * spread[1])
    assert found.effects["density"].coefficient == pytest.approx(-0.1 * spread[2])
    assert found.effects["space size"].coefficient == pytest.approx(0, abs=1e-9)
    assert found.effects["shape"].p < 1e-9
    assert found.effects["shape"].high == pytest.approx(found.effects["shape"].low, abs=1e-6)
    heads, lines = table([found])
    assert heads[-3:] == ["space size", "shape", "density"]
    assert lines[0][:3] == ["average", "itemknn", "30"]
    assert lines[0][-2] == f"{0.3 * spread[1]:+.3g} (p < 0.001)"
    told = table([found], exact=True)[1][0][-2].removesuffix(")")
    assert float(told.partition("p = ")[2]) == pytest.approx(found.effects["shape"].p, rel=0.01)
    assert float(lines[0][heads.index("largest VIF")]) < 2


def test_what_is_nothing_but_the_number_of_items_is_told():
    pytest.importorskip("statsmodels")
    drawn = Dice(0, "study").normal(30, 2)
    items = 10 ** ((drawn[:, 0] - drawn[:, 1] + 3) / 2)  # of users * items / 1000, users / items
    told = [{"space size": size, "shape": shape} for size, shape in drawn]
    made = [entry(n, told[n], np.log(items[n])) for n in range(30)]
    (found,) = fits(made, "item HR@10")
    assert found.by_items == pytest.approx(1)
    assert "R2 of items alone" in table([found])[0]
    made = [entry(n, told[n], (0.2 + n % 2 / 10) * items[n]) for n in range(30)]
    (found,) = fits(made, "item HR@10", per_item=True)
    assert found.mean == pytest.approx(0.25)
    assert found.by_items < 0.2


def test_of_nothing_but_chance_little_is_explained():
    pytest.importorskip("statsmodels")
    made, _ = entries(count=60)
    chance = Dice(1, "chance").normal(120)
    for run, change in zip(made, np.repeat(chance[:60], 2), strict=True):
        run["rows"][-1]["after"] = 0.25 + change
    (found,) = fits(made, "item HR@10")
    assert found.r2[0] < 0.2
    assert all(effect.low < 0 < effect.high for effect in found.effects.values())


def test_what_says_the_same_twice_is_told_to():
    """The second column is the first with a tenth of noise: R2 is 100 / 101, and VIF about 101."""
    pytest.importorskip("statsmodels")
    first, noise, change = Dice(2, "twice").normal(2000, 3).T
    told = np.stack([first, first + noise / 10], 1)
    _, effects = regression(["a", "b"], told, change)
    assert effects["a"].inflation == pytest.approx(101, rel=0.2)
    assert effects["a"].inflation == pytest.approx(effects["b"].inflation, rel=1e-6)


def test_it_is_drawn(tmp_path):
    pytest.importorskip("statsmodels")
    coefficients.draw(fits(entries()[0], "item HR@10"), "item HR@10", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_what_cannot_be_fitted_is_one_line():
    pytest.importorskip("statsmodels")
    with pytest.raises(ConfigError, match="3 data sets cannot tell 3 characteristics apart"):
        fits(entries(count=3)[0], "item HR@10")
    with pytest.raises(ConfigError, match="no run has 'item HR@11'; did you mean 'item HR@10'"):
        fits(entries()[0], "item HR@11")
    bare = [run | {"rows": run["rows"][-1:]} for run in entries()[0]]
    with pytest.raises(ConfigError, match="no run has 'space size': run with metrics=study"):
        fits(bare, "item HR@10")


def test_characteristics_are_those_by_hand():
    """Of four users and ten items: five pairs, of which one user has three."""
    users, items = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 1, 2, 0, 0])
    stars = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    train = Interactions.of(users, items, 4, 10, ratings=stars)
    found = {kind: Characteristic(kind=kind).of(train) for kind in CHARACTERISTICS}
    assert found["space size"] == pytest.approx(math.log10(0.04))
    assert found["shape"] == pytest.approx(math.log10(0.4))
    assert found["density"] == pytest.approx(math.log10(5 / 40))
    assert found["user Gini"] == pytest.approx(1 - 2 * (3 / 5 + 2 / 5 + 3 / 5) / 5)
    assert found["rating deviation"] == pytest.approx(2**0.5)
    assert math.isnan(Characteristic(kind="rating deviation").of(colours().train))


def test_gini_is_zero_of_equals_and_near_one_of_one_who_has_all():
    assert gini(torch.full((9,), 4)) == pytest.approx(0)
    assert gini(torch.tensor([0] * 99 + [7])) == pytest.approx(1 - 2 / 101)


def test_a_part_is_the_feedback_of_its_users_and_items():
    whole = colours()
    part = sampled(whole, draw=3, least_users=12, least_items=20)
    assert 1 <= part.train.num_users <= 30
    assert 1 <= len(part.catalogue) <= 36
    assert part.train.counts.min() > 0
    assert part.train.popularity.min() > 0
    again = sampled(whole, draw=3, least_users=12, least_items=20)
    assert torch.equal(part.train.items, again.train.items)
    others = {len(sampled(whole, draw=n, least_users=2, least_items=5).train) for n in range(6)}
    assert len(others) > 3
    pairs = set(zip(whole.train.users.tolist(), whole.train.items.tolist(), strict=True))
    assert len(sampled(whole, least_users=30, least_items=36).train) == len(pairs)
    assert part.spec != sampled(whole, draw=4, least_users=12, least_items=20).spec


def test_a_part_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"dataset.least_users: expected 1 to 30, got 31"):
        sampled(colours(), least_users=31, least_items=5)
    with pytest.raises(ConfigError, match="kind: expected space size"):
        Characteristic(kind="size")


def attacked(seed, source, items, chr_, size):
    parts = {"attack": {"name": "pgd"}, "recommender": {"name": "vbpr"}}
    parts["dataset"] = {"name": "boutique", "key": "0"}
    standing = {"source": {"chr": chr_, "uniform": 1.0, "lift": chr_}}
    case = {"source": source, "standing": standing, "size": size}
    return {"parts": parts, "case": case, "items": items, "seed": seed, "rows": []}


def items_of(noise=0.0):
    """Runs of twelve categories and two seeds: places gained are 40 log10(1 + bought) - 3 CHR."""
    dice, made = Dice(0, "pictures"), []
    for n, (chr_, *_) in enumerate(dice.uniform(12, 2).tolist()):
        for seed, more in enumerate((noise, -noise)):
            items = []
            for item in range(5):
                bought = 10 ** (item % 3) - 1
                gain = 40 * (item % 3) - 3 * chr_ + more
                told = {"item": f"{n}-{item}", "rank_before": 500.0, "rank_after": 500 - gain}
                items.append(told | {"popularity": bought, "margin": (n * 7 + item * 3) % 5 / 5})
            made.append(attacked(seed, f"category {n}", items, chr_, 10 + n * n))
    return made


def test_what_an_item_gains_is_explained_by_what_it_was():
    pytest.importorskip("statsmodels")
    made = items_of(noise=7.0)  # of two seeds, whose mean has none
    (found,) = picture_fits(made)
    assert (found.attack, found.recommender, found.parts) == ("pgd", "vbpr", 60)
    assert found.r2[0] == pytest.approx(1)
    assert list(found.effects) == list(PREDICTORS)
    bought = np.log10(1 + np.array([10 ** (item % 3) - 1 for item in range(5)]))
    assert found.effects["popularity"].coefficient == pytest.approx(40 * bought.std())
    chrs = np.array([run["case"]["standing"]["source"]["chr"] for run in made[::2]])
    assert found.effects["clean CHR"].coefficient == pytest.approx(-3 * chrs.std())
    assert found.effects["clean margin"].coefficient == pytest.approx(0, abs=1e-9)
    heads, lines = table([found], "items")
    assert (heads[2], lines[0][2]) == ("items", "60")


def test_items_of_a_category_are_not_so_many_witnesses():
    """What all items of a category share by chance passes a plain test, and not one by category."""
    pytest.importorskip("statsmodels")
    made = items_of()
    for run, more in zip(made, np.repeat(Dice(3, "c").normal(12), 2), strict=True):
        for item in run["items"]:
            item["rank_after"] = 500 - 20 * more - 0.01 * item["margin"]
    (found,) = picture_fits(made)
    rows = [(i["margin"], 500 - i["rank_after"]) for run in made[::2] for i in run["items"]]
    assert len(rows) == 60
    sizes = np.repeat([math.log10(1 + run["case"]["size"]) for run in made[::2]], 5)[:, None]
    _, plain = regression(["category size"], sizes, np.array([gain for _, gain in rows]))
    effect, naive = found.effects["category size"], plain["category size"]
    assert effect.high - effect.low > 1.5 * (naive.high - naive.low)


def test_runs_without_pictures_or_with_few_categories_are_one_line():
    pytest.importorskip("statsmodels")
    with pytest.raises(ConfigError, match="5 categories cannot tell 4 things apart"):
        picture_fits(items_of()[:10])
    bare = [run | {"items": [i | {"margin": None} for i in run["items"]]} for run in items_of()]
    with pytest.raises(ConfigError, match="no run attacked pictures of items"):
        picture_fits(bare)
