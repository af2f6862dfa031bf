"""Paired tests against scipy itself, corrections against values worked out by hand."""

import json
import math

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import stats

from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.report.effect_size import effect
from vrbench.report.significance import Sample, compare, corrected, samples, table

PARTS = ("dataset", "extractor", "recommender", "attack", "budget", "objective", "scenario")


def write(folder, before, after=None, *, seed=0, per="user", data="k", values=True, **named):
    folder.mkdir()
    parts = {part: {"name": "same", "key": "k"} for part in (*PARTS, "threat")}
    parts["dataset"] = {"name": named.pop("dataset", "shop"), "key": data}
    parts |= {part: {"name": name, "key": name} for part, name in named.items()}
    kept = {"before": np.asarray(before, dtype=np.float32)}
    if after is not None:
        kept["after"] = np.asarray(after, dtype=np.float32)
    means = {side: float(np.nanmean(v)) for side, v in kept.items()}
    row = {"metric": "nDCG@20", "per": per, "before": means["before"], "after": means.get("after")}
    entry = {"schema": 1, "seed": seed, "parts": parts, "rows": [row]}
    (folder / "rows.json").write_text(json.dumps(entry))
    if values:
        save_file({f"nDCG@20/{s}": v for s, v in kept.items()}, folder / "values.safetensors")


