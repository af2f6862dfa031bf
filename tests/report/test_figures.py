"""Figures of docs: every one is drawn by one command, and dots stand where tables say."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from vrbench.report.plots.curve_panels import figure_of
from vrbench.report.plots.curves import Curve
from vrbench.report.plots.thing_words import called, in_words

ROOT = Path(__file__).parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOTS = yaml.safe_load((ROOT / "scripts/dots.yaml").read_text(encoding="utf-8"))


def test_one_command_draws_every_figure_of_the_docs():
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    shown = {n for page in pages for n in re.findall(r"images/(\w+)\.png", page.read_text())}
    told = (ROOT / "scripts/images").read_text()
    drawn = set(re.findall(r"images/(\w+)\.png|^curves \S+ (\w+)", told, re.MULTILINE))
    named = {name for pair in drawn for name in pair if name} | set(DOTS) | {"gallery"}
    named |= {"visible_edits", "backdoor", "gan_curves"}  # where their scripts put them
    named |= {f"attacks_{kind}{end}" for kind in ("eps", "ssim") for end in ("", "_dvbpr")}
    assert shown <= named
    there = {path.stem for path in ROOT.glob("images/*.png")}
    assert shown == there


@pytest.mark.parametrize("name", DOTS)
def test_dots_stand_where_the_table_says(name):
    dots = script("dots")
    told = DOTS[name]
    figure = dots.figure_of(told)
    assert len(figure.axes) == len(told["panels"])
    words = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(words) == len(set(words)) >= 2
    assert not any("_" in word or "/" in word for word in words)
    if told.get("alike"):
        assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_a_cell_is_a_mean_with_its_spread_or_a_ratio_with_its_interval():
    dots = script("dots")
    assert dots.dot({"a": "0.5 ± 0.25"}, "a") == (0.5, 0.25, 0.75)
    assert dots.dot({"a": "3e-2"}, "a") == (0.03, 0.03, 0.03)
    row = {"a": "x 3.27", "95 % interval": "2.96 to 3.62"}
    assert dots.dot(row, "a") == (3.27, 2.96, 3.62)
    panel = {"table": "dial.csv", "line": "dataset", "column": "pairs"}
    with pytest.raises(SystemExit, match="no row where"):
        dots.dots({}, panel, {"where": {"attack": "nobody"}})


def test_names_in_figures_are_words():
    assert in_words("amr/tied, embedding_pgd") == "AMR tied, PGD"
    assert in_words("apr_ml, row_l2") == "APR, each row's length"
    assert called("FeatureRegression") == called("regression") == "feature regression"
    assert called("oracle_poisoning") == "oracle before training"
    assert called("linf_8") == "within 8 levels"
    assert called("certified exactly") == "certified exactly"


def test_bars_of_a_share_end_where_a_share_does():
    line = Curve("vbpr, pgd", (1.0, 2.0), (0.1, 0.95), (0.3, 0.3))
    for metric, change, lowest in (("share of items", False, 0.0), ("rank shift", False, -0.2)):
        (axes,) = figure_of([line], metric, "eps", change=change).axes
        bars = axes.containers[0].lines[2][0].get_segments()
        assert min(y for bar in bars for _, y in bar) == pytest.approx(lowest, abs=1e-9)
    top = max(y for bar in bars for _, y in bar)
    assert top == pytest.approx(1.25)


def test_the_words_of_the_first_picture_are_legible():
    gallery = script("gallery")
    shown = 640  # pixels of its width in README
    page = gallery.drawn([(line, strip) for line, strip in zip(
        gallery.read(ROOT / "results/gallery.csv"),
        gallery.strips(ROOT / "images/gallery.png"), strict=True)])  # fmt: skip
    assert gallery.SMALL * shown / page.width > 13
    assert 'width="640"' in (ROOT / "README.md").read_text()


def test_pictures_of_photos_are_drawn_again_from_themselves_and_their_table(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    edits, strips = script("visible_edits"), script("strips")
    there = ROOT / "images/visible_edits.png"
    told = edits.read(ROOT / "results/visible_edits.md")
    lines = [("clean", ""), *map(edits.words, told)]
    photos = strips.photos_of(there, len(lines))
    page = strips.drawn([strips.Strip(*x, p) for x, p in zip(lines, photos, strict=True)])
    with Image.open(there) as shown:
        boxes = [
            page.crop((strips.WORDS, 0, *page.size)),
            shown.crop((strips.WORDS, 0, *page.size)),
        ]
    assert boxes[0].tobytes() == boxes[1].convert("RGB").tobytes()
    assert page.size == shown.size
    assert len({edit for edit, *_ in edits.EDITS} & {name for name, _ in lines}) == len(told)
    assert lines[1][1] == "1 place down, SSIM 0.87\nscore -0.001, re-encoded +0.001"
    assert lines[2][1].startswith("391 places up")


def test_an_interval_is_that_of_a_coefficient_and_its_p():
    """By hand: with 17 degrees of freedom t is 2.11 at p .05, and 4 is then 4 +- 4."""
    fit_of = script("coefficients").fit_of
    line = {"attack": "average", "recommender": "itemknn", "data sets": "19", "mean change": "1"}
    line |= {"R2": "0.5", "adjusted R2": "0.4", "density": "'+4 (p = 0.05)", "shape": ""}
    (effect,) = fit_of(line).effects.values()
    assert (effect.low, effect.high) == (pytest.approx(0), pytest.approx(8))
    told = script("coefficients").read(ROOT / "results/study_ml.csv")
    effects = [effect for fit in told for effect in fit.effects.values()]
    assert len(effects) == 24
    assert all((e.low < 0 < e.high) == (e.p > 0.05) for e in effects)
