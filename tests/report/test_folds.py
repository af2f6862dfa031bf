"""Folds of one data set are one cell: means, spread and tests over all of them."""

import json
from statistics import stdev

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.stats import ttest_rel

from vrbench.core.errors import ConfigError
from vrbench.report.leaderboard import board, load, unrounded
from vrbench.report.run_records import AXES, ambiguous, read
from vrbench.report.significance import compare, samples

METRIC = "nDCG@20"


def run(place, values, *, fold=0, valid=0, seed=0, users=None, shared="all", model="mf", **part):
    """Leave what a run on one fold leaves: a number per user, NaN for who is not tested."""
    folder = place / f"{model} {fold}.{valid} {seed} {shared}"
    folder.mkdir(parents=True)
    parts = {axis: {"name": "same", "key": "k"} for axis in (*AXES, "scenario")}
    parts["recommender"] = {"name": model, "key": model}
    which = {"number": fold, "valid": valid, "count": 3, "valid_count": 1, "shared": shared}
    settings = {"split.folds": 3, "of.fold": fold, "valid_fold": valid} | part
    changed = {"of.fold": fold} if fold else {}
    parts["dataset"] = {
        "name": "ratings+k_fold",
        "key": f"{shared} {fold} {valid}",
        "fold": which,
        "settings": settings,
        "changed": changed,
    }
    row = {"metric": METRIC, "per": "user", "before": float(np.nanmean(values)), "after": None}
    entry = {"schema": 1, "seed": seed, "parts": parts, "rows": [row]}
    (folder / "rows.json").write_text(json.dumps(entry))
    known = np.arange(len(values)) if users is None else np.asarray(users)
    kept = {f"{METRIC}/before": np.asarray(values, dtype=np.float32), "users": known}
    save_file(kept, folder / "values.safetensors")


def test_the_spread_is_over_seeds_times_folds(tmp_path):
    means = {(0, 0): 0.25, (1, 0): 0.5, (0, 1): 0.75, (1, 1): 1.0}
    for (fold, seed), value in means.items():
        run(tmp_path, [value, value], fold=fold, seed=seed)
    heads, lines = board(load([tmp_path]))
    assert heads == ["attacked pictures", "seeds x folds", METRIC][-len(heads) :]
    assert lines[0][-2:] == ["2 x 2", f"0.625 ± {stdev(means.values()):.2g}"]
    (cell,) = unrounded(load([tmp_path]))["cells"]
    assert cell["folds"] == ((0, 0), (1, 0))
    assert sorted(cell["metrics"][METRIC]["clean"]) == [0.25, 0.5, 0.75, 1.0]


def test_a_missing_run_is_told(tmp_path):
    for fold, seed in ((0, 0), (1, 0), (0, 1)):
        run(tmp_path, [1, 1], fold=fold, seed=seed)
    assert board(load([tmp_path]))[1][0][-2] == "3 of 2 x 2"


def test_nested_folds_are_runs_of_one_cell(tmp_path):
    for fold in (0, 1):
        for valid in (0, 1, 2):
            run(tmp_path, [fold + valid] * 2, fold=fold, valid=valid)
    assert board(load([tmp_path]))[1][0][-2:] == ["1 x 6", f"1.5 ± {stdev([0, 1, 2, 1, 2, 3]):.2g}"]


def test_folds_are_no_settings_and_other_splits_are(tmp_path):
    for fold in (0, 1):
        run(tmp_path, [0.5, 0.5], fold=fold)
    assert ambiguous(entry for _, entry in read([tmp_path])) == []
    run(tmp_path, [0.9, 0.9], shared="other", **{"split.folds": 5})
    assert [line.partition(":")[0] for line in ambiguous(e for _, e in read([tmp_path]))] == [
        "dataset=ratings+k_fold stands for 2 different settings"
    ]
    heads, lines = board(load([tmp_path]))
    assert heads[0] == "dataset.split.folds"
    assert [(line[0], line[-2]) for line in lines] == [("3", "1 x 2"), ("5", "1 x 1")]


def test_a_user_of_several_folds_counts_once_in_a_test(tmp_path):
    """User 10 is tested on both folds, 11 on the first, 12 on the second, 13 on neither."""
    nan = float("nan")
    run(tmp_path, [0.25, 0.5, nan], fold=0, seed=0, users=[10, 11, 13])
    run(tmp_path, [0.75, 0.5, nan], fold=0, seed=1, users=[10, 11, 13])
    run(tmp_path, [0.125, 1.0], fold=1, seed=0, users=[12, 10])
    run(tmp_path, [0.25, 0.25, nan], fold=0, model="deep", users=[10, 11, 13])
    run(tmp_path, [0.5, 0.75], fold=1, model="deep", users=[12, 10])
    deep, mf = samples([tmp_path], METRIC, "before")
    assert mf.values[:3].tolist() == [0.75, 0.5, 0.125]  # (0.5 + 1) / 2: seeds first, then folds
    assert np.isnan(mf.values[3])
    assert deep.values[:3].tolist() == [0.5, 0.25, 0.5]
    assert mf.seeds == (0, 1)
    (found,) = compare([deep, mf], "mf", "none")
    assert (found.n, found.mean, found.base) == (
        3,
        pytest.approx(1.25 / 3),
        pytest.approx(1.375 / 3),
    )
    assert found.t == pytest.approx(ttest_rel([0.5, 0.25, 0.5], [0.75, 0.5, 0.125]).pvalue)


def test_models_on_different_folds_are_not_compared(tmp_path):
    run(tmp_path, [1, 1], fold=0)
    run(tmp_path, [1, 1], fold=0, model="deep")
    run(tmp_path, [1, 1], fold=1, valid=2, model="deep")
    with pytest.raises(ConfigError, match=r"deep on 0, 1\.2; mf on 0|mf on 0; deep on 0, 1\.2"):
        samples([tmp_path], METRIC, "before")


def test_different_data_is_still_refused(tmp_path):
    run(tmp_path, [1, 1], fold=0)
    run(tmp_path, [1, 1], fold=0, shared="other", model="deep", **{"split.folds": 5})
    with pytest.raises(ConfigError, match="users of different data or splits cannot be paired"):
        samples([tmp_path], METRIC, "before")