def users(count, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(rng.uniform(size=count), 1) + shift  # with ties, and zeros among differences


def test_p_values_are_scipys_on_the_users_whom_both_define(tmp_path):
    a, b = users(80), users(80, 0.1, seed=1)
    a[3], b[5] = math.nan, math.nan
    b[10:20] = a[10:20]
    write(tmp_path / "a", a, recommender="mf")
    write(tmp_path / "b", b, recommender="deep")
    (found,) = compare(samples([tmp_path], "nDCG@20", "before"), "mf", "none")
    assert (found.model, found.other, found.n) == ("deep", "mf", 78)
    both = [n for n in range(80) if n not in (3, 5)]
    x, y = (v.astype(np.float32).astype(np.float64)[both] for v in (b, a))
    assert found.t == found.t_corrected == stats.ttest_rel(x, y).pvalue
    assert found.w == found.w_corrected == stats.wilcoxon(x, y, zero_method="pratt").pvalue
    assert found.w != stats.wilcoxon(x, y, zero_method="wilcox").pvalue
    assert found.mean == pytest.approx(x.mean())
    assert found.base == pytest.approx(y.mean())


def test_beside_each_p_value_stands_how_large_the_difference_is():
    """The interval is scipy's, d and r are worked out by hand."""
    difference = np.array([0.3, 0.1, -0.2, 0.0, 0.5, 0.4])
    base = np.full(6, 0.25)
    (found,) = compare([Sample("a", base + difference, (0,)), Sample("b", base, (0,))], "b")
    interval = stats.ttest_rel(base + difference, base).confidence_interval(0.95)
    assert (found.effect.low, found.effect.high) == pytest.approx(tuple(interval))
    assert found.effect.d == pytest.approx(difference.mean() / difference.std(ddof=1))
    # ranks of .0 .1 .2 .3 .4 .5 are 1 2 3 4 5 6: above 0 are 2 + 4 + 5 + 6, below it 3
    assert found.effect.r == pytest.approx((17 - 3) / 20)
    heads, [line] = table([found])
    assert heads[6:12] == ["95 % low", "high", "d", "t-test p", "corrected", "r"]
    assert (line[8], line[11]) == ("0.69", "0.70")
    assert effect(np.zeros(5)) == (0.0, 0.0, 0.0, 0.0)
    assert effect(np.full(5, 0.1)).d == math.inf
    assert effect(np.full(5, -0.1))[3] == -1


def test_holm_and_benjamini_hochberg_by_hand():
    p = [0.01, 0.04, 0.03, 0.005]
    # sorted .005 .01 .03 .04: times 4 3 2 1 is .02 .03 .06 .04, and never falling
    assert corrected(p, "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # sorted: times 4/1 4/2 4/3 4/4 is .02 .02 .04 .04
    assert corrected(p, "fdr") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert corrected(p, "none") == p
    assert corrected([0.6, 0.5, 0.9], "holm") == pytest.approx([1, 1, 1])
    # a middle one is bounded by the one above it: .3 * 3 / 2 = .45 > .31
    assert corrected([0.31, 0.3, 0.001], "fdr") == pytest.approx([0.31, 0.31, 0.003])
    assert corrected([0.02], "holm") == corrected([0.02], "fdr") == pytest.approx([0.02])


def test_a_table_is_corrected_as_one_family_and_all_pairs_are_a_larger_one():
    base = users(60)
    models = [Sample("base", base, (0,))]
    models += [Sample(f"m{n}", users(60, 0.1 * n, seed=n), (0,)) for n in (1, 2, 3)]
    against = compare(models, "base", "holm")
    assert [(c.model, c.other) for c in against] == [(f"m{n}", "base") for n in (1, 2, 3)]
    assert [c.t_corrected for c in against] == corrected([c.t for c in against], "holm")
    assert [c.w_corrected for c in against] == corrected([c.w for c in against], "holm")
    pairs = compare(models, None, "holm")
    assert len(pairs) == 6
    assert all(c.t_corrected >= c.t for c in pairs)
    assert max(c.t_corrected / c.t for c in against) == pytest.approx(3)
    assert max(c.t_corrected / c.t for c in pairs) == pytest.approx(6)


def test_seeds_are_averaged_per_user_before_anything_is_tested(tmp_path):
    for seed in (0, 1):
        write(tmp_path / f"a{seed}", users(50, seed=seed), seed=seed, recommender="a")
    write(tmp_path / "b", users(50, seed=2), recommender="b")
    a, b = samples([tmp_path], "nDCG@20", "before")
    assert (a.label, a.seeds, b.seeds) == ("a", (0, 1), (0,))
    assert a.values == pytest.approx((users(50, seed=0) + users(50, seed=1)) / 2)


def test_attacks_tell_clean_models_apart_only_where_attacked_ones_are_asked_for(tmp_path):
    clean = users(20)
    for n, attack in enumerate(("fgsm", "noise")):
        write(tmp_path / attack, clean, clean - 0.1 * (n + 1), recommender="a", attack=attack)
    write(tmp_path / "b", users(20, seed=3), recommender="b", attack="fgsm")
    assert [s.label for s in samples([tmp_path], "nDCG@20", "before")] == ["a", "b"]
    after = samples([tmp_path], "nDCG@20", "after")
    assert [s.label for s in after] == ["fgsm", "noise"]
    assert after[1].values == pytest.approx(clean - 0.2)


def test_equal_models_are_no_discovery_and_a_constant_difference_is():
    base = users(20)
    same, more = Sample("same", base, (0,)), Sample("more", base + 0.5, (0,))
    found = {c.model: c for c in compare([Sample("base", base, (0,)), same, more], "base")}
    assert (found["same"].t, found["same"].w) == (1.0, 1.0)
    assert found["more"].t_corrected < 1e-6
    assert found["more"].w_corrected < 1e-3


def test_different_data_or_splits_are_not_paired(tmp_path):
    write(tmp_path / "a", users(20), recommender="a", dataset="shop", data="1")
    write(tmp_path / "b", users(20), recommender="b", dataset="films", data="2")
    with pytest.raises(ConfigError, match=r"cannot be paired: films \(2\) and shop \(1\)"):
        samples([tmp_path], "nDCG@20", "before")
    write(tmp_path / "c", users(20), recommender="b", dataset="shop", data="3")
    with pytest.raises(ConfigError, match=r"cannot be paired: shop #1 \(1\) and shop #3 \(3\)"):
        samples([tmp_path / "a", tmp_path / "c"], "nDCG@20", "before")


def test_mistakes_are_named(tmp_path):
    write(tmp_path / "a", users(20), recommender="a")
    write(tmp_path / "b", users(20, seed=1), recommender="b")
    both = samples([tmp_path], "nDCG@20", "before")
    with pytest.raises(ConfigError, match="did you mean 'nDCG@20'"):
        samples([tmp_path], "nDCG@2", "before")
    with pytest.raises(ConfigError, match="no run has 'nDCG@20' per user after an attack"):
        samples([tmp_path], "nDCG@20", "after")
    with pytest.raises(ConfigError, match=r"no model 'c' \(there is: a, b\)"):
        compare(both, "c")
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare(both[:1])
    with pytest.raises(ConfigError, match="share 1 user:"):
        compare([Sample("a", np.array([1.0, np.nan]), (0,)), Sample("b", np.ones(2), (0,))])
    write(tmp_path / "c", users(20, seed=2), recommender="b")
    with pytest.raises(DataError, match="two runs of b, seed 0, disagree"):
        samples([tmp_path], "nDCG@20", "before")
    write(tmp_path / "d", users(20), recommender="a", per="image")
    with pytest.raises(ConfigError, match=r"no run has 'nDCG@20'.*there is: nothing"):
        samples([tmp_path / "d"], "nDCG@20", "before")
    write(tmp_path / "e", users(20), recommender="a", values=False)
    with pytest.raises(MissingDataError, match=r"values\.safetensors: values per user"):
        samples([tmp_path / "e"], "nDCG@20", "before")


def test_the_command_prints_a_table_and_exact_numbers_as_csv(tmp_path, capsys):
    write(tmp_path / "a", users(40), recommender="a")
    write(tmp_path / "b", users(40, 0.3, seed=1), recommender="b")
    assert COMMANDS["compare"]([str(tmp_path), "--baseline", "a", "--correction", "fdr"]) == 0
    shown = capsys.readouterr().out
    assert "model  against  users" in shown
    assert "<.001" in shown
    file = tmp_path / "out.csv"
    COMMANDS["compare"]([str(tmp_path), "--baseline", "a", "--format", "csv", "--out", str(file)])
    (found,) = compare(samples([tmp_path], "nDCG@20", "before"), "a")
    line = file.read_text().splitlines()[1].split(",")
    assert [float(v) for v in line[9:11]] == [found.t, found.t_corrected]
    assert [float(v) for v in line[3:6]] == [found.mean, found.base, found.mean - found.base]
    assert table([found])[1][0][:3] == ["b", "a", "40"]
