import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from scipy.stats import ttest_rel

from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError
from vrbench.report.grid import AXES, cells
from vrbench.report.leaderboard import load, unrounded
from vrbench.report.over_seeds import change
from vrbench.report.pages.leaderboard import page
from vrbench.report.tables import latex
from vrbench.report.worst_case import worst

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
CHR, SHIFT, NDCG = "CHR@20", "prediction shift", "nDCG@20"


def run(folder, chr_after, *, seed=0, eps=8, control=None, users=None, picture=True, **parts):
    """Leave behind what a run leaves behind."""
    folder.mkdir(parents=True)
    named = {axis: {"name": axis, "key": axis} for axis in AXES}
    named |= {part: {"name": name, "key": name} for part, name in parts.items()}
    named["budget"] |= {"eps": eps, "norm": "Linf"}

    def row(metric, before, after, better="lower", control=None):
        told = {"metric": metric, "better": better, "per": "user", "n": 9, "std": None, "p": None}
        return told | {"before": before, "after": after, "control": control}

    entry = {
        "schema": 1,
        "seed": seed,
        "parts": named,
        "overrides": [f"seed={seed}"],
        "versions": {"torch": "2"},
        "case": {"source": "<b>hat</b>", "target": "bag", "labels": "catalogue", "items": 3},
        "rows": [
            row(CHR, 0.5, chr_after, control=control),
            row(NDCG, 0.1 + seed / 100, 0.1, better="higher"),
            row(SHIFT, None, chr_after - 0.5),
            row("SSIM", None, 0.9 + eps / 1000, better="higher"),
        ],
    }
    (folder / "rows.json").write_text(json.dumps(entry))
    if users is not None:
        before, after = (np.asarray(v, np.float32) for v in users)
        save_file({f"{CHR}/before": before, f"{CHR}/after": after}, folder / "values.safetensors")
    if picture:
        Image.new("RGB", (536, 1100), "teal").save(folder / "picture.png")


def two_recommenders(folder):
    """Two recommenders, three attacks, two budgets; <i>amr</i> is less exposed."""
    for recommender, strength in (("vbpr", 1.0), ("<i>amr</i>", 0.25)):
        for attack, gain in (("noise", 0.0), ("pgd", 0.5), ("adam", 0.75)):
            for eps in (4, 8):
                where = folder / f"{strength}{attack}{eps}"
                after = 0.5 + strength * gain * eps / 8
                parts = {"recommender": recommender, "attack": attack, "budget": f"linf_{eps}"}
                run(where, after, eps=eps, control=0.46, **parts)
    return folder


@pytest.fixture
def runs(tmp_path):
    return two_recommenders(tmp_path / "runs")


def test_the_worst_attack_of_each_shop_and_budget_stands_first_where_it_harms_least(runs):
    found = worst(cells(load([runs])), CHR)
    told = [(w.cell.where["budget"], w.cell.where["recommender"]) for w in found]
    assert told == [(b, r) for b in ("linf_4", "linf_8") for r in ("<i>amr</i>", "vbpr")]
    assert {w.cell.where["attack"] for w in found} == {"adam"}
    assert [len(w.among) for w in found] == [3] * 4
    assert [w.floor for w in found] == pytest.approx([0.04] * 4)
    assert found[-1].cell.change(CHR) == pytest.approx(0.75)


def test_harm_follows_what_is_good_for_the_shop(tmp_path):
    for attack, loss in (("weak", 0.01), ("strong", 0.05)):
        run(tmp_path / attack, 0.5, attack=attack)
        entry = json.loads((tmp_path / attack / "rows.json").read_text())
        entry["rows"][1]["after"] = 0.1 - loss
        (tmp_path / attack / "rows.json").write_text(json.dumps(entry))
    (found,) = worst(cells(load([tmp_path])), NDCG)
    assert found.cell.where["attack"] == "strong"


