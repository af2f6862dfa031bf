"""The audit of ready features: a budget in shares of a row, promotion by vectors, and its words."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.report.test_audit_page import entry
from tests.threats.test_exposure import by_numpy, shop
from tests.threats.test_objectives import pictures
from vrbench.attacks import PGD
from vrbench.attacks.feature_budget import Rows, RowShares
from vrbench.attacks.minimum_norm.cw import CWRows
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.cli import audit_kinds as kinds
from vrbench.cli import conf_dir
from vrbench.config import Composition
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.data.interactions import Interactions
from vrbench.metrics import ItemHR
from vrbench.recommenders import BPRMF
from vrbench.report.pages.audit import page
from vrbench.report.pages.audit_findings import Findings
from vrbench.testing.world import parts, taught, toy_visuals, toy_world
from vrbench.threats.objectives.exposure import PromoteVectors
from vrbench.threats.surfaces.features import Features
from vrbench.threats.threat import Threat

VECTORS = {
    "threat": Threat(surface=Features(every=False)),
    "objective": partial(PromoteVectors, k=5),
    "metrics": [ItemHR(k=5)],
}


def test_a_share_is_of_the_median_row_in_whatever_unit():
    """By hand: lengths 5, 9, 1 and 7 have the median 6; ten percent of it are .6."""
    blocks = [torch.tensor([[3.0, 4.0], [0.0, 9.0]]), torch.tensor([[1.0, 0.0], [7.0, 0.0]])]
    found = RowShares(eps=10.0).among(blocks)
    assert (type(found), found.eps) == (Rows, pytest.approx(0.6))
    assert RowShares(eps=10.0).among([1000 * b for b in blocks]).eps == pytest.approx(600)


def test_vectors_are_judged_as_what_pictures_turn_into():
    model, visuals, train = shop()
    x, items = pictures(4), torch.tensor([4, 1, 4, 0])
    aim = PromoteVectors(train, model, visuals, k=2)
    found = aim.judge(10 * x.mean((2, 3)), items)
    loss, margin = by_numpy(model, visuals, x, items)
    assert torch.allclose(found.loss, loss, atol=1e-4)
    assert torch.allclose(found.margin, margin, atol=1e-4)


def test_where_all_users_are_alike_the_attack_reaches_the_optimum():
    """Scores are linear in vectors: the best of a ball lies along the users' own vector."""
    model, visuals, _ = shop()
    model.users.data[:] = model.users.data[0].clone()
    nobody = torch.empty(0, dtype=torch.int64)
    aim = PromoteVectors(Interactions.of(nobody, nobody, 5, 6), model, visuals, k=2)
    items = torch.arange(3)
    clean, budget = visuals[items], Rows(eps=0.7)
    found = PGD(steps=40)(clean, items, aim, budget, Streams(0))
    best = clean + 0.7 * model.users[0] / model.users[0].norm()
    gained, most = ((rows - clean) @ model.users[0] for rows in (found, best))
    assert torch.allclose(gained, most, rtol=1e-2)
    assert bool(((found - clean).norm(dim=1) < 0.7001).all())


def test_only_the_scenario_s_items_change_and_within_the_share(tmp_path):
    given = parts(attack=PGD(steps=20), budget=RowShares(eps=30.0), **VECTORS)
    found = run(**given, store=Store(tmp_path))
    before, after = (found.shown[side][torch.arange(36)] for side in ("before", "after"))
    moved = (after - before).norm(dim=1)
    others = torch.ones(36, dtype=torch.bool)
    others[found.case.items] = False
    assert not moved[others].any()
    typical = np.median(before.norm(dim=1).numpy())
    assert moved.max() == pytest.approx(0.3 * typical, rel=1e-3)
    (row,) = found.rows
    assert row.after > row.before


def test_cw_changes_vectors_by_no_more_than_it_takes(tmp_path):
    """Without any limit, no row moves by as much as a third of its length."""
    given = parts(attack=CWRows(steps=40), budget=Rows(eps=torch.inf), **VECTORS)
    found = run(**given, store=Store(tmp_path))
    before, after = (found.shown[side][found.case.items] for side in ("before", "after"))
    moved = (after - before).norm(dim=1)
    assert (moved > 0).all()
    assert (moved < before.norm(dim=1) / 3).all()
    (row,) = found.rows
    assert row.after > row.before


def test_who_is_shown_no_vectors_is_not_promoted_by_them():
    with pytest.raises(IncompatibleError, match="BPRMF is not shown vectors"):
        PromoteVectors(toy_world().train, taught(BPRMF, epochs=1), toy_visuals(None))


def test_ready_features_are_audited_without_pictures():
    ready = ["dataset=features", "dataset.path=x", "dataset.dataset.path=y", "extractor=ready"]
    kind = kinds.kind_of(Composition(ready, conf_dir()), None)
    assert (kind.name, kind.trains, kind.defended) == ("features", True, False)
    for adversary in kind.adversaries:
        cfg = Composition([*ready, *kind.settings, *adversary.settings], conf_dir()).cfg
        assert cfg.threat.surface.every is False
        assert cfg.budget._target_.endswith("RowShares")
        assert cfg.objective._target_.endswith("PromoteVectors")


def test_the_page_says_that_nothing_is_said_of_visibility(tmp_path):
    runs = entry(tmp_path, "hat", (0.1, 0.11, 0.09))
    whom = [r | {"adversary": "knows everything", "knows": "x", "cost": {}} for r in runs]
    for one in whom:
        one["cost"] = {"gradients": 40}
    told = page(Findings(runs, whom, [], "hat", kind="features"), "Audit", "again")
    for sentence in (
        "Whoever knows the recommender, and may change the vectors of its items",
        "Visibility: there are no pictures, so nothing is said of what a customer would see.",
        "+10.0 (+7.5 to +12.5)",
    ):
        assert sentence in told, sentence
    assert 'id="defences' not in told
