"""What every dataset must do. Subclass, write ``make``, and inherit its tests."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions


class DatasetContract(ABC):
    """A dataset, made twice."""

    has_pictures: ClassVar[bool] = True  # False: of feedback alone, for models that do not look

    @abstractmethod
    def make(self, folder: Path) -> Dataset:
        """Return the dataset; ``folder`` is an empty one, if it needs files."""

    @pytest.fixture
    def shop(self, tmp_path: Path) -> Dataset:
        return self.make(empty(tmp_path / "once"))

    def test_parts_are_of_the_same_users_and_items(self, shop: Dataset) -> None:
        assert len(shop.train)
        for part in (shop.train, shop.valid, shop.test):
            assert part.num_users == shop.train.num_users
            assert part.num_items == len(shop.catalogue)
            assert_rows(part)

    def test_nothing_that_was_seen_is_tested(self, shop: Dataset) -> None:
        for a, b in ((shop.train, shop.valid), (shop.train, shop.test), (shop.valid, shop.test)):
            assert not b.contains(a.users, a.items).any()
        assert len(shop.seen) == len(shop.train) + len(shop.valid)

    def test_who_is_tested_was_trained_on(self, shop: Dataset) -> None:
        trained = shop.train.counts > 0
        assert trained[shop.valid.users].all()
        assert trained[shop.test.users].all()

    def test_held_out_items_have_no_training_feedback(self, shop: Dataset) -> None:
        cold = shop.cold_items
        assert cold.equal(cold.unique())
        assert not shop.train.popularity[cold].any()

    def test_each_item_has_a_category(self, shop: Dataset) -> None:
        categories, names = shop.catalogue.categories, shop.catalogue.names
        assert categories.shape == (len(shop.catalogue),)
        assert categories.dtype == torch.int64
        assert 0 <= int(categories.min()) <= int(categories.max()) < len(names)
        assert len(set(names)) == len(names)

    def test_names_are_one_each(self, shop: Dataset) -> None:
        for names, count in (
            (shop.user_ids, shop.train.num_users),
            (shop.item_ids, len(shop.catalogue)),
        ):
            if names:
                assert len(names) == len(set(names)) == count

    def test_each_item_has_a_picture(self, shop: Dataset) -> None:
        if not self.has_pictures:
            pytest.skip("has none")
        items = torch.arange(min(8, len(shop.catalogue)))
        pixels = shop.catalogue.images[items]
        assert pixels.shape == (len(items), *shop.catalogue.images.shape)
        assert pixels.shape[1] == 3
        assert pixels.dtype == torch.float32
        assert 0 <= pixels.min() <= pixels.max() <= 1
        assert torch.equal(shop.catalogue.images[items.flip(0)], pixels.flip(0))

    def test_made_again_it_is_the_same(self, shop: Dataset, tmp_path: Path) -> None:
        """Its key, too: that is of what it holds, and not of where it lies."""
        again = self.make(empty(tmp_path / "again"))
        assert digest(again) == digest(shop)
        assert (again.user_ids, again.item_ids) == (shop.user_ids, shop.item_ids)
        for a, b in zip(tensors(again), tensors(shop), strict=True):
            assert torch.equal(a, b)


def empty(folder: Path) -> Path:
    """Return a folder, made."""
    folder.mkdir()
    return folder


def tensors(shop: Dataset) -> list[Tensor]:
    """Return what a dataset says of its items and users, but for pictures."""
    parts = (shop.train, shop.valid, shop.test)
    feedback = [part for of in parts for part in (of.indptr, of.items, of.ratings, of.timestamps)]
    return [shop.catalogue.categories, *(held for held in feedback if held is not None)]


def assert_rows(part: Interactions) -> None:
    """Raise unless feedback is in compressed rows, each ascending, of users and items there are."""
    assert part.indptr.shape == (part.num_users + 1,)
    assert int(part.indptr[0]) == 0
    assert int(part.indptr[-1]) == len(part.items)
    assert (part.counts >= 0).all()
    keys = part.users * part.num_items + part.items
    assert (keys.diff() > 0).all()
    if len(part):
        assert 0 <= int(part.items.min()) <= int(part.items.max()) < part.num_items
    for told in (part.ratings, part.timestamps):
        assert told is None or len(told) == len(part)
