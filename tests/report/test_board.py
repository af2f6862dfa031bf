"""The board's columns: threat models, intervals, equivalence, what is left after poisoning."""

import itertools
from statistics import fmean

import numpy as np
import pytest
from scipy.stats import ttest_rel

from tests.report.test_leaderboard_page import CHR, NDCG, run
from vrbench.attacks.standard import StandardAttack
from vrbench.cli.commands import COMMANDS
from vrbench.cli.entry_folder import Card
from vrbench.core.spec import describe
from vrbench.report.equivalence import bootstrap, equivalent
from vrbench.report.grid import AXES, Cell, cells
from vrbench.report.leaderboard import load
from vrbench.report.over_seeds import change
from vrbench.report.pages.board import board, unaimed
from vrbench.report.pages.board_values import by_run, command, ends, in_places
from vrbench.report.pages.board_words import STANDARD, meaning
from vrbench.report.pages.clickable import Point, plot, ticks
from vrbench.report.threat_models import threat_model
from vrbench.report.worst_case import worst


@pytest.mark.parametrize(
    ("threat", "scenario", "model"),
    [
        ("evasion", "Scenario", "evasion"),
        ("transfer", "Scenario", "evasion"),
        ("evasion surrogate=x", "Scenario", "evasion"),
        ("poisoning", "Scenario", "poisoning"),
        ("transfer_poisoning", "Scenario", "poisoning"),
        ("mixed_poisoning", "Scenario", "poisoning"),
        ("evasion", "ColdStart", "new item"),
        ("profiles_pca", "ByPopularity", "profiles"),
        ("mixed", "Scenario", "profiles"),
        ("vector", "Scenario", "features"),
        ("parameters", "Scenario", "parameters"),
        ("none", "Scenario", "nobody"),
    ],
)
def test_a_threat_model_is_told_by_surface_scenario_and_timing(threat, scenario, model):
    where = dict.fromkeys(AXES, "x") | {"threat": threat}
    entry = {"parts": {"scenario": {"name": "x", "component": scenario}}}
    assert threat_model(Cell(where, "", (entry,))) == model


def test_bootstrap_of_a_few_values_looks_at_every_resample():
    values = [1.0, 2.0, 4.0]
    means = [fmean(some) for some in itertools.product(values, repeat=3)]
    assert bootstrap(values) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert bootstrap(values[:2]) is None


def test_bootstrap_of_many_values_is_near_the_normal_interval_and_always_the_same():
    values = np.random.default_rng(1).normal(3.0, 1.0, 200).tolist()
    low, high = bootstrap(values)
    reach = 1.96 * np.std(values) / 200**0.5
    assert (low, high) == pytest.approx((fmean(values) - reach, fmean(values) + reach), abs=0.02)
    assert bootstrap(values) == (low, high)


def rows(attacked, retrained, clean=1.0):
    pairs = zip(attacked, retrained, strict=True)
    return {((n, 0, 0), ""): (clean, after, again) for n, (after, again) in enumerate(pairs)}


def test_equivalence_is_two_one_sided_tests_at_five_percent():
    attacked, retrained = [1.01, 0.99, 1.02, 1.00], [1.00, 1.01, 1.00, 0.99]
    low, high = ttest_rel(attacked, retrained).confidence_interval(0.90)
    assert -0.1 < low < high < 0.1
    assert equivalent(rows(attacked, retrained)) is True
    assert equivalent(rows(attacked, retrained, clean=10 * max(high, -low) * 0.99)) is False
    assert equivalent(rows([a + 0.2 for a in attacked], retrained)) is False
    assert equivalent(rows(attacked[:2], retrained[:2])) is None
    assert equivalent(rows(attacked, [*retrained[:3], None])) is None
    assert equivalent(rows(attacked, retrained, clean=0.0)) is None
    assert equivalent(rows([1.0] * 4, [1.0] * 4)) is None  # one observation, seen four times


