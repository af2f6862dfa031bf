import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.data.sources.boutique import boutique

ALL = torch.arange(40)


@pytest.fixture(scope="module")
def shop():
    return boutique(num_items=160, num_users=300)


def test_it_is_a_shop(shop):
    assert len(shop.catalogue.names) == 16
    assert torch.bincount(shop.catalogue.categories).tolist() == [10] * 16
    assert shop.catalogue.images[torch.arange(2)].shape == (2, 3, 64, 64)
    assert (shop.train.counts >= 3).all()
    assert (shop.valid.counts == 1).all()
    assert (shop.test.counts == 1).all()
    together = shop.train.matrix().int() + shop.valid.matrix().int() + shop.test.matrix().int()
    assert together.max() == 1


def test_ids_say_nothing(shop):
    """Neither category nor popularity goes with the number of an item."""
    ids = torch.arange(160).double()
    for told in (shop.catalogue.categories.double(), shop.train.popularity.double()):
        assert abs(torch.corrcoef(torch.stack([ids, told]))[0, 1]) < 0.25


def test_popularity_is_skewed_and_tastes_are_for_categories_and_colours(shop):
    counts = shop.train.popularity.sort(descending=True).values.double()
    assert counts[:16].sum() > 1.5 * counts.sum() / 10
    kinds = shop.catalogue.categories[shop.train.items]
    per_user = torch.zeros(300, 16).index_put_(
        (shop.train.users, kinds), torch.ones(len(kinds)), accumulate=True
    )
    top = per_user.sort(dim=1, descending=True).values[:, :3].sum() / per_user.sum()
    assert top > 0.6


def test_neither_colour_nor_a_small_thumbnail_tells_the_category():
    """A nearest neighbour on mean colour knows nothing, one on outlines does not know enough."""
    catalogue = boutique(num_items=480, num_users=10).catalogue
    pixels, y = catalogue.images[torch.arange(480)], catalogue.categories

    def right(features):
        away = torch.cdist(features, features).fill_diagonal_(torch.inf)
        return (y[away.argmin(1)] == y).float().mean()

    assert right(pixels.mean((2, 3))) < 0.2
    corner = pixels[:, :, :1, :1]
    outline = ((pixels - corner).abs().sum(1) > 0.2).float()
    assert right(outline.flatten(1)) < 0.7


def test_it_is_the_same_every_time():
    a, b = (boutique(num_items=40, num_users=20, mean_items=6.0) for _ in range(2))
    assert torch.equal(a.catalogue.images[ALL], b.catalogue.images[ALL])
    assert torch.equal(a.train.items, b.train.items)
    other = boutique(num_items=40, num_users=20, mean_items=6.0, seed=1)
    assert not torch.equal(a.catalogue.images[ALL], other.catalogue.images[ALL])
    assert a.spec != other.spec


def test_what_cannot_be_a_shop_is_refused():
    with pytest.raises(ConfigError, match="num_items >= 32"):
        boutique(num_items=10)
    with pytest.raises(ConfigError, match="pictures are too few"):
        boutique(num_items=40, mean_items=30.0)
