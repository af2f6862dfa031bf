"""A claim is judged by seeds, on runs whose premise is met; else it cannot be told."""

import pytest

from vrbench.cli.commands.reproduce import _weakened
from vrbench.report.over_seeds import difference, independent, interval, paired
from vrbench.report.papers import claims
from vrbench.report.papers.published_comparison import BASE, Cell, beside, measured

AXES = ["recommender", "extractor", "attack"]
LABELS = {
    "extractor": {"standard": "T", "adversarial": "AT"},
    "recommender": {"vbpr": "VBPR"},
    "attack": {"pgd": "PGD"},
}
LOW, HIGH = {"chr": 0.7, "uniform": 1.2, "lift": 0.6}, {"chr": 1.8, "uniform": 1.2, "lift": 1.5}
STANDING = {"source": LOW, "target": HIGH}
BAG = [(0.67, 2.02, 0.43), (0.91, 1.66, 0.65), (0.39, 1.80, 0.83)]  # clean, attacked, retrained
NOISE = [(c, c * by, r) for (c, _, r), by in zip(BAG, (1.03, 0.93, 1.27), strict=True)]


def run(seed, before, after, control, *, success=0.9, standing=STANDING, **names):
    """A record of one run: an attack on a category, poisoning."""
    known = {"recommender": "vbpr", "extractor": "standard", "attack": "pgd"}
    known |= {"objective": "target_class"} | names
    parts = {part: {"name": name} for part, name in known.items()}
    rows = [{"metric": "CHR@20", "before": before, "after": after, "control": control, "p": 1e-4}]
    if success is not None:
        rows.append({"metric": "success", "before": 0.0, "after": success, "control": None})
    case = {"source": "bag", "target": "watch", "items": 3, "labels": "catalogue", "k": 20}
    case |= {} if standing is None else {"standing": standing}
    return {"seed": seed, "parts": parts, "rows": rows, "case": case, "overrides": []}


def runs(numbers, **more):
    return [run(seed, *told, **more) for seed, told in enumerate(numbers)]


def oracle(by, numbers, attack="transplant"):
    """True features of target items, which multiply the clean number."""
    told = [(before, before * by, again) for before, _, again in numbers]
    return runs(told, attack=attack, success=None)


SEEDS = range(3)
ORACLE = oracle(10.0, NOISE)


def cells(entries, metric="CHR@20"):
    return measured(entries, AXES, LABELS, [metric], "value")


def threefold(entries):
    return claims.recommended_more_often(cells(entries))


def test_a_rise_on_a_case_that_meets_its_premise_holds():
    verdict = threefold(runs(BAG))
    assert verdict.holds
    assert "at most x 2.94 (" in verdict.said  # geometric mean
    assert "over 3 runs of 3 seeds, a clean retrain x 0.99 (" in verdict.said
    assert verdict.said.endswith("(VBPR, T, PGD)")
    assert str(verdict).startswith("holds: ")


def test_noise_comes_out_as_nothing_whatever_its_p_values_say():
    assert threefold(runs(NOISE) + ORACLE).holds is False  # called an attack: not threefold
    assert threefold(runs(NOISE)).holds is None  # nothing says that the bench could have seen it
    assert threefold(runs(NOISE, attack="noise")).holds is None  # no attack was measured
    steady = [(c, c + 0.006, r) for c, r in ((1.028, 0.95), (1.03, 1.1), (1.02, 1.04))]
    defended = runs(steady) + runs(steady, extractor="adversarial")
    verdict = claims.defences_do_not_protect(cells(defended))
    assert verdict.holds is None
    assert "in 1 of 1 pair of cells the rise is not told from a clean retrain" in verdict.said


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"standing": None}, "not recorded where source and target stood"),
        ({"standing": {"source": None, "target": HIGH}}, "not recorded where"),
        ({"standing": {"source": HIGH, "target": HIGH}}, "source not low (CHR 1.80, by chance 1.2"),
        ({"standing": {"source": LOW, "target": LOW}}, "target not high (CHR 0.70, by chance 1.2"),
        ({"success": None}, "success not measured"),
        ({"success": 0.0}, "success 0"),
        ({"success": 0.5}, "success 0.5"),
    ],
)
def test_without_its_premise_nothing_can_be_told_of_a_cell_and_the_table_says_why(more, why):
    ours = cells(runs(BAG, **more))
    verdict = claims.recommended_more_often(ours)
    assert verdict.holds is None
    assert why in verdict.said
    assert str(verdict).startswith("cannot be told: ")
    heads, lines = beside(ours, [], AXES, ["CHR@20"])
    assert heads[-1] == "cannot be told"
    said = {line[2]: line[-1] for line in lines}
    assert why in said["PGD"]
    assert said[BASE] == "-"


