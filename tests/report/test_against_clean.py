"""By what an attack multiplies a number, against the number before it."""

import pytest

from tests.report.test_claims import BAG, run, runs
from vrbench.core.errors import ConfigError
from vrbench.report.papers.published_comparison import RETRAINED
from vrbench.report.plots.against_clean import _figure, against_clean, draw, published, table

LOW_RISE = [(0.5, 1.0, 0.6), (1.0, 1.5, 0.9), (2.0, 2.0, 2.2), (4.0, 2.0, 4.1)]


def of(cells):
    return {cell.attack: cell for cell in cells}


def test_every_run_is_a_point_and_a_clean_retrain_a_cell_of_its_own():
    found = of(against_clean(runs(BAG), "CHR@20"))
    assert found["pgd"].clean == (0.67, 0.91, 0.39)
    assert found["pgd"].ratio == pytest.approx((2.02 / 0.67, 1.66 / 0.91, 1.80 / 0.39))
    assert found[RETRAINED].ratio == pytest.approx((0.43 / 0.67, 0.65 / 0.91, 0.83 / 0.39))


def test_low_ones_rise_and_high_ones_fall():
    found = of(against_clean(runs(LOW_RISE), "CHR@20"))
    assert found["pgd"].correlation == pytest.approx(-1)
    assert found[RETRAINED].correlation > -1
    heads, lines = table(list(found.values()), "CHR@20")
    line = dict(
        zip(heads, lines[[cell.attack for cell in found.values()].index("pgd")], strict=True)
    )
    assert line["attacked / clean"] == "x 1.11"  # (2 x 1.5 x 1 x .5) to the power of a quarter
    assert line["rose in"] == "2 of 4"
    assert line["correlation"] == "-1.00"


def test_a_zero_has_no_ratio():
    cells = against_clean([run(0, 0.0, 1.0, 0.5), run(1, 0.5, 1.0, 0.5)], "CHR@20")
    assert of(cells)["pgd"].ratio == (2.0,)
    assert of(cells)["pgd"].dropped == 1
    assert {line[1] for line in table(cells, "CHR@20")[1]} == {"1 of 2"}
    with pytest.raises(ConfigError, match="above zero"):
        against_clean([run(0, 0.0, 1.0, None)], "CHR@20")
    with pytest.raises(ConfigError, match="no run has 'nothing'"):
        against_clean(runs(BAG), "nothing")


def test_printed_numbers_are_points_too_and_are_drawn(tmp_path):
    file = tmp_path / "printed.yaml"
    rows = [["VBPR", "Base", 0.5], ["VBPR", "PGD", 1.0], ["FM", "Base", 2.0], ["FM", "PGD", 1.0]]
    told = "\n".join(f"  - {row}" for row in rows)
    file.write_text(f"tables:\n- heads: [recommender, attack, CHR@20]\n  rows:\n{told}\n")
    (found,) = published(file, "CHR@20")
    assert (found.clean, found.ratio, found.printed) == ((0.5, 2.0), (2.0, 0.5), True)
    picture = tmp_path / "drawn.svg"
    draw([*against_clean(runs(BAG), "CHR@20"), found], "CHR@20", picture)
    drawn = picture.read_text()
    assert drawn.count("PGD (printed)") + drawn.count("<!-- PGD (printed) -->") >= 1
    every = [*against_clean(runs(BAG), "CHR@20")] * 3
    (legend,) = _figure(every, "CHR@20").legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(set(names)) == sorted(names)
    assert RETRAINED in names
    with pytest.raises(ConfigError, match=r"must end in \.png, \.svg, \.pdf"):
        draw([found], "CHR@20", tmp_path / "drawn.txt")
