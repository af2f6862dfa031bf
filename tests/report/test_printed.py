"""Ours beside theirs, and what they claim."""

import pytest

from vrbench.cli.folders import conf_dir, files_of
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.report.papers import claims
from vrbench.report.papers.paper_spec import read_paper
from vrbench.report.papers.published_comparison import (
    BASE,
    RETRAINED,
    Cell,
    beside,
    labelled,
    measured,
    printed,
)

REPORTED = conf_dir() / "reported"
LABELS = {
    "recommender": {"vbpr": "VBPR"},
    "extractor": {"standard": "T", "free": "FAT"},
    "defence": {"": "none", "extractor=free&threat=evasion": "known"},
    "state": {"recommender.linear_reg=true": "on"},
}


def entry(before=0.5, after=1.0, seed=0, control=None, p=None, overrides=(), **names):
    known = {"recommender": "vbpr", "extractor": "standard", "attack": "pgd", "threat": "evasion"}
    parts = {part: {"name": name} for part, name in (known | names).items()}
    row = {"metric": "CHR@20", "before": before, "after": after, "control": control, "p": p}
    parts["budget"] = {"name": "linf_4", "eps": 4.0}
    return {"seed": seed, "parts": parts, "rows": [row], "overrides": list(overrides)}


def values(cells):
    return {tuple(c.where.values()): c.value for c in cells}


def test_rules_name_choices_and_make_axes_of_them():
    told = labelled(entry(), LABELS)
    assert (told["recommender"], told["extractor"], told["defence"]) == ("VBPR", "T", "none")
    assert told["eps"] == "4"
    assert labelled(entry(extractor="free"), LABELS)["defence"] == "known"
    assert labelled(entry(extractor="free", threat="unaware"), LABELS)["defence"] == "none"
    for spelt in ("true", "True"):  # by a person, and by a sweep
        flagged = entry(overrides=[f"recommender.linear_reg={spelt}"])
        assert labelled(flagged, LABELS)["state"] == "on"


def test_ours_are_means_over_seeds_and_the_clean_value_is_counted_once_per_seed():
    runs = [entry(attack="fgsm", after=0.7), entry(control=0.6), entry(0.7, 1.2, 1, 0.9)]
    cells = measured(runs, ["attack"], LABELS, ["CHR@20"], "value")
    assert values(cells) == pytest.approx(
        {(BASE,): 0.6, ("fgsm",): 0.7, ("pgd",): 1.1, (RETRAINED,): 0.75}
    )
    spread = {c.where["attack"]: c.spread for c in cells}
    assert spread[BASE] == pytest.approx(0.2 / 2**0.5)  # of .5 and .7
    assert spread["fgsm"] is None  # one seed


def test_changes_clean_values_and_sides():
    runs = [entry(p=0.01), entry(0.5, 0.25, seed=1, p=0.3)]
    (change,) = measured(runs, ["recommender"], LABELS, ["CHR@20"], "change")
    assert change.value == pytest.approx((100 - 50) / 2)
    (clean,) = measured(runs, ["recommender"], LABELS, ["CHR@20"], "clean")
    assert clean.value == 0.5
    names = [f"CHR@20 {side}" for side in ("clean", "attacked", "starred")]
    sides = measured(runs, ["recommender"], LABELS, names, "sides")
    assert {c.metric: c.value for c in sides} == dict(zip(names, (0.5, 0.625, 0.5), strict=True))


def test_the_difference_is_ours_minus_printed():
    ours = [Cell({"recommender": "VBPR"}, "m", 0.5), Cell({"recommender": "EASE"}, "m", 0.25)]
    theirs = [
        Cell({"data": "Men", "recommender": "VBPR"}, "m", 0.75),
        Cell({"data": "Women", "recommender": "VBPR"}, "m", 0.25),
        Cell({"data": "Men", "recommender": "AMR"}, "m", 0.125),
    ]
    heads, lines = beside(ours, theirs, ["recommender"], ["m"])
    assert heads == ["data", "recommender", "m ours", "printed", "difference"]
    assert lines == [
        ["Men", "VBPR", "0.5", "0.75", "-0.25"],
        ["Women", "VBPR", "0.5", "0.25", "+0.25"],
        ["Men", "AMR", "-", "0.125", "-"],
        ["-", "EASE", "0.25", "-", "-"],
    ]
    assert beside(ours, [], ["recommender"], ["m"])[0] == ["recommender", "m"]


