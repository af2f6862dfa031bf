"""Words as a second modality."""

import numpy as np
import pytest
import torch

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.spec import digest
from vrbench.data.words import tf_idf
from vrbench.datasets import amazon, colours, with_text
from vrbench.testing.datasets import DatasetContract
from vrbench.testing.world import toy_folder

TEXTS = ["A red shoe, red!", "the RED cap", "a cap; a shoe", "größe 44 shoe", ""]


def test_vectors_are_scikit_learns():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    found = text.TfidfVectorizer(min_df=2).fit_transform(TEXTS).toarray()
    np.testing.assert_allclose(tf_idf(TEXTS), found, atol=1e-6)
    assert tf_idf(TEXTS, most=1).shape == (5, 1)


def test_words_come_from_categories_a_table_or_a_file(tmp_path):
    shop = amazon(path=toy_folder())
    assert shop.item_ids == ("cap", "coat", "shoe", "sock")
    (tmp_path / "said.csv").write_text("item,said\nsock,blue\ncap,red\nshoe,blue\ncoat,red\n")
    said = with_text(shop, words=str(tmp_path / "said.csv"), column="said").catalogue.text
    assert said[torch.arange(4)].tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]
    np.savez(tmp_path / "t.npz", ids=["sock", "cap", "shoe", "coat"], features=np.eye(4))
    read = with_text(shop, path=str(tmp_path / "t.npz")).catalogue.text
    assert read[torch.arange(4)].argmax(1).tolist() == [1, 3, 2, 0]
    assert digest(said.spec) != digest(read.spec)


def test_mistakes_are_one_line(tmp_path):
    shop = amazon(path=toy_folder())
    table = tmp_path / "said.csv"
    table.write_text("item,said\nsock,one\ncap,two\nshoe,three\n")
    with pytest.raises(ConfigError, match=r"Set dataset\.column to one of item, said"):
        with_text(shop, words=str(table))
    with pytest.raises(DataError, match="no text for item 'coat'"):
        with_text(shop, words=str(table), column="said")
    table.write_text("item,said\nsock,one\ncap,two\nshoe,three\ncoat,four\n")
    with pytest.raises(DataError, match="no word is of two items"):
        with_text(shop, words=str(table), column="said")
    with pytest.raises(ConfigError, match="give one"):
        with_text(shop, words=str(table), path=str(table))


class TestWithText(DatasetContract):
    def make(self, folder):
        return with_text(colours())


def test_its_address_is_part_of_what_it_is():
    assert digest(with_text(colours()).spec) != digest(colours().spec)