@pytest.fixture
def found(tmp_path):
    """A shop under two attacks, one from outside, and trained on what the stronger one left."""
    shops = {"vbpr": 1.0, "amr": 0.25}
    for (name, strength), seed in itertools.product(shops.items(), range(3)):
        for attack, gain in (("pgd", 0.2), ("brought", 0.4)):
            after = 0.5 + strength * (gain + seed / 100)
            where = tmp_path / f"{name}{attack}{seed}"
            run(where, after, seed=seed, recommender=name, attack=attack, threat="evasion")
        where = tmp_path / f"{name}poisoned{seed}"
        told = {"recommender": name, "attack": "pgd", "threat": "poisoning"}
        moved = strength / 10 + (seed - 1) / 1000
        run(where, 0.5 + moved, seed=seed, control=0.51, **told)
    entries = load([tmp_path])
    for entry in entries:
        parts = entry["parts"]
        parts["attack"]["component"] = "Imported" if parts["attack"]["name"] == "brought" else "PGD"
        parts["recommender"]["component"] = "AMR" if parts["recommender"]["name"] == "amr" else ""
        if parts["recommender"]["name"] == "amr":
            parts["recommender"]["tuned"] = {"dataset": parts["dataset"]["name"], "trials": 12}
    grid = cells(entries)
    tested = {id(cell): change(by_run(cell, CHR)) for cell in grid}
    axes = ["recommender", "attack"]
    papers = {"AMR": "Tang et al., TKDE 2020"}
    return board(worst(grid, CHR), grid, axes, CHR, NDCG, tested, papers)


def told(found, name):
    at = [head.name for head in found.table.heads].index(name)
    return [line[at].text for line in found.table.lines]


def test_the_board_says_of_each_shop_what_one_wants_to_know(found):
    assert told(found, "rank") == ["1", "2", "1", "2"]
    assert told(found, "recommender") == ["amr", "vbpr", "amr", "vbpr"]
    assert told(found, "threat model") == ["evasion"] * 2 + ["poisoning"] * 2
    assert told(found, "best known attack") == ["brought †"] * 2 + ["pgd"] * 2
    moved = [float(text.split()[0]) for text in told(found, "change")]
    assert moved == pytest.approx([0.1025, 0.41, 0.025, 0.1], abs=0.001)
    assert told(found, "left after poisoning") == ["+0.025", "+0.1", "-", "-"]
    assert told(found, "defence") == ["adversarial features", "none"] * 2
    assert told(found, "year") == ["2020", "-"] * 2
    assert told(found, "trials") == ["12", "-"] * 2
    assert told(found, "as a retrain") == ["-", "-", "yes", "not shown"]
    assert told(found, "bootstrap")[1] == "+0.402 to +0.418"


def test_the_standard_attack_is_known_by_its_component():
    assert STANDARD == StandardAttack.name == describe(StandardAttack())["name"]


def test_each_column_of_a_search_says_what_it_is():
    for head in ("trials", "recommender trials", "search s", "attack search s"):
        assert meaning(head, CHR)
    assert "settings were tried" in meaning("extractor trials", CHR)
    assert meaning("CHR@20 attacked", CHR).startswith("Items of the attacked category")


def test_columns_that_say_nothing_of_any_shop_are_left_out(found):
    names = [head.name for head in found.table.heads]
    assert not {"measured by", "date", "standard-1", "users reached"} & set(names)
    first = ["rank", "recommender", "threat model", "change", "interval", "best known attack"]
    assert names[: len(first)] == first


def test_places_users_and_the_standard_attack_are_the_worst_of_both_aims(tmp_path):
    """Lists are entered by who aims at them, places gained by who aims at the mean score."""
    gains = {("lists", "std"): (0.3, 0.04, -5.0), ("mean", "std"): (0.1, 0.01, 30.0)}
    gains |= {("lists", "pgd"): (0.4, 0.05, -6.0), ("mean", "pgd"): (0.0, 0.0, 20.0)}
    for (aim, attack), (chr_gain, _, _) in gains.items():
        run(tmp_path / aim / attack, 0.5 + chr_gain, seed=0, attack=attack, objective=aim)
    entries = load([tmp_path])
    for entry in entries:
        parts = entry["parts"]
        parts["attack"]["component"] = STANDARD * (parts["attack"]["name"] == "std")
        if (parts["objective"]["name"], parts["attack"]["name"]) == ("mean", "std"):
            entry["masking"] = {"flat loss": [0, 16], "questions ahead": [2, 16]}
        _, reach, places = gains[parts["objective"]["name"], parts["attack"]["name"]]
        row = {"better": "lower", "per": "user", "n": 4, "std": 0.0, "control": None, "p": None}
        entry["rows"] += [
            row | {"metric": "item HR@20", "before": 0.01, "after": 0.01 + reach},
            row | {"metric": "rank shift", "before": None, "after": places},
        ]
    grid = cells(entries)
    tested = {id(cell): change(by_run(cell, CHR)) for cell in grid}
    found = board(worst(grid, CHR), grid, ["attack", "objective"], CHR, NDCG, tested, {})
    assert told(found, "best known attack") == ["pgd"]
    assert told(found, "its aim") == ["lists"]
    assert told(found, "change") == ["+0.4"]
    assert told(found, "of") == ["4"]
    assert told(found, "standard-1") == ["+0.3"]
    assert told(found, "masked gradients") == ["questions ahead"]
    assert told(found, "places gained") == ["30"]
    assert told(found, "users reached") == ["1.00 → 6.00 %"]