def test_runs_with_a_doubt_are_left_out_and_the_rest_must_be_three_seeds():
    flat = {"standing": {"source": HIGH, "target": HIGH}}
    more = [*runs(BAG), run(3, 5.0, 1.0, 5.0, **flat)]
    assert threefold(more).holds
    less = [*runs(BAG[:2]), run(3, 5.0, 1.0, 5.0, **flat)]
    verdict = threefold(less)
    assert verdict.holds is None
    assert "2 of at least 3 seeds: source not low" in verdict.said
    assert "(1 of 3 runs)" in verdict.said
    assert "2 of at least 3 seeds" in threefold(runs(BAG[:2])).said


def test_without_a_clean_retrain_nothing_can_be_told():
    verdict = threefold(runs([(before, after, None) for before, after, _ in BAG]))
    assert verdict.holds is None
    assert "no clean retrain" in verdict.said


def test_a_ratio_that_may_be_three_over_seeds_is_not_refuted():
    wide = [(1.0, 1.0, 1.1), (1.0, 4.0, 0.9), (1.0, 1.5, 1.0)]
    verdict = threefold(runs(wide))
    assert verdict.holds is None
    assert "the ratio may be threefold over seeds" in verdict.said
    narrow = [(1.0, 1.4, 1.1), (1.0, 1.5, 0.9), (1.0, 1.45, 1.0)]
    assert threefold(runs(narrow) + oracle(2.0, narrow)).holds is False


def test_a_defence_is_judged_where_the_attack_reaches_the_bare_extractor():
    shielded = [(1.0, 1.01, 1.05), (1.0, 1.02, 0.95), (1.0, 0.99, 1.0)]
    bare = [(1.0, 2.0, 1.1), (1.0, 2.2, 0.9), (1.0, 2.1, 1.0)]

    def judged(bare_more=(), **more):
        entries = runs(bare, **dict(bare_more))
        return claims.defences_do_not_protect(
            cells(entries + runs(shielded, extractor="adversarial", **more))
        )

    assert judged().holds is False
    assert judged(success=0.0).holds is False  # what a defence is for
    verdict = judged({"success": 0.0})
    assert verdict.holds is None
    assert "success 0" in verdict.said
    idle = claims.defences_do_not_protect(cells(runs(bare) + runs(bare, extractor="adversarial")))
    assert idle.holds is None  # the same rise: within chance


def test_pairs_of_cells_are_compared_over_seeds():
    def of(attack, *values):
        found = {((seed, 0, 0), ""): v for seed, v in enumerate(values)}
        where = {"recommender": "BPR-MF", "attack": attack, "eps": "1"}
        return Cell(where, "nDCG@100", sum(values) / len(values), None, found)

    noise = of("noise", -2.0, -3.0, -1.0)
    assert claims.gradient_beats_noise([noise, of("FGSM", -20.0, -24.0, -22.0)]).holds
    assert claims.gradient_beats_noise([noise, of("FGSM", 20.0, 24.0, 22.0)]).holds is False
    verdict = claims.gradient_beats_noise([noise, of("FGSM", -2.5, -2.0, -2.6)])
    assert verdict.holds is None
    assert "within chance over seeds" in verdict.said
    few = claims.gradient_beats_noise([of("noise", -2.0, -3.0), of("FGSM", -20.0, -24.0)])
    assert few.holds is None
    assert "2 of at least 3 seeds" in few.said


def test_intervals_are_over_seeds_with_pairs_averaged_inside():
    found = interval({(0, "a"): 1.0, (0, "b"): 3.0, (1, "a"): 4.0, (2, "a"): 6.0})
    assert found.mean == pytest.approx(4.0)
    assert found.high - found.mean == pytest.approx(4.302653 * 2 / 3**0.5, rel=1e-5)
    assert interval({(0, "a"): 1.0, (0, "b"): 3.0, (1, "a"): 4.0}) is None
    printed = [Cell({}, "m", value) for value in (2.0, 1.5)]
    assert difference(*printed).above is True
    assert difference(printed[0], printed[0]).above is None