def test_every_file_of_printed_numbers_is_read_and_names_its_source():
    for path in REPORTED.glob("*.yaml"):
        assert "source: " in path.read_text()
        show = "change" if "\nlines:" in path.read_text() else "value"
        assert printed(path, show), path
    var = values([c for c in printed(REPORTED / "var.yaml") if c.metric == "CHR@20"])
    assert len(var) == 52
    assert var["VBPR", "PGD", "T"] == 1.148
    assert var["AMR", "Base", "FAT"] == 0.1076
    apr = values(printed(REPORTED / "apr.yaml", "change"))
    assert apr["BPR-MF", "Gowalla", "gradient", "2"] == -78.0
    cfgan = printed(REPORTED / "cfgan.yaml")
    assert len(cfgan) == 14 * 8
    shift = values(
        [c for c in printed(REPORTED / "denoise.yaml") if c.metric == "prediction shift"]
    )
    assert shift["Men", "AMR", "SIGN", "denoised"] == 1.0969


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "a.yaml").write_text("tables: [{heads: [a, m], rows: [[x]]}]")
    with pytest.raises(DataError, match=r"a\.yaml is no file of printed numbers"):
        printed(tmp_path / "a.yaml")
    with pytest.raises(MissingDataError, match=r"no file .*b\.yaml"):
        printed(tmp_path / "b.yaml")


# -- claims ---------------------------------------------------------------------------------------


def cells(metric, axes, *rows):
    return [Cell(dict(zip(axes, place, strict=True)), metric, v) for *place, v in rows]


def of_paper(name, metric, show="value", **where):
    found = [c for c in printed(REPORTED / f"{name}.yaml", show) if c.metric == metric]
    return [c for c in found if where.items() <= c.where.items()]


def test_threefold_is_of_the_attack_and_not_of_a_retrain():
    axes = ["recommender", "attack"]
    base = ("VBPR", BASE, 0.2)
    assert claims.recommended_more_often(cells("CHR@20", axes, base, ("VBPR", "PGD", 0.6))).holds
    few = cells("CHR@20", axes, base, ("VBPR", "PGD", 0.4), ("VBPR", RETRAINED, 0.9))
    verdict = claims.recommended_more_often(few)
    assert verdict.holds is None
    assert "at most x 2.00, a clean retrain x 4.50" in verdict.said
    assert "no oracle beside it" in verdict.said
    able = [*few, *cells("CHR@20", axes, ("VBPR", "transplant", 1.5))]
    assert claims.recommended_more_often(able).holds is False
    assert claims.recommended_more_often([]).holds is None


def test_vars_own_table_bears_its_claim_out_in_half_of_its_cells():
    verdict = claims.defences_do_not_protect(of_paper("var", "CHR@20"))
    assert verdict.holds
    assert "in 11 of 22 cells" in verdict.said
    axes = ["recommender", "attack", "extractor"]
    shields = cells(
        "CHR@20",
        axes,
        ("VBPR", BASE, "T", 1.0),
        ("VBPR", "PGD", "T", 2.0),
        ("VBPR", BASE, "AT", 1.0),
        ("VBPR", "PGD", "AT", 1.1),
    )
    assert claims.defences_do_not_protect(shields).holds is False
    idle = [c for c in shields if c.where["attack"] == BASE] + [
        Cell(c.where, c.metric, 0.5) for c in shields if c.where["attack"] != BASE
    ]
    assert claims.defences_do_not_protect(idle).holds is None


def test_a_rise_within_what_a_retrain_moves_is_none():
    axes = ["recommender", "attack", "extractor"]
    shop = [("VBPR", BASE, "T", 1.0), ("VBPR", "PGD", "T", 1.01)]
    shop += [("VBPR", BASE, "AT", 1.0), ("VBPR", "PGD", "AT", 1.02)]
    assert claims.defences_do_not_protect(cells("CHR@20", axes, *shop)).holds
    shop += [("VBPR", RETRAINED, e, 0.9) for e in ("T", "AT")]
    verdict = claims.defences_do_not_protect(cells("CHR@20", axes, *shop))
    assert verdict.holds is None
    assert "in 1 of 1 pair of cells the rise is not told from a clean retrain" in verdict.said


@pytest.mark.parametrize("name", ["apr", "amr_test"])
def test_the_printed_falls_bear_their_claims_out(name):
    falls = of_paper(name, "nDCG@100" if name == "apr" else "nDCG@10", "change")
    assert claims.adversarial_training_falls_less(falls).holds
    other = [Cell(c.where, c.metric, -c.value) for c in falls]
    assert claims.adversarial_training_falls_less(other).holds is False


def test_noise_and_single_steps_are_compared_at_the_same_size():
    axes = ["recommender", "attack", "eps"]
    falls = cells(
        "nDCG@100",
        axes,
        ("BPR-MF", "FGSM", "0.5", -20.0),
        ("BPR-MF", "noise", "0.5", -2.0),
        ("BPR-MF", "noise", "1", -30.0),
        ("BPR-MF", "PGD-10", "0.5", -40.0),
        ("BPR-MF", "PGD-10", "1", -10.0),
    )
    assert claims.gradient_beats_noise(falls[:3]).holds
    assert claims.iterating_is_stronger(falls).holds
    assert claims.gradient_beats_noise(falls).holds is False  # -10 against noise's -30
    worse = [*falls[:3], *cells("nDCG@100", axes, ("BPR-MF", "PGD-10", "0.5", -10.0))]
    assert claims.iterating_is_stronger(worse).holds is False


