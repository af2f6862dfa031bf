"""Exported features in WarpRec's own VBPR, read by its own reader: clean, and attacked here."""

import numpy as np
import pytest
import torch

from tests.other_python import made, python_with
from tests.test_saved_features import VECTOR, left
from vrbench.attacks import PGD
from vrbench.attacks.feature_budget import RowShares
from vrbench.cli.commands.features import exported
from vrbench.testing.world import toy_world

pytestmark = pytest.mark.slow  # another library's training, three times
THEIRS = """
import sys

import numpy as np
import torch
from warprec.data import Dataset
from warprec.data.reader import LocalReader
from warprec.recommenders.multimodal_recommender import VBPR

log, features, ids, out = sys.argv[1:]
reader, names = LocalReader(), {"user_id": "str", "item_id": "str"}
bought = reader.read_tabular(log, column_names=list(names), dtypes=names, header=False)
if features.endswith(".npy"):
    rows = reader.read_array(features)
    order = reader.read_tabular(
        ids, column_names=["item_id"], dtypes={"item_id": "str"}, header=False
    )
else:
    order = reader.read_tabular(features, dtypes={"item_id": "str"}, header=True)
    rows = order.select(order.columns[1:]).to_numpy().astype("float32")
items = order.select("item_id").to_numpy().flatten().tolist()
looks = {"features": rows, "items": items, "normalize": "none"}
data = Dataset(train_data=bought, multimodal_data={"image": looks})
torch.manual_seed(0)
settings = {"embedding_size": 4, "modalities": None, "reg_weight": 0.0, "batch_size": 64}
settings |= {"epochs": 5, "learning_rate": 0.05}
model = VBPR(settings, data.info(), multimodal=data.multimodal)
adam = torch.optim.Adam(model.parameters(), lr=0.05)
loader = model.get_dataloader(data.train_set, None)
for _ in range(5):
    for batch in loader:
        adam.zero_grad()
        model.training_step(batch, 0).backward()
        adam.step()
users, place = data.get_mappings()
seen = model.joint_features()[[place[name] for name in items]]
with torch.no_grad():
    scores = model.predict(torch.arange(len(users)))
np.savez(out, names=items, rows=seen.numpy(), scores=scores.numpy())
"""


@pytest.mark.parametrize("layout", ["npy", "warprec"])
def test_warprec_trains_on_clean_and_on_attacked_features(layout, tmp_path):
    python = python_with("warprec", "VRBENCH_WARPREC")
    attack = {"attack": PGD(steps=20), "budget": RowShares(eps=100.0)}
    shop, result, folder = left(tmp_path, **VECTOR | attack)
    clean, attacked = exported(folder, tmp_path / "out", layout)
    feedback, log = toy_world().train, tmp_path / "log.tsv"
    pairs = zip(feedback.users.tolist(), feedback.items.tolist(), strict=True)
    log.write_text("".join(f"u{user}\t{shop.item_ids[item]}\n" for user, item in pairs))
    ids = tmp_path / "out" / "item_ids.txt"
    before = made(python, THEIRS, log, clean, ids, out=tmp_path / "before.npz")
    again = made(python, THEIRS, log, clean, ids, out=tmp_path / "again.npz")
    after = made(python, THEIRS, log, attacked, ids, out=tmp_path / "after.npz")
    np.testing.assert_allclose(before["scores"], again["scores"], atol=1e-5)  # nothing but features
    place = {name: n for n, name in enumerate(shop.item_ids)}
    for found, side in ((before, "before"), (after, "after")):
        every = torch.tensor([place[name] for name in found["names"].tolist()])
        np.testing.assert_array_equal(found["rows"], result.shown[side][every].numpy())
    assert np.isfinite(after["scores"]).all()
    assert np.abs(after["scores"] - before["scores"]).max() > 0.01
