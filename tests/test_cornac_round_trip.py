"""Exported features in cornac's own VBPR: clean, and attacked here."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.other_python import made, python_with
from tests.test_saved_features import VECTOR, left
from vrbench.attacks import PGD
from vrbench.attacks.feature_budget import RowShares
from vrbench.cli.commands.features import exported
from vrbench.testing.world import toy_world

pytestmark = pytest.mark.slow  # another library's training, twice
THEIRS = """
import sys
import numpy as np
from cornac.data import Dataset, ImageModality
from cornac.models import VBPR

log, features, out = sys.argv[1:]
bought = [tuple(line.split("\\t")) for line in open(log).read().splitlines()]
train = Dataset.build([(user, item, 1.0) for user, item in bought], seed=0)
held = np.load(features)
ids = held["item_ids"].tolist()
order = {name: n for n, name in enumerate(ids)}
names = sorted(train.iid_map, key=train.iid_map.get)
rows = held["features"][[order[name] for name in names]]
looks = ImageModality(features=rows, ids=names)
looks.build(id_map=train.iid_map)
train.add_modalities(item_image=looks)
model = VBPR(k=4, k2=4, n_epochs=20, batch_size=32, learning_rate=0.05, seed=0, verbose=False)
model.fit(train)
np.savez(out, rows=rows, names=names, scores=[model.score(u) for u in range(train.num_users)])
"""


def test_cornac_trains_on_clean_and_on_attacked_features(tmp_path):
    python = python_with("cornac", "VRBENCH_CORNAC")
    attack = {"attack": PGD(steps=20), "budget": RowShares(eps=100.0)}
    shop, result, folder = left(tmp_path, **VECTOR | attack)
    clean, attacked = exported(folder, tmp_path / "out", "cornac")
    feedback, log = toy_world().train, tmp_path / "log.tsv"
    pairs = zip(feedback.users.tolist(), feedback.items.tolist(), strict=True)
    log.write_text("".join(f"{user}\t{shop.item_ids[item]}\n" for user, item in pairs))
    before = made(python, THEIRS, log, clean, out=tmp_path / "before.npz")
    again = made(python, THEIRS, log, clean, out=tmp_path / "again.npz")
    after = made(python, THEIRS, log, attacked, out=tmp_path / "after.npz")
    np.testing.assert_allclose(before["scores"], again["scores"], atol=1e-5)  # nothing but features
    place = {name: n for n, name in enumerate(shop.item_ids)}
    for found, side in ((before, "before"), (after, "after")):
        ours = result.shown[side]
        every = torch.tensor([place[name] for name in found["names"].tolist()])
        np.testing.assert_array_equal(found["rows"], ours[every].numpy())
    assert np.isfinite(after["scores"]).all()
    assert np.abs(after["scores"] - before["scores"]).max() > 0.01
    assert Path(attacked).name == "attacked.npz"
