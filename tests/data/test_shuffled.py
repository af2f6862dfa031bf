import pytest
import torch

from vrbench.core.spec import digest
from vrbench.data.sources.colours import colours
from vrbench.data.sources.shuffled import shuffled
from vrbench.data.splits.assignment import hold_out


@pytest.fixture(scope="module")
def cold():
    return hold_out(colours(), share=0.3)


def test_people_keep_what_they_bought_together_under_other_pictures(cold):
    moved = shuffled(cold)
    for name in ("train", "valid", "test"):
        old, new = getattr(cold, name), getattr(moved, name)
        assert torch.equal(old.counts, new.counts)
        assert torch.equal(old.popularity.sort().values, new.popularity.sort().values)
    before = torch.cat([cold.train.matrix(), cold.test.matrix()])
    after = torch.cat([moved.train.matrix(), moved.test.matrix()])
    columns = {tuple(c.tolist()) for c in before.T}
    assert columns == {tuple(c.tolist()) for c in after.T}  # one permutation for all splits
    assert not torch.equal(before, after)
    assert moved.train.popularity[moved.cold_items].sum() == 0
    assert len(moved.cold_items) == len(cold.cold_items)


def test_pictures_and_their_categories_stay_so_the_extractor_is_the_same(cold):
    moved = shuffled(cold)
    assert moved.catalogue is cold.catalogue
    liked = cold.catalogue.categories[cold.train.items] == cold.train.users % 3
    still = cold.catalogue.categories[moved.train.items] == moved.train.users % 3
    assert liked.all()
    assert still.float().mean() == pytest.approx(1 / 3, abs=0.12)


def test_the_permutation_is_part_of_the_key(cold):
    keys = {digest(d.spec) for d in (cold, shuffled(cold), shuffled(cold, seed=1))}
    assert len(keys) == 3
    assert digest(shuffled(cold).spec) in keys
