"""What is written for other tools is what with_features reads, in any layout."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vrbench.cli.commands.features import LAYOUTS as OF_THE_COMMAND
from vrbench.core.errors import DataError
from vrbench.data.feature_layouts import LAYOUTS, write_features
from vrbench.datasets import amazon, with_features
from vrbench.testing.world import toy_folder

ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
NAMES = ("cap", "coat", "shoe", "sock")


def back(path, names, **ids):
    shop = replace(amazon(path=toy_folder()), item_ids=names)
    return with_features(shop, path=str(path), **ids).catalogue.features[torch.arange(4)].numpy()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("manifest", [None, {"encoder": "resnet50"}])
def test_a_table_comes_back_by_its_ids(layout, manifest, tmp_path):
    order = [2, 0, 3, 1]
    names = ("0", "1", "2", "3") if layout == "mmrec" else NAMES
    ids = [names[n] for n in order]
    path = write_features(tmp_path, "attacked", ROWS[order], ids, layout, manifest)
    told = {"npy": {"ids": str(path.parent / "item_ids.txt")}, "mmrec": {"ids": "rows"}}
    np.testing.assert_array_equal(back(path, names, **told.get(layout, {})), ROWS)
    assert path.with_suffix(".json").exists() == (manifest is not None and layout != "ducho")


def test_mmrec_gets_the_row_of_each_number(tmp_path):
    path = write_features(tmp_path, "clean", ROWS[[3, 1, 0, 2]], ["3", "1", "0", "2"], "mmrec")
    np.testing.assert_array_equal(np.load(path), ROWS)
    np.testing.assert_array_equal(back(path, ("0", "1", "2", "3"), ids="rows"), ROWS)
    assert path == tmp_path / "clean" / "image_feat.npy"


def test_the_command_offers_every_layout():
    assert OF_THE_COMMAND == LAYOUTS


@pytest.mark.parametrize(
    ("ids", "layout", "message"),
    [
        (["a/b", "c"], "ducho", "'a/b' is no name of a file: take layout npy or cornac"),
        (["..", "c"], "ducho", r"'\.\.' is no name of a file"),
        (["A", "a"], "ducho", "two ids differ by case alone"),
        (["a\nb", "c"], "npy", "is no line of text: take layout cornac"),
        (
            ["i0", "i1"],
            "mmrec",
            "row numbers, and item 'i0' is none of 0 to 1: take layout",
        ),
        (["0", "2"], "mmrec", "item '2' is none of 0 to 1"),  # item 1 has no feedback
    ],
)
def test_ids_that_do_not_fit_are_told(ids, layout, message, tmp_path):
    with pytest.raises(DataError, match=message):
        write_features(tmp_path, "clean", ROWS[:2], ids, layout)
    assert not list(tmp_path.rglob("*.npy")) or layout == "npy"
