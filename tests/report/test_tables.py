"""Whatever a name holds is shown as text, in every format."""

import csv
import io

import pytest

from vrbench.report.leaderboard import mean
from vrbench.report.tables import (
    FORMATS,
    comma_separated,
    folded,
    latex,
    markdown,
    number,
    result_table,
    signed,
    text,
)

NAMES = {
    "<script>alert(1)</script>": r"&lt;script&gt;alert(1)&lt;/script&gt;",
    "a|b": r"a\|b",
    "two\nlines": r"two\\nlines",
    "\x1b[31mred": r"\\x1b\[31mred",
    "=cmd|'/c calc'!A0": r"=cmd\|'/c calc'!A0",
    "\\input{/etc/passwd}": r"\\input{/etc/passwd}",
    "*bold* [x](y) `z` _i_": r"\*bold\* \[x\](y) \`z\` \_i\_",
    "linf_8 eps=32": "linf_8 eps=32",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format", FORMATS)
def test_a_name_takes_one_line_and_controls_nothing(format, name):
    told = FORMATS[format]([name, "n"], [[name, "1"]])
    assert len(told.splitlines()) == len(FORMATS[format](["a", "n"], [["a", "1"]]).splitlines())
    assert all(c.isprintable() or c == "\n" for c in told)


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_markdown_shows_names_as_they_are(name, shown):
    assert markdown([name], [[name]]).splitlines()[-1] == f"| {shown} |"


def test_a_spreadsheet_runs_nothing_and_numbers_stay_numbers():
    bad = ["=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1"]
    good = ["-0.5", "+12.3 %", "-30.0 % ± 14.1", "-", "1e-05", "-1.2e+03", "pgd"]
    cells = next(csv.reader(io.StringIO(comma_separated([*bad, *good], []))))
    assert [cell[0] for cell in cells[: len(bad)]] == ["'", "'", "'", "'", "\\"]
    assert cells[len(bad) :] == good


def test_latex_runs_nothing():
    told = latex(["\\input{x}"], [["[3cm]"], ["*"], ["50 % $x$ a_b #"]])
    assert r"\textbackslash{}input\{x\}" in told
    assert r"{[}3cm] \\" in told
    assert r"{*} \\" in told
    assert r"50 \% \$x\$ a\_b \#" in told


def test_a_terminal_shows_letters_of_every_language():
    assert text(["帽子é"], [["a\N{NO-BREAK SPACE}b"]]).splitlines()[0::2] == ["帽子é", "a b"]


def test_a_page_shows_control_characters_of_a_name_and_keeps_lines():
    from vrbench.report.pages.page import _environment

    page = _environment().from_string("<td>{{ name }}</td>{{ markup | safe }}")
    told = page.render(name="a\x1b[2J<b>\nnext", markup="<i>\x1b</i>")
    assert told == "<td>a\\x1b[2J&lt;b&gt;\nnext</td><i>\x1b</i>"


def test_no_line_of_a_page_breaks_before_a_percent_sign_and_a_command_stays_as_typed():
    from vrbench.report.pages.page import _environment

    page = _environment().from_string("<td>{{ name }}</td><code>{{ name | typed }}</code>")
    told = page.render(name="'top 5 %' <b>")
    assert told == (
        "<td>&#39;top 5\N{NO-BREAK SPACE}%&#39; &lt;b&gt;</td>"
        "<code>&#39;top 5 %&#39; &lt;b&gt;</code>"
    )


def test_numbers_are_plain():
    assert mean([258.4, 459.0]) == "358.7 ± 142"
    assert mean([0.5, 0.25]) == "0.375 ± 0.18"
    assert [number(9.96, 2), number(99.6, 2), number(123456.7)] == ["10", "100", "123457"]
    assert [signed(999.7), signed(-0.01234), signed(12345.6)] == ["+1000", "-0.0123", "+12346"]


def test_a_table_that_is_too_wide_stands_in_parts_that_say_what_their_lines_are():
    heads, lines = ["name", "seeds", "one", "two", "long head"], [["a", "3", "1", "2", "3"]]
    whole = text(heads, lines)
    assert (
        folded(heads, lines, 2, None) == folded(heads, lines, 2, len(whole.split("\n")[0])) == whole
    )
    told = folded(heads, lines, 2, len(whole.split("\n")[0]) - 1)
    assert told == text(heads[:4], [lines[0][:4]]) + "\n\n" + text(
        ["name", "seeds", "long head"], [["a", "3", "3"]]
    )
    assert folded(heads, lines, 2, 1).count("seeds") == 3  # a column each, as none fits
    assert folded(heads[:2], [lines[0][:2]], 2, 1) == text(heads[:2], [lines[0][:2]])


def test_where_nobody_attacks_a_run_tells_one_number_a_line():
    row = {"per": "user", "n": 9, "before": 0.5, "after": None, "control": None}
    taught = {"per": "extractor", "n": 1, "before": None, "after": 0.75, "control": None}
    rows = [{"metric": "nDCG@20", **row}, {"metric": "extractor train accuracy", **taught}]
    lines = result_table({"rows": rows}, "shop | nobody attacks").splitlines()
    assert [line.split()[-3:] for line in lines[2:]] == [
        ["metric", "value", "n"],
        [line.strip() for line in lines[3].split()],
        ["nDCG@20", "0.5", "9"],
        ["accuracy", "0.75", "1"],
    ]