def test_stars_are_for_what_training_again_does_not_explain(tmp_path):
    """Noise that moves a fixed model a little, and as much each time, is nothing."""
    told = {"strong": (0.20, 0.25, 0.22), "noise": (0.010, 0.011, 0.010), "torn": (0.5, -0.4, 0.3)}
    for attack, gains in told.items():
        for seed, gain in enumerate(gains):
            where = tmp_path / f"{attack}{seed}"
            run(where, 0.5 + gain, seed=seed, attack=attack, control=0.5 + (-1) ** seed / 20)
    for seed in (0, 1):
        run(tmp_path / f"few{seed}", 0.9, seed=seed, attack="few", control=0.5)
        run(tmp_path / f"bare{seed}", 0.9, seed=seed, attack="bare")
    run(tmp_path / "bare2", 0.9, seed=2, attack="bare")
    text = page(load([tmp_path]), None, CHR)
    stars = {
        attack: bool(re.search(rf">{attack}</td>(?:(?!</tr>).)*? \*</td>", text, re.DOTALL))
        for attack in (*told, "few", "bare")
    }
    assert stars == {"strong": True, "noise": False, "torn": False, "few": False, "bare": False}
    assert "* where it moved further than a clean retrain of each seed does" in text


def test_the_change_over_seeds_has_an_interval_by_student():
    before, after = [1.0, 1.1, 0.9, 1.2], [1.5, 1.8, 1.4, 1.9]
    rows = {
        ((n, 0, 0), ""): (b, a, b + 0.01)
        for n, (b, a) in enumerate(zip(before, after, strict=True))
    }
    found = change(rows)
    low, high = ttest_rel(after, before).confidence_interval(0.95)
    assert (found.by.low, found.by.high) == pytest.approx((low, high))
    assert found.beyond
    without = {run: (*told[:2], None) for run, told in rows.items()}
    assert change(without).beyond is None
    assert change(without).by == found.by
    two = {run: told for run, told in rows.items() if run[0][0] < 2}
    assert (change(two).by, change(two).beyond) == (None, None)


class Outside(HTMLParser):
    """Collects whatever a page would fetch, and the tags it has."""

    def __init__(self):
        super().__init__()
        self.fetched, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href") and not value.startswith(("data:", "#")):
                self.fetched.append(value)


def test_the_page_stands_alone_and_names_are_text(runs):
    told = page(load([runs]), None, CHR)
    reader = Outside()
    reader.feed(told)
    assert reader.fetched == []
    assert not {"i", "b"} & reader.tags
    assert "&lt;i&gt;amr&lt;/i&gt;" in told
    assert "&lt;b&gt;hat&lt;/b&gt;" in told
    assert "@import" not in told
    assert "url(" not in told.replace("url(#", "")


def test_what_stands_on_all_lines_is_told_of_no_threat_model_where_there_are_two(tmp_path):
    for n, threat in enumerate(("evasion", "poisoning")):
        run(tmp_path / str(n), 0.9, threat=threat, picture=False)
    told = page(load([tmp_path]), None, CHR)
    assert "On all lines: dataset dataset," in told
    assert "threat evasion" not in told


def test_the_same_runs_give_the_same_page(runs):
    assert page(load([runs]), None, CHR) == page(load([runs]), None, CHR)


def test_curves_are_drawn_and_the_trade_off_once(runs):
    told = page(load([runs]), None, CHR)
    captions = re.findall(r"<figcaption>([^<]*?)[.<\n]", told)
    assert "Change of CHR@20 against eps, dataset, threat" in captions
    assert "Change of prediction shift against SSIM, dataset, threat" in captions
    assert told.count("Robustness against accuracy:") == 1
    assert "nDCG@20 of the clean shop against" not in captions
    assert "change of CHR@20 (items per list)" in told


def test_every_attack_is_told_by_the_headline_whatever_it_is(runs):
    cells_table = page(load([runs]), None, SHIFT).partition('<h2 id="cells">')[2]
    heads = cells_table.partition("</thead>")[0]
    assert heads.index(f">{SHIFT}<") < heads.index(f">{CHR} clean<")
    told = page(load([runs]), [CHR], SHIFT).partition('<h2 id="cells">')[2]
    assert f">{SHIFT}<" not in told.partition("</thead>")[0]


def test_a_broken_picture_is_named_and_the_rest_still_works(runs):
    for path in runs.rglob("picture.png"):
        path.write_bytes(b"no picture")
    told = page(load([runs]), None, CHR)
    assert "is not a picture: run that cell again" in told
    assert "<img" not in told
    assert "vbpr" in told


def test_a_headline_that_nobody_measured_names_the_nearest(runs):
    with pytest.raises(ConfigError, match="did you mean 'CHR@20'"):
        page(load([runs]), None, "CHR@2")


