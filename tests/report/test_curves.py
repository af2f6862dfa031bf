import pytest

from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.report.plots.curve_panels import figure_of, parted
from vrbench.report.plots.curve_tables import read_table
from vrbench.report.plots.curves import curves, draw, reported, table
from vrbench.report.plots.looks import ATTACKS, GREY, looks
from vrbench.report.tables import FORMATS


def entry(eps, before, after, recommender="vbpr", attack="fgsm"):
    names = {"recommender": recommender, "attack": attack}
    parts = {part: {"name": name} for part, name in names.items()}
    row = {"metric": "nDCG@10", "before": before, "after": after}
    return {"parts": parts | {"budget": {"name": "b", "eps": eps}}, "rows": [row]}


def test_a_curve_is_the_mean_relative_change_over_seeds():
    made = curves(
        [
            entry(0.2, 0.5, 0.25),
            entry(0.1, 0.5, 0.4),
            entry(0.1, 1.0, 0.6),
            entry(0.1, 1, 1, "amr"),
        ],
        "nDCG@10",
    )
    assert [line.label for line in made] == ["amr, fgsm", "vbpr, fgsm"]
    assert made[1].x == (0.0, 0.1, 0.2)
    assert made[1].y == pytest.approx((0, -30, -50))
    assert made[1].spread == pytest.approx((0, 14.142, 0), abs=0.001)
    heads, rows = table(made)
    assert heads == ["curve", "eps 0.1", "eps 0.2"]
    assert rows == [["amr, fgsm", "+0.0 %", "-"], ["vbpr, fgsm", "-30.0 % ± 14.1", "-50.0 %"]]


def test_the_printed_numbers_of_amr_are_read(tmp_path):
    from vrbench.cli import conf_dir

    lines = reported(conf_dir() / "reported" / "amr_test.yaml")
    assert lines[0].y == (0.0, -8.7, -30.4, -67.7)
    assert all(line.reported for line in lines)
    draw(lines, "nDCG@10", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000


def cell(attack, component, queries, success, seed=0):
    made = entry(8.0, 0.5, 0.4, attack=attack)
    made["parts"]["attack"]["component"] = component
    for metric, value in (("queries", queries), ("success", success)):
        made["rows"].append({"metric": metric, "before": None, "after": value})
    return made


def test_against_queries_a_line_is_one_attack_with_all_its_limits():
    made = curves(
        [
            cell("nes_100", "NES", 100, 0.2),
            cell("nes_100", "NES", 90, 0.4),
            cell("nes_200", "NES", 180, 0.5),
            cell("pgd", "PGD", 0, 1.0),
        ],
        "success",
        "queries",
        "value",
    )
    assert [line.label for line in made] == ["vbpr, NES"]
    assert made[0].x == (95, 180)
    assert made[0].y == pytest.approx((0.3, 0.5))
    assert made[0].spread == pytest.approx((0.1414, 0), abs=1e-3)
    heads, rows = table(made, "queries")
    assert heads == ["curve", "queries", "value", "spread"]
    assert rows[0] == ["vbpr, NES", "95", "0.3", "0.14"]


def test_no_question_leaves_the_clean_value():
    asked = cell("nes_100", "NES", 100, 0.2)
    asked["rows"].append({"metric": "item HR@20", "before": 0.1, "after": 0.3})
    (line,) = curves([asked], "item HR@20", "queries", "value")
    assert (line.x, line.y) == ((0.0, 100), (0.1, 0.3))
    axes = figure_of([line], "item HR@20", "queries", change=False).axes[0]
    assert [text.get_text() for text in axes.texts] == ["clean"]


def test_a_value_starts_at_the_clean_one():
    (line,) = curves([entry(0.2, 0.5, 0.25), entry(0.1, 0.5, 0.4)], "nDCG@10", show="value")
    assert (line.x, line.y) == ((0.0, 0.1, 0.2), (0.5, 0.4, 0.25))
    assert table([line], show="value")[1] == [["vbpr, fgsm", "0.5", "0.4", "0.25"]]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'nDCG@10'"):
        curves([entry(0.1, 1, 1)], "nDCG@1")
    with pytest.raises(MissingDataError, match="no file"):
        reported(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("lines: [1, 2]")
    with pytest.raises(DataError, match="is no file of printed numbers"):
        reported(tmp_path / "bad.yaml")


def test_norms_are_kept_apart_and_named_where_there_are_several():
    ball, box = entry(0.5, 1.0, 0.8), entry(0.5, 1.0, 0.6)
    ball["parts"]["budget"]["norm"], box["parts"]["budget"]["norm"] = "row_l2", "box"
    both = curves([ball, box], "nDCG@10")
    assert [line.label for line in both] == ["vbpr, fgsm, box", "vbpr, fgsm, row_l2"]
    assert [line.y[1] for line in both] == pytest.approx([-40, -20])
    assert [line.label for line in curves([ball], "nDCG@10")] == ["vbpr, fgsm"]
    for one in (ball, box):  # what the norm has said already
        budget = one["parts"]["budget"]
        budget["settings"] = {"eps": 0.5, "norm": budget["norm"]}
    assert [line.label for line in curves([ball, box], "nDCG@10")] == [
        "vbpr, fgsm, box",
        "vbpr, fgsm, row_l2",
    ]


def test_what_nobody_attacked_is_no_point_of_a_curve():
    (line,) = curves([entry(0.5, 1.0, 0.8), entry(0.5, 1.0, None)], "nDCG@10")
    assert line.y == pytest.approx((0, -20))


def test_the_printed_numbers_of_apr_are_read():
    from vrbench.cli import conf_dir

    lines = reported(conf_dir() / "reported" / "apr.yaml")
    assert {line.label: line.y[1] for line in lines} == {
        "BPR-MF, Yelp (printed)": -22.1,
        "BPR-MF, Pinterest (printed)": -9.5,
        "BPR-MF, Gowalla (printed)": -26.3,
        "APR, Yelp (printed)": -4.7,
        "APR, Pinterest (printed)": -2.6,
        "APR, Gowalla (printed)": -2.9,
    }


def test_balls_of_one_norm_that_differ_otherwise_are_lines_of_their_own():
    def sized(eps, after, store):
        made = entry(eps, 1.0, after)
        made["parts"]["budget"] |= {"norm": "Linf", "settings": {"eps": eps, "store": store}}
        return made

    both = curves(
        [sized(2, 0.9, "round"), sized(8, 0.5, "round"), sized(8, 0.7, "truncate")], "nDCG@10"
    )
    assert [(line.label, line.x) for line in both] == [
        ("vbpr, store=round, fgsm", (0, 2, 8)),
        ("vbpr, store=truncate, fgsm", (0, 8)),
    ]
    assert both[0].y == pytest.approx((0, -10, -50))


@pytest.mark.parametrize("eps", ["wide", None, [8], {"a": 1}, True, float("nan")])
def test_an_eps_that_is_no_number_is_no_point(eps):
    (line,) = curves([entry(0.5, 1.0, 0.8), entry(eps, 1.0, 0.1)], "nDCG@10")
    assert line.y == pytest.approx((0, -20))


def written(path, made, x, show):
    heads, rows = table(made, x, show)
    path.write_text(FORMATS["csv"](heads, rows) + "\n")
    return read_table(path)


def test_a_table_of_curves_is_read_back(tmp_path):
    seeds = [entry(0.2, 0.5, 0.25), entry(0.1, 0.5, 0.4), entry(0.1, 1.0, 0.6)]
    for x, show in (("eps", "change"), ("eps", "value"), ("nDCG@10", "value")):
        made = curves(seeds, "nDCG@10", x, show)
        read, across, shown = written(tmp_path / "t.csv", made, x, show)
        assert (across, shown) == (x, show)
        assert [line.label for line in read] == ["vbpr, fgsm"]
        assert read[0].x == pytest.approx(made[0].x, rel=0.001)
        assert read[0].y == pytest.approx(made[0].y, rel=0.01)
        assert read[0].spread == pytest.approx(made[0].spread, rel=0.05)


def test_printed_curves_of_a_table_stay_printed(tmp_path):
    from vrbench.cli import conf_dir

    lines = reported(conf_dir() / "reported" / "amr_test.yaml")
    read, _, _ = written(tmp_path / "t.csv", lines, "eps", "change")
    assert [line.reported for line in read] == [True] * len(lines)
    assert read[0].y == pytest.approx(lines[0].y)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "curve,eps 1\nx,much\n", "curve,b\nx,1\n"])
