"""Attributes of items: several each for models that read them, one for the others."""

import pytest
import torch

from vrbench.core.errors import DataError, IncompatibleError
from vrbench.core.spec import digest
from vrbench.data.catalogue import Attributes
from vrbench.datasets import amazon, colours, with_attributes
from vrbench.recommenders import FFM, VSM, AttributeItemKNN, AttributeUserKNN
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.attributes import attributes_of
from vrbench.testing.datasets import DatasetContract
from vrbench.testing.world import toy_folder

LINES = "cap\thead\twool\nshoe\tfeet\nsock\tfeet\twool\nnobody's\tred\n"


def attached(folder, lines=LINES):
    path = folder / "kinds.tsv"
    path.write_text(lines)
    return with_attributes(amazon(path=toy_folder()), path=str(path))


class TestWithAttributes(DatasetContract):
    def make(self, folder):
        (folder / "kinds.tsv").write_text("0\tred\twarm\n12\tgreen\n")
        return with_attributes(colours(), path=str(folder / "kinds.tsv"))


def test_all_attributes_are_kept_and_the_commonest_is_the_category(tmp_path, caplog):
    shop = attached(tmp_path)
    assert shop.item_ids == ("cap", "coat", "shoe", "sock")
    found = shop.catalogue.attributes
    assert found.names == ("feet", "head", "wool")
    assert list(zip(found.items.tolist(), found.kinds.tolist(), strict=True)) == [
        *((0, 1), (0, 2), (2, 0), (3, 0), (3, 2))
    ]
    assert [shop.catalogue.names[n] for n in shop.catalogue.categories] == [
        *("wool", "no attribute", "feet", "feet")
    ]
    assert "1 item without an attribute" in caplog.text


def test_what_the_file_says_is_part_of_the_content_address(tmp_path):
    plain = amazon(path=toy_folder())
    one, other = attached(tmp_path), attached(tmp_path, LINES.replace("sock\tfeet", "sock\thead"))
    same = attached(tmp_path, "\n".join(reversed(LINES.split("\n")[:3])) + "\n")
    assert len({digest(each.catalogue.spec) for each in (plain, one, other)}) == 3
    assert digest(same.catalogue.spec) == digest(one.catalogue.spec)


def test_a_file_that_cannot_be_used_is_one_line(tmp_path):
    with pytest.raises(DataError, match="line 4: a second line for item 'cap'"):
        attached(tmp_path, LINES.replace("nobody's", "cap"))
    with pytest.raises(DataError, match="no item of this data set has an attribute"):
        attached(tmp_path, "nobody's\tred\ncap\n")


@pytest.mark.parametrize("model", [AttributeItemKNN, AttributeUserKNN, VSM])
def test_models_of_attributes_read_all_of_them(model):
    kinds = Attributes(torch.tensor([0, 0, 2]), torch.tensor([1, 0, 1]), ("a", "b"))
    sizes = Sizes(2, 3, (), attributes=kinds)
    assert attributes_of(sizes, "it").toarray().tolist() == [[1, 1], [0, 0], [0, 1]]
    assert model(sizes)


def test_a_model_that_reads_attributes_says_how_to_attach_them():
    for model in (VSM, FFM):
        with pytest.raises(IncompatibleError, match="dataset=attributes"):
            model(Sizes(2, 3, (), torch.zeros(3, dtype=torch.int64)))