def test_without_an_attack_there_is_no_page(tmp_path):
    run(tmp_path / "a", 0.5)
    entry = json.loads((tmp_path / "a" / "rows.json").read_text())
    for row in entry["rows"]:
        row["after"] = None
    (tmp_path / "a" / "rows.json").write_text(json.dumps(entry))
    with pytest.raises(ConfigError, match="needs runs under attack"):
        page(load([tmp_path]), None, CHR)


def test_json_is_for_programs(runs, capsys):
    assert COMMANDS["leaderboard"]([str(runs), "--format", "json", "--metrics", CHR]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(unrounded(load([runs]), [CHR])))
    cell = next(c for c in told["cells"] if c["attack"] == "adam" and c["budget"] == "linf_8")
    assert cell["metrics"] == {CHR: {"clean": [0.5], "attacked": [0.6875], "retrained": [0.46]}}


def test_latex_is_escaped():
    told = latex(["model_name", "CHR@20"], [["a & b", "-0.5 ± 1"], ["50 %", "linf_8"]])
    assert told.splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"model\_name & CHR@20 \\",
        r"\midrule",
        r"a \& b & $-$0.5 $\pm$ 1 \\",
        r"50 \% & linf\_8 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The page as a file."""
    folder = tmp_path_factory.mktemp("board")
    file = folder / "board.html"
    runs = two_recommenders(folder / "runs")
    COMMANDS["leaderboard"]([str(runs), "--format", "html", "--out", str(file)])
    return file


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("needs chromium-headless-shell")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(board, browser):
    """The page in a real browser, and what it complained about."""
    tab, complaints = browser.new_page(viewport={"width": 390, "height": 844}), []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: complaints.append(asked.url))
    tab.goto(board.as_uri())
    yield tab, complaints
    assert complaints == [board.as_uri()]
    tab.context.close()


def column(tab, table, name):
    heads = tab.locator(f"#{table} thead th").all_inner_texts()
    at = [head.strip() for head in heads].index(name)
    return [
        row.locator("td").nth(at).inner_text()
        for row in tab.locator(f"#{table} tbody tr").all()
        if row.is_visible()
    ]


def test_in_a_browser_tables_sort_by_number_and_by_keyboard(opened):
    tab, _ = opened
    head = tab.locator(
        "#worst-table thead th", has=tab.locator("button.sort", has_text=re.compile("^change"))
    )
    head.locator(".sort").click()
    tab.wait_for_function("document.querySelector('#worst-table th[aria-sort=descending]')")
    tab.wait_for_timeout(50)
    assert column(tab, "worst-table", "change") == ["+0.75", "+0.375", "+0.188", "+0.0938"]
    head.locator(".sort").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_timeout(50)
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(tab, "worst-table", "change") == ["+0.0938", "+0.188", "+0.375", "+0.75"]


def test_in_a_browser_filters_hold_for_both_tables(opened):
    tab, _ = opened
    assert tab.locator("#told").inner_text() == "16 of 16 rows"
    tab.select_option("select[name=recommender]", "vbpr")
    tab.locator(".tabs label", has_text="linf_8").click()
    assert tab.locator("#told").inner_text() == "4 of 16 rows"
    assert set(column(tab, "cells-table", "recommender")) == {"vbpr"}
    tab.fill("input[name=words]", "noise")
    assert column(tab, "cells-table", "attack") == ["noise"]
    assert column(tab, "worst-table", "best known attack") == []
    tab.click("button[type=reset]")
    tab.wait_for_function("told.textContent === '16 of 16 rows'")


def test_in_a_browser_the_address_keeps_tab_filters_and_order(opened):
    tab, _ = opened
    tab.locator(".tabs label", has_text="linf_4").click()
    tab.select_option("select[name=recommender]", "vbpr")
    tab.fill("input[name=words]", "adam")
    tab.locator("#cells-table thead th", has_text="attack").first.locator(".sort").click()
    tab.wait_for_function("location.hash.includes('cells-table')")
    assert tab.locator("#told").inner_text() == "2 of 16 rows"
    there = tab.url
    tab.evaluate("history.replaceState(null, '', '#')")
    tab.click("button[type=reset]")
    tab.wait_for_function("told.textContent === '16 of 16 rows'")
    fragment = there.partition("#")[2]
    tab.evaluate(f"location.hash = {json.dumps(fragment)}")
    tab.wait_for_function("told.textContent === '2 of 16 rows'")
    assert tab.locator("input[name=budget]:checked").get_attribute("value") == "linf_4"
    assert tab.input_value("select[name=recommender]") == "vbpr"
    assert tab.locator("#cells-table th[aria-sort]").inner_text().strip() == "attack"
    tab.evaluate(
        "location.hash = 'budget=nothing&recommender=nobody&sort=cells-table+99+ascending'"
    )
    tab.wait_for_function("told.textContent === '16 of 16 rows'")