def test_another_table_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"t\.csv") as refused:
        read_table(tmp_path / "t.csv")
    assert "\n" not in str(refused.value)


def test_a_table_is_drawn_again_in_part(tmp_path, capsys):
    (tmp_path / "t.csv").write_text('curve,eps 1\n"vbpr, pgd",-1.0 %\n"dvbpr, pgd",-2.0 %\n')
    asked = [str(tmp_path / "t.csv"), "--only", "vbpr", "--picture", str(tmp_path / "t.png")]
    assert COMMANDS["curves"](asked) == 0
    told = capsys.readouterr().out
    assert "vbpr, pgd" in told
    assert "dvbpr" not in told
    assert (tmp_path / "t.png").stat().st_size > 5000
    with pytest.raises(ConfigError, match="no curve is of 'amr'"):
        COMMANDS["curves"]([str(tmp_path / "t.csv"), "--only", "amr"])


def test_an_attack_looks_the_same_everywhere_and_no_two_alike():
    alone, among = looks(["pgd"]), looks(["noise", "adam", "embedding_pgd_25", "pgd", "own_attack"])
    assert alone["pgd"] == among["pgd"] == among["embedding_pgd_25"]
    assert among["noise"].colour == GREY
    assert looks(["FeatureRegression"])["FeatureRegression"] == looks(["regression"])["regression"]
    assert looks(["PGD (printed)"])["PGD (printed)"] == alone["pgd"]
    many = looks([f"attack of {n}. kind" for n in range(60)])
    assert len(set(many.values())) == 60
    assert GREY not in {look.colour for look in many.values()}
    few = looks([*(f"attack of {n}. kind" for n in range(5)), "noise", "pgd", "adam"])
    assert len({look.colour for look in few.values()}) == 8  # as long as there are colours
    assert few["pgd"] == alone["pgd"]
    assert len({look.colour for look in looks(ATTACKS).values()}) == len(ATTACKS)


def test_a_panel_for_each_model_and_all_on_one_scale():
    made = curves(
        [entry(0.1, 0.5, after, of, by) for of, by, after in (
            ("vbpr", "pgd", 0.1), ("vbpr", "noise", 0.5), ("amr", "pgd", 0.4))],
        "nDCG@10",
    )  # fmt: skip
    figure = figure_of(made, "nDCG@10", "eps", change=True)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["AMR", "VBPR"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    (legend,) = figure.subfigs[1].legends
    assert [text.get_text() for text in legend.get_texts()] == ["PGD", "noise"]


def test_a_norm_belongs_to_what_is_attacked():
    assert parted("apr, embedding_bim, box") == ("apr, box", "embedding_bim")
    assert parted("vbpr, pgd") == ("vbpr", "pgd")
    assert parted("AMR, Amazon (printed)") == ("printed elsewhere", "AMR, Amazon")