def test_overrides_that_change_the_protocol_weaken_a_verdict():
    found = claims.Verdict(False, "at most 1.2")
    assert _weakened(found, ["store=elsewhere", "machine.threads=2"]) == found
    weak = _weakened(found, ["scenario.max_items=8", "store=x"])
    assert weak.holds is None
    assert "scenario.max_items=8 changed the protocol" in weak.said
    assert "of these cells alone it does not hold: at most 1.2" in weak.said


FLAT = [(1.0, 1.1, 1.0), (1.0, 1.05, 1.02), (1.0, 1.08, 0.99)]


def test_an_oracle_that_is_no_better_than_a_retrain_refutes_no_attack():
    assert threefold(runs(FLAT) + oracle(2.0, FLAT)).holds is False
    assert threefold(runs(FLAT)).holds is None  # nobody looked whether it could be seen
    for by in (0.99, 1.0, 1.02):  # a clean retrain reaches that, too
        verdict = threefold(runs(FLAT) + oracle(by, FLAT))
        assert verdict.holds is None
        assert "true features of target items are not told from a retrain either" in verdict.said
    again = [(1.0, 1.25, 1.24), (1.0, 1.20, 1.28), (1.0, 1.3, 1.25)]
    assert threefold(runs(again) + oracle(1.25, again)).holds is None
    assert threefold(runs(BAG) + oracle(1.0, BAG)).holds  # but it did rise


def test_an_oracle_counts_on_the_very_runs_of_the_attack():
    flat = {"standing": {"source": HIGH, "target": LOW}}
    elsewhere = [
        run(seed + 3, 1, 3.0, 1, attack="transplant", success=None, **flat) for seed in SEEDS
    ]
    verdict = threefold(runs(FLAT) + elsewhere)
    assert verdict.holds is None
    assert "the oracle was not measured on all of these runs" in verdict.said
    more = {"attack": "transplant", "success": None, **flat}
    doubted = [run(seed, 1.0, 3.0, 1.0, **more) for seed in SEEDS]
    assert threefold(runs(FLAT) + doubted).holds is None  # its source is not low
    named = runs(FLAT) + oracle(2.0, FLAT, attack="transplant shown=mean")
    assert threefold(named).holds is False  # an oracle, whatever its settings


def test_all_numbers_of_a_verdict_are_of_the_same_runs():
    flat = {"standing": {"source": HIGH, "target": LOW}}
    aside = [run(seed, 1.0, 9.0, 9.0, **flat) for seed in SEEDS]
    for entry in aside:
        entry["case"]["source"] = "sock"
    lone, both = threefold(runs(BAG)), threefold(runs(BAG) + aside)
    assert both.said == lone.said


def test_runs_with_a_number_of_zero_have_no_ratio_and_are_counted():
    gone = [run(3, 0.5, 0.0, 0.5)]
    verdict = threefold(runs(BAG) + gone)
    assert "over 3 runs of 3 seeds" in verdict.said
    assert "1 run with a number of zero left out" in verdict.said
    assert "2 runs with a number of zero" in threefold(runs([(0.5, 0.0, 1.0)] * 2 + BAG[:2])).said


def test_seeds_of_a_model_without_chance_are_one_observation():
    same = [(0.7, 2.1, 0.7)] * 5
    verdict = threefold(runs(same))
    assert verdict.holds is None
    assert "5 seeds with the same numbers are 1 observation" in verdict.said
    chance = [(0.7, 2.1 + seed / 10, 0.7) for seed in range(5)]  # the attack draws
    assert threefold(runs(chance)).holds
    before = {((seed, fold, 0), ""): 0.1 * fold for seed in range(4) for fold in range(3)}
    assert independent(before, before) == {(0, fold, 0) for fold in range(3)}
    assert paired({run: value + 1 for run, value in before.items()}, before).mean == pytest.approx(
        1
    )
    one_fold = {run: value for run, value in before.items() if run[0][1] == 0}
    assert paired(one_fold, one_fold) is None


def test_an_insider_against_a_model_without_chance_is_not_told():
    told = [run(seed, 0.166, 0.76, None, attack="adam", objective="promote") for seed in range(5)]
    labels = {"attack": {"adam": "INSA"}}
    verdict = claims.insider_promotes(measured(told, AXES, labels, ["CHR@20"], "value"))
    assert verdict.holds is None
    assert "5 seeds with the same numbers are 1 observation" in verdict.said


