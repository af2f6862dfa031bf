"""Plots of a board: shared axes, and the same look for the same thing everywhere."""

import pytest

from tests.report.test_leaderboard_page import CHR, SHIFT, run
from vrbench.report import plots
from vrbench.report.grid import cells
from vrbench.report.leaderboard import load
from vrbench.report.pages.clickable import SHAPES, THREATS, Point, plot
from vrbench.report.plots.axis_words import across, upwards
from vrbench.report.plots.looks import MARKERS, looks, strokes
from vrbench.report.threat_models import MODELS


@pytest.fixture
def grid(tmp_path):
    """VBPR gains twenty times what AMR gains; two aims, two networks, two budgets."""
    for recommender, strength in (("vbpr", 0.4), ("amr", 0.02)):
        for extractor in ("photos_adversarial", "photos_free"):
            for aim in ("promote", "promote_lists"):
                for eps in (4, 8):
                    parts = {"recommender": recommender, "extractor": extractor, "objective": aim}
                    where = tmp_path / f"{recommender}{extractor}{aim}{eps}"
                    run(where, 0.5 + strength * eps / 8, eps=eps, budget=f"linf_{eps}", **parts)
    return cells(load([tmp_path]))


def lines(figure):
    return [line for axes in figure.axes for line in axes.lines if len(line.get_xdata()) > 0]


def test_panels_share_their_axes_and_scores_do_not(grid):
    first, second = plots.against(grid, CHR, plots.EPS).axes
    assert first.get_ylim() == second.get_ylim()
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim()[1] > 0.4
    first, second = plots.against(grid, SHIFT, plots.EPS).axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_shared_y_axes().joined(first, second) is False


def test_two_aims_are_drawn_differently_and_told(grid):
    figure = plots.against(grid, CHR, plots.EPS)
    drawn = {(line.get_linestyle(), line.get_fillstyle()) for line in lines(figure)}
    assert {("-", "full"), ("--", "none")} <= drawn
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told[-2:] == ["aim: promote", "aim: promote_lists"]


def test_a_network_has_its_marker_whatever_stands_beside_it(grid):
    free = [cell for cell in grid if cell.where["extractor"] == "photos_free"]
    alone = {line.get_marker() for line in lines(plots.against(free, CHR, plots.EPS))}
    assert looks(["photos_free"], "extractor")["photos_free"].marker in alone
    assert looks(["photos_adversarial"], "extractor")["photos_adversarial"].marker not in alone
    names = ["photos_free", "photos_adversarial"]
    for some in (names, names[::-1]):
        points = [Point("r", n, n, "vbpr", name, "evasion", "") for n, name in enumerate(some)]
        (legend,) = plot(points, "x", "y").legends
        shapes = {key.name: key.shape for key in legend.keys}
        assert shapes["photos_free"] == SHAPES["D"]
        assert shapes["photos_adversarial"] == SHAPES["s"]
    assert set(SHAPES) == set(MARKERS)


def test_several_threat_models_have_the_markers_and_networks_the_fillings():
    lines = [(t, n) for t in ("evasion", "poisoning") for n in ("standard", "adversarial")]
    points = [Point("r", n, n, "vbpr", net, threat, "") for n, (threat, net) in enumerate(lines)]
    drawn = plot(points, "x", "y")
    assert len({(p.shape, p.filling) for p in drawn.points}) == 4
    assert {p.shape for p in drawn.points[:2]} == {SHAPES["o"]}
    assert [p.filling for p in drawn.points] == ["full", "hollow"] * 2
    assert len({p.colour for p in drawn.points}) == 1
    assert [(legend.by, legend.of) for legend in drawn.legends] == [
        ("marker", "the threat model"),
        ("filling", "the network"),
    ]
    assert [key.name for key in drawn.legends[0].keys] == ["evasion", "poisoning"]
    only = plot(points[::2], "x", "y")
    assert [(legend.of, len(legend.keys)) for legend in only.legends] == [("the threat model", 2)]
    assert set(THREATS) >= set(MODELS.values()) | {"evasion", "poisoning", "new item"}
    assert set(THREATS.values()) <= set(SHAPES)


def test_a_recommender_has_its_colour_on_every_shop_and_variants_differ():
    assert looks(["amr"], "recommender")["amr"] == looks(["amr_men"], "recommender")["amr_men"]
    beside = looks(["vbpr/clothing_men", "amr/clothing_men", "amr/tied"], "recommender")
    assert beside["amr/clothing_men"] == looks(["amr"], "recommender")["amr"]
    assert len({look.colour for look in beside.values()}) == 3
    same = looks(["photos_free", "free", "resnet18_free"], "extractor")
    assert len({look.marker for look in same.values()}) == 3


def test_aims_have_lines_of_their_own():
    assert (
        strokes(["promote_lists"])["promote_lists"]
        == strokes(["promote", "promote_lists"])["promote_lists"]
    )
    assert len(set(strokes(["promote", "promote_user", "match_features"]).values())) == 3


def test_axes_say_words_and_units(grid):
    figure = plots.against(grid, CHR, plots.EPS)
    assert figure.get_supylabel() == "change of CHR@20 (items per list)"
    assert across("eps", ["Linf", "Linf"]) == (
        "budget: largest change of a value (grey levels of 255)"
    )
    assert across("eps", ["Linf", "L2"]) == "size of the change, eps (in the units of the budget)"
    assert across("SSIM").startswith("SSIM of clean and attacked pictures")
    assert upwards("nCDCG@20") == "nCDCG@20 (0 to 1)"
    assert upwards("own metric") == "own metric"