@pytest.mark.parametrize(
    ("aims", "told"),
    [
        (["Promote"], "In 1 of the 1 lines"),
        (["TargetClass", "Promote"], "In 1 of the 1 lines"),
        (["Promote", "PromoteLists"], ""),
        (["PromoteLists"], ""),
        (["TargetClass"], ""),
    ],
)
def test_lines_in_which_nobody_aimed_at_lists_are_said(tmp_path, aims, told):
    for aim in aims:
        run(tmp_path / aim, 0.6, seed=0, objective=aim)
    entries = load([tmp_path])
    for entry in entries:
        entry["parts"]["objective"]["component"] = entry["parts"]["objective"]["name"]
    found = unaimed(cells(entries))
    assert found.startswith(told)
    assert bool(found) == bool(told)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.75, "+0.75"), (0.0, "0"), (-3.4e-5, "-0.0000340"), (-4e-9, "0"), (123456.0, "+123456")],
)
def test_a_change_is_told_in_full(value, told):
    assert in_places(value) == told


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (-0.00172, 6.27e-5, "-0.00172 to +0.00006"),
        (0.0, 0.0, "+0 to +0"),
        (-1234.5, 20.0, "-1234 to +20"),
    ],
)
def test_the_ends_of_an_interval_have_the_same_places(low, high, told):
    assert ends(low, high) == told


def test_a_line_holds_the_command_that_makes_it_again(found):
    commands = {line[-1].command for line in found.table.lines}
    assert commands == {"python -m vrbench seed=0"}


def test_points_of_the_plot_lead_to_lines(found):
    assert [point.row for point in found.points] == [f"shop-{n}" for n in (1, 2, 3, 4)]
    drawn = plot(found.points, "accuracy", "change")
    assert [p.y for p in drawn.points] == sorted((p.y for p in drawn.points[:2]), reverse=True) + [
        p.y for p in drawn.points[2:]
    ]  # more change is higher up
    assert all(76 <= p.x <= 744 and 14 <= p.y <= 334 for p in drawn.points)
    assert plot(found.points[:1], "accuracy", "change") is None


def test_equal_numbers_are_drawn_too():
    points = [Point(f"r{n}", 0.0, 0.0, "a", "b", "evasion", "") for n in range(2)]
    assert {(p.x, p.y) for p in plot(points, "x", "y").points} == {(410.0, 174.0)}


def test_ticks_are_round_and_inside():
    assert ticks(-0.04, 0.11) == pytest.approx([0.0, 0.05, 0.1])
    assert ticks(12.0, 61.0) == [20, 30, 40, 50, 60]


def test_a_submitted_entry_says_who_measured_it_and_how_it_is_loaded(tmp_path):
    run(tmp_path / "theirs", 0.7)
    run(tmp_path / "ours", 0.6, recommender="vbpr")
    files = {"rows.jsonl": "0" * 64, "model.safetensors": "0" * 64}
    who = {"name": "a/b", "by": "<b>Me</b>", "licence": "cc0-1.0", "paper": "Own, Journal 2031"}
    card = Card(**who, overrides=[], files=files)
    (tmp_path / "theirs" / "card.yaml").write_text(card.text())
    (tmp_path / "ours" / "card.yaml").write_text("no card")
    out = tmp_path / "board.html"
    assert COMMANDS["leaderboard"]([str(tmp_path), "--format", "html", "--out", str(out)]) == 0
    shown = out.read_text()
    assert "&lt;b&gt;Me&lt;/b&gt;" in shown
    assert shown.count("vrbench.load(") == 1
    assert ">Own, Journal 2031</td>" in shown
    assert ">2031</td>" in shown


def test_submitted_pictures_are_made_again_by_their_check():
    entry = {"entry": "boutique/stronger", "attacks": "boutique/amr", "overrides": ["seed=0"]}
    assert command(entry) == "python -m vrbench submit check boutique/stronger"
    assert command(entry | {"attacks": ""}) == "python -m vrbench seed=0"