def of_source(source, numbers, **more):
    found = runs(numbers, **more)
    for entry in found:
        entry["case"]["source"] = source
    return found


def test_extractors_that_were_attacked_on_other_pairs_are_compared_each_by_its_own():
    tripled = [(0.6, 1.8, 0.65), (0.7, 2.0, 0.6), (0.65, 1.9, 0.7)]
    sixfold = [(b, 2 * a + n / 10, r) for n, (b, a, r) in enumerate(tripled)]
    for defended, holds in ((sixfold, True), (FLAT, False), (tripled, None)):
        told = of_source("bag", tripled)
        told += of_source("sock", defended, extractor="adversarial", success=0.1)
        verdict = claims.defences_do_not_protect(cells(told))
        assert verdict.holds is holds
        assert "where the attack raises CHR beyond a clean retrain" in verdict.said
        assert "of 1 cell" in verdict.said


def test_a_verdict_on_defences_says_of_how_many_pairs_what_is_known():
    rises = [(0.6, 1.8, 0.65), (0.7, 2.0, 0.6), (0.65, 1.9, 0.7)]
    told = of_source("bag", rises) + of_source("sock", FLAT, extractor="adversarial")
    told += runs(FLAT, recommender="fm") + runs(FLAT, recommender="fm", extractor="adversarial")
    few = runs(BAG[:2], recommender="amr")
    told += few + runs(BAG, recommender="amr", extractor="adversarial")
    labels = LABELS | {"recommender": {"vbpr": "VBPR", "fm": "FM", "amr": "AMR"}}
    said = claims.defences_do_not_protect(measured(told, AXES, labels, ["CHR@20"], "value")).said
    assert "by more under the defence in 0 of 1 cell, by less in 1" in said
    assert "in 1 of 3 pairs of cells the rise is not told from a clean retrain" in said
    assert "in 1 of 3 nothing can be told: 2 of at least 3 seeds" in said


def test_doubts_of_many_runs_are_counted_without_their_numbers():
    high = {"chr": 1.5, "uniform": 1.2, "lift": 1.2}
    told = [run(0, 0.7, 0.9, 0.6, success=0.1), run(1, 0.7, 0.9, 0.6, success=0.2)]
    told += [run(2, 0.7, 0.9, 0.6, standing=STANDING | {"source": high, "target": LOW})]
    (attacked,) = (c for c in cells(told) if c.where["attack"] == "PGD")
    assert attacked.doubted() == (
        "success of 0.5 or less (2 of 3 runs), source not low (1 of 3 runs), "
        "target not high (1 of 3 runs)"
    )
    (single,) = (c for c in cells(told[:1]) if c.where["attack"] == "PGD")
    assert single.doubted() == "success 0.1"


def test_recommenders_that_chose_their_own_pairs_are_compared_by_seed():
    def cell(name, by):  # what a seed's pair lost, in percent
        told = enumerate(by)
        runs = {((seed, 0, 0), f"{pair} as watch"): value for seed, (pair, value) in told}
        return Cell({"recommender": name}, "nDCG@10", sum(runs.values()) / 3, None, runs)

    plain = cell("VBPR", [("bag", -9.0), ("sock", -10.0), ("bag", -11.0)])
    robust = cell("AMR", [("hat", -1.0), ("hat", -2.0), ("sock", -3.5)])
    assert difference(robust, plain).mean == pytest.approx(23.5 / 3)
    assert claims.adversarial_training_falls_less([plain, robust]).holds
    near = cell("AMR", [("hat", -9.0), ("hat", -11.0), ("sock", -10.5)])
    said = claims.adversarial_training_falls_less([plain, near])
    assert said.holds is None
    assert "within chance over seeds" in said.said


def test_where_pairs_are_shared_they_are_compared_pair_by_pair():
    seeds = [(seed, 0, 0) for seed in range(3)]
    pairs = [(seed, aim) for seed in seeds for aim in ("bag as watch", "sock as watch")]
    of = {run: 3.0 + 5.0 * ("sock" in run[1]) + run[0][0] for run in pairs}
    whole = Cell({}, "CHR@20", 6.5, None, of)
    part = {run: whole.runs[run] + 1 for run in pairs if "bag" in run[1]}  # unfinished
    assert difference(Cell({}, "CHR@20", 4.0, None, part), whole).mean == pytest.approx(1)
