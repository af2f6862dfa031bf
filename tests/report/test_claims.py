"""A claim is judged by seeds, on runs whose premise is met; else it cannot be told."""

import pytest

from vrbench.cli.commands.reproduce import _weakened
from vrbench.report.over_seeds import difference, interval
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


def cells(entries, metric="CHR@20"):
    return measured(entries, AXES, LABELS, [metric], "value")


def threefold(entries):
    return claims.recommended_more_often(cells(entries))


def test_a_rise_on_a_case_that_meets_its_premise_holds():
    verdict = threefold(runs(BAG))
    assert verdict.holds
    assert "at most 2.94 times as often (VBPR, T, PGD)" in verdict.said  # geometric mean
    assert str(verdict).startswith("holds: ")


def test_noise_comes_out_as_nothing_whatever_its_p_values_say():
    assert threefold(runs(NOISE)).holds is False  # called an attack: it moves nothing threefold
    assert threefold(runs(NOISE, attack="noise")).holds is None  # no attack was measured
    steady = [(1.028, 1.034, r) for r in (0.95, 1.1, 1.04)]  # a fixed model: small and steady
    defended = runs(steady) + runs(steady, extractor="adversarial")
    verdict = claims.defences_do_not_protect(cells(defended))
    assert verdict.holds is None
    assert "by more than a clean retrain does, in none of 1 pair" in verdict.said


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
    assert "over seeds the ratio may be" in verdict.said
    narrow = [(1.0, 1.4, 1.1), (1.0, 1.5, 0.9), (1.0, 1.45, 1.0)]
    assert threefold(runs(narrow)).holds is False


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
        found = {(seed, ""): v for seed, v in enumerate(values)}
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


def test_where_the_true_features_of_targets_do_not_raise_it_no_attack_is_refuted():
    flat = [(1.0, 1.1, 1.0), (1.0, 1.05, 1.02), (1.0, 1.08, 0.99)]
    assert threefold(runs(flat)).holds is False
    oracle = [(1.0, 0.99, None), (1.0, 0.98, None), (1.0, 1.0, None)]
    verdict = threefold(runs(flat) + runs(oracle, attack="transplant", success=None))
    assert verdict.holds is None
    assert "true features of target items move it x 0.99" in verdict.said
    able = [(1.0, 2.0, None), (1.0, 2.2, None), (1.0, 2.1, None)]
    verdict = threefold(runs(flat) + runs(able, attack="transplant", success=None))
    assert verdict.holds is False
    idle = [(before, before, None) for before, *_ in BAG]  # but it did rise
    assert threefold(runs(BAG) + runs(idle, attack="transplant", success=None)).holds


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
        runs = {(seed, f"{pair} as watch"): value for seed, (pair, value) in enumerate(by)}
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
    pairs = [(seed, aim) for seed in range(3) for aim in ("bag as watch", "sock as watch")]
    whole = Cell({}, "CHR@20", 5.5, None, {run: 3.0 + 5.0 * ("sock" in run[1]) for run in pairs})
    part = {run: whole.runs[run] + 1 for run in pairs if "bag" in run[1]}  # unfinished
    assert difference(Cell({}, "CHR@20", 4.0, None, part), whole).mean == pytest.approx(1)