def test_in_a_browser_tabs_are_walked_with_arrows(opened):
    tab, _ = opened
    tab.locator("input[name=budget]:checked").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("input[name=budget]:checked").get_attribute("value") == "linf_4"
    assert tab.locator("#told").inner_text() == "8 of 16 rows"


def test_in_a_browser_a_point_leads_to_its_line_and_hides_with_it(opened):
    tab, _ = opened
    points = tab.locator("a[data-row]")
    assert points.count() == 4
    assert "vbpr" in points.last.get_attribute("aria-label")
    points.last.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == points.last.get_attribute("data-row")
    assert "vbpr" in tab.locator("tr.chosen").inner_text()
    tab.select_option("select[name=recommender]", "vbpr")
    assert [point.is_visible() for point in points.all()] == [False, True, False, True]


def test_in_a_browser_a_column_says_what_it_means_and_is_not_sorted_by_that(opened):
    tab, _ = opened
    head = tab.locator("#worst-table thead th", has_text="best known attack")
    head.locator(".why").focus()
    tab.keyboard.press("Enter")
    assert "A stronger one may exist" in head.locator("[popover]").inner_text()
    tab.wait_for_timeout(50)
    assert tab.locator("th[aria-sort]").count() == 0
    tab.keyboard.press("Escape")
    assert not head.locator("[popover]").is_visible()


def test_every_column_says_what_it_means(runs):
    told = page(load([runs]), None, CHR, {"VBPR": "He and McAuley, AAAI 2016"})
    for table in re.findall(r"<thead>.*?</thead>", told, re.DOTALL):
        assert table.count('class="why"') == table.count("<th ")


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 390), ("light", 1280)])
def test_in_a_browser_axe_finds_nothing_serious(opened, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab, _ = opened
    tab.set_viewport_size({"width": width, "height": 844})
    tab.emulate_media(color_scheme=scheme)
    found = axe.Axe().run(tab).response["violations"]
    grave = [
        (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert not grave


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_what_counts_is_seen_at_once(opened, width):
    tab, _ = opened
    tab.set_viewport_size({"width": width, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.locator("img").first.bounding_box()["width"] <= width
    seen = tab.locator("#worst-table thead th", has_text="best known attack").bounding_box()
    assert (seen["x"] + seen["width"] <= width) == (width == 1280)
    assert not tab.locator(".meanings").first.is_visible()


def test_in_print_tables_are_whole_on_white_and_their_columns_are_explained(opened):
    """A sheet of A3 on its side is 1,512 pixels wide without its margins."""
    tab, _ = opened
    tab.set_viewport_size({"width": 1512, "height": 1050})
    again = tab.locator("#worst-table .unfolds")
    assert again.first.is_visible()
    tab.emulate_media(media="print", color_scheme="dark")
    assert again.count() == 5
    assert not any(cell.is_visible() for cell in again.all())
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("#filters", "nav", ".why"):
        assert not tab.locator(hidden).first.is_visible()
    for table in ("worst-table", "cells-table"):
        wide = tab.locator(".wide", has=tab.locator(f"#{table}"))
        assert wide.evaluate("e => e.scrollWidth <= e.clientWidth")
        names = tab.locator(f"#{table} thead th:not(.unfolds) .sort").all_inner_texts()
        meanings = tab.locator(f".wide:has(#{table}) + .meanings dt")
        assert meanings.all_inner_texts() == names
        assert meanings.last.is_visible()


def test_pictures_that_may_not_be_passed_on_are_left_out_with_a_sentence(runs):
    shown = page(load([runs]), None, CHR)
    for path in runs.rglob("rows.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"redistributable": False}))
    told = page(load([runs]), None, CHR)
    assert "data:image/webp" in shown
    assert "data:image/webp" not in told
    assert told.count("pictures of dataset are left out: they may not be redistributed") == 1
    assert "may not be redistributed" not in shown