def test_worse_than_guessing_takes_a_guesser():
    axes = ["recommender", "attack"]
    guess, pushed = ("Random", BASE, 0.02), ("BPR-MF", "PGD-10", 0.01)
    assert claims.worse_than_random(cells("nDCG@100", axes, guess, pushed)).holds
    assert claims.worse_than_random(cells("nDCG@100", axes, pushed)).holds is None
    one_step = ("BPR-MF", "FGSM", 0.001)
    above = ("BPR-MF", "PGD-10", 0.03)
    assert claims.worse_than_random(cells("nDCG@100", axes, guess, one_step, above)).holds is False


def test_the_denoisers_printed_shifts():
    men = of_paper("denoise", "prediction shift", data="Men")
    assert claims.ranker_promotes_classifier_does_not(men).holds
    assert claims.denoising_shrinks_the_shift(men).holds
    swapped = [
        Cell(c.where | {"attack": {"TAaMR": "SIGN", "SIGN": "TAaMR"}[a]}, c.metric, c.value)
        for c in men
        if (a := c.where["attack"]) != "INSA"
    ]
    assert claims.ranker_promotes_classifier_does_not(swapped).holds is False


def test_cfgan_is_best_in_its_own_table_only():
    own = of_paper("cfgan", "nDCG@20", data="ML-100K")
    assert claims.cfgan_is_best(own).holds
    verdict = claims.cfgan_is_best([*own, Cell({"recommender": "EASE"}, "nDCG@20", 0.44)])
    assert verdict.holds is False
    assert verdict.said.endswith("above it: EASE")


# -- papers ---------------------------------------------------------------------------------------


def test_every_paper_is_whole():
    papers = files_of("reproduce", conf_dir())
    assert papers
    for name in papers:
        paper = read_paper(name, papers)
        assert all(claim.test in claims.CLAIMS for claim in paper.claims), name
        assert paper.choice("boutique") == "boutique"
        for runs in paper.runs.values():
            assert set(runs) <= set(paper.data), name
            assert runs["boutique"], name
        if paper.reported:
            theirs = printed(REPORTED / f"{paper.reported}.yaml", paper.show)
            assert set(paper.metrics) & {c.metric for c in theirs}, name
            assert all(set(paper.axes) <= set(c.where) for c in theirs if c.metric in paper.metrics)


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    papers = files_of("reproduce", conf_dir())
    with pytest.raises(ConfigError, match="no paper 'tamr'; did you mean 'taamr'"):
        read_paper("tamr", papers)
    paper = read_paper("var", papers)
    with pytest.raises(ConfigError, match="no data 'botique'; did you mean 'boutique'"):
        paper.choice("botique")
    with pytest.raises(ConfigError, match="no preset 'var2020'; did you mean 'var2021'"):
        paper.presets("var2020", "boutique")
    monkeypatch.setenv("VRBENCH_DATA", str(tmp_path))
    assert read_paper("apr", papers).choice(None) == "boutique"
    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k" / "ml-100k.inter").touch()
    assert read_paper("apr", papers).choice(None) == "ml_100k"
    (tmp_path / "broken.yaml").write_text("title: x")
    with pytest.raises(DataError, match=r"broken\.yaml describes no paper"):
        read_paper("broken", {"broken": tmp_path / "broken.yaml"})


AIP = ["recommender", "flag", "attack"]


def test_an_insider_promotes_further_than_an_expert():
    row = ("VBPR", "none")
    clean, insider = (*row, BASE, 0.04), (*row, "INSA", 0.3)
    for expert, further in ((0.05, True), (0.4, False)):
        told = cells("injected HR@20", AIP, clean, insider, (*row, "EXPA", expert))
        assert claims.insider_promotes(told).holds
        assert claims.insider_promotes_most(told).holds is further
    fallen = cells("injected HR@20", AIP, clean, (*row, "INSA", 0.01))
    assert claims.insider_promotes(fallen).holds is False
    assert claims.insider_promotes_most(fallen).holds is None


def test_an_expert_of_another_flag_is_the_same_expert():
    told = [("VBPR", "hook by number", "EXPA", 0.1), ("VBPR", "none", "INSA", 0.3)]
    told += [("VBPR", flag, BASE, 0.04) for flag in ("none", "hook by number")]
    assert claims.insider_promotes_most(cells("injected HR@20", AIP, *told)).holds


def test_a_black_box_must_push_further_than_noise():
    row = ("VBPR", "one user, scores", "none")
    axes = ["recommender", "aim", "flag", "attack"]
    found = [(*row, BASE, 0.1), (*row, "regression", 0.6)]
    assert claims.black_box_promotes(cells("audience HR@20", axes, *found)).holds
    louder = [*found, (*row, "noise", 0.7)]
    assert claims.black_box_promotes(cells("audience HR@20", axes, *louder)).holds is False
