"""What save=[features] leaves, and what the command makes of it."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from vrbench.attacks.feature_budget import Rows
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.cli.cell_files import leave_files
from vrbench.cli.commands.features import exported
from vrbench.core.errors import ConfigError, MissingDataError, StorageError
from vrbench.data.sources.colours import colours
from vrbench.data.sources.with_features import with_features
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.testing.world import parts
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.none import Nobody
from vrbench.threats.threat import Threat

NAMES = tuple(f"p{n}" for n in range(36))[::-1]
AXES = ("dataset", "threat", "objective", "extractor", "recommender", "attack", "budget")
VECTOR = {
    "threat": Threat(surface=Features()),
    "budget": Rows(eps=0.5),
    "objective": partial(Misrank),
}


def left(tmp_path, **changes):
    """Run the toy world, its items under names, and leave what it saved beside a record."""
    shop = replace(colours(), item_ids=NAMES)
    result = run(**parts(dataset=shop) | changes, store=Store(tmp_path / "store"))
    folder = tmp_path / "run"
    folder.mkdir()
    leave_files(["features"], result, shop, folder)
    told = {"schema": 1, "seed": 0, "rows": [], "parts": {axis: {"name": axis} for axis in AXES}}
    (folder / "rows.json").write_text(json.dumps(told), encoding="utf-8")
    return shop, result, folder


@pytest.mark.parametrize("layout", ["npy", "cornac", "warprec"])
def test_attacked_features_come_back_as_the_recommender_saw_them(layout, tmp_path):
    shop, result, folder = left(tmp_path, **VECTOR)
    clean, attacked = exported(folder, tmp_path / "out", layout)
    ids = {"ids": str(tmp_path / "out" / "item_ids.txt")} if layout == "npy" else {}
    for path, view in ((clean, "before"), (attacked, "after")):
        back = with_features(shop, path=str(path), **ids).catalogue.features
        every = torch.arange(36)
        np.testing.assert_array_equal(back[every], result.shown[view][every])
    moved = (result.shown["after"][every] - result.shown["before"][every]).norm(dim=1)
    assert bool((moved > 0.1).all())
    assert bool((moved < 0.5001).all())
    assert back.spec[3] == {
        "encoder": "extractor",
        "source": "vrbench: attacked, dataset, attack budget",
    }


def test_where_nobody_changes_features_they_are_left_once(tmp_path):
    _, _, folder = left(tmp_path, threat=Threat(timing="none", surface=Nobody()))
    assert [path.name for path in exported(folder, tmp_path / "out", "ducho")] == ["clean"]
    assert len(list((tmp_path / "out" / "clean").glob("p*.npy"))) == 36
    with pytest.raises(ConfigError, match="out is not empty: name a new folder"):
        exported(folder, tmp_path / "out", "npy")
    (tmp_path / "taken").touch()
    with pytest.raises(StorageError, match="cannot write"):
        exported(folder, tmp_path / "taken" / "out", "npy")


def test_a_recommender_that_sees_none_leaves_none_and_says_so(tmp_path, caplog):
    nobody = {"threat": Threat(timing="none", surface=Nobody())}
    _, _, folder = left(tmp_path, recommender=partial(BPRMF, epochs=1), **nobody)
    assert "this recommender is shown no vectors" in caplog.text
    with pytest.raises(MissingDataError, match=r"run it again with save=\[features\]"):
        exported(folder, tmp_path / "out", "npy")
