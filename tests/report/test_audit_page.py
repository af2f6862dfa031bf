import base64
import io
import json
import re
import shlex
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from vrbench.report.exposure import exposed, gain, percent, places, points, relative
from vrbench.report.pages.audit import page
from vrbench.report.pages.audit_findings import Findings, source_of, story
from vrbench.report.pages.audit_record import record
from vrbench.report.pages.audit_words import verdict
from vrbench.report.pages.page import Head, Table, filled, measured

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")


def entry(folder, source, gains, *, extractor="standard", attack="adam", accuracy=(0.2,), **more):
    """What the runs of one thing leave behind: two items each, pictures beside."""
    return [
        _run(
            folder / str(seed),
            source,
            gain,
            accuracy[seed % len(accuracy)],
            {"extractor": extractor, "attack": attack},
            {"seed": seed, "overrides": [f"scenario.source='{source}'", f"seed={seed}"], **more},
        )
        for seed, gain in enumerate(gains)
    ]


def _run(folder, source, gain, accuracy, chosen, more):
    names = {"dataset": "folder", "recommender": "vbpr", **chosen}
    parts = {part: {"name": name} for part, name in names.items()}
    parts["budget"] = {"name": "linf_8", "eps": 8}

    def row(metric, before, after):
        return {"metric": metric, "before": before, "after": after, "better": "lower"}

    for side, grey in (("clean", 100), ("attacked", 104)):
        (folder / "pictures" / side).mkdir(parents=True)
        for position in (3, 7):
            Image.new("RGB", (8, 6), (grey,) * 3).save(folder / f"pictures/{side}/{position}.png")
    item = {"rank_before": 500.0, "rank_after": 300.0, "top_before": 0.01}
    return {
        "folder": str(folder),
        "parts": parts,
        "versions": {"torch": "2"},
        "case": {"source": source, "target": "x", "labels": "catalogue", "items": 2},
        "rows": [
            row("item HR@20", 0.01, 0.01 + gain),
            row("rank shift", None, -0.2),
            row("nDCG@20", accuracy, accuracy * 0.999),
            row("queries", None, 0.0),
            row("SSIM", None, 0.95),
        ],
        "items": [
            {"item": f"<{source}-3>", "position": 3, "top_after": 0.02 + gain, **item},
            {"item": f"{source}-7", "position": 7, "top_after": 0.01 + gain, **item},
        ],
        **more,
    }


def adversary(folder, name, gains, attack="adam"):
    more = {"adversary": name, "knows": "weights", "cost": {"gradients": 300}}
    return entry(folder, "hat", gains, attack=attack, **more)


HAT = (0.20, 0.21, 0.19)


@pytest.fixture
def found(tmp_path):
    """Hat gains 20 points, cap about the same, coat nothing; only adversarial lowers it."""
    return Findings(
        categories=[
            *entry(tmp_path / "a", "coat", (0.004, -0.003, 0.0)),
            *entry(tmp_path / "b", "hat", HAT),
            *entry(tmp_path / "c", "cap", (0.25, 0.15, 0.17)),
            {"skipped": "no item of category 'void'"},
        ],
        adversaries=[
            *adversary(tmp_path / "w0", "knows everything", HAT),
            *adversary(tmp_path / "w1", "sees scores", (0.05, 0.06, 0.04), "square"),
            *adversary(tmp_path / "w2", "knows nothing (noise)", (0.01, -0.01, 0.002), "noise"),
            {"adversary": "knows the extractor only", "error": "Standard has no class 'hat'"},
        ],
        defences=[
            *entry(tmp_path / "d", "hat", (0.28, 0.20, 0.12), extractor="jpeg_75"),
            *entry(
                tmp_path / "e",
                "hat",
                (0.02, 0.03, 0.01),
                extractor="adversarial",
                accuracy=(0.18, 0.182, 0.178),
            ),
            *entry(tmp_path / "f", "hat", (0.30, 0.31, 0.29), extractor="bits_4"),
        ],
        source="hat",
    )


def test_a_column_without_any_number_is_left_out():
    lines = [[measured(1.0), measured(None)], [measured(None), measured(None)]]
    kept = filled(Table([Head("one"), Head("two")], lines))
    assert [head.name for head in kept.heads] == ["one"]
    assert [[value.text for value in line] for line in kept.lines] == [["1"], ["-"]]
    assert len(filled(Table([Head("one")], [])).heads) == 1


def test_the_page_tells_one_story(found):
    """One number decides the order, the bold print and the sentences."""
    told = page(found, "Audit", "again")
    for sentence in (
        "Exposed: hat gains +20.0 (+17.5 to +22.5) percentage points.",
        "Most exposed of 3 categories: hat.",
        "within 8 of 255 grey levels, brings an attacked item",
        "into the top 20 of 21.0 % of the users instead of 1.0 %: +20.0 (+17.5 to +22.5) points.",
        "Not told apart from hat: cap.",
        "By this adversary no exposure is shown for coat.",
        "An adversary who sees scores: +5.0 (+2.5 to +7.5) points.",
        "knows nothing (noise): +0.07 (-1.0 to +2.6) points, no gain that is shown.",
        "adversarial lowers it: -18.0 (-18.0 to -18.0) points, against an adversary who knows",
        "bits_4 raises it: +10.0 (+10.0 to +10.0) points.",
        "Not told apart from the shop as it is: jpeg_75.",
        "clean nDCG@20 changes by -10.0 % (-12.5 % to -7.5 %)",
        "no item of category &#39;void&#39;",
        "An adversary who knows the extractor only: Standard has no class &#39;hat&#39;",
    ):
        assert sentence.replace(" %", "\N{NO-BREAK SPACE}%") in told, sentence
    assert "picked by these very seeds" in told  # the largest of several flatters itself
    table = told[told.index('id="categories-table"') : told.index('id="adversaries"')]
    bold = re.findall(r'class="headline" data-sort="([-\d.]+)"', table)
    assert [float(b) for b in bold] == sorted(map(float, bold), reverse=True)
    assert table.index(">hat<") < table.index(">cap<") < table.index(">coat<")
    words = re.sub("<svg.*?</svg>", "", told, flags=re.DOTALL)
    assert not re.search(r"[>( ]-0[ <)]", words)
    assert not re.search(r"\d %", words)  # a line would break there


def test_a_plot_cuts_no_words(found):
    """Long names go on in the next line, and titles and units end inside the picture."""
    from vrbench.report.plots.exposure import intervals

    adversary = "registers 1 % fake users, where the shop looks for such (PCASelectUsers)"
    every = ["knows everything, and takes the worst of a suite (standard-1)", adversary, *"abcdef"]
    for entry in found.adversaries:
        entry["adversary"] = (
            adversary if entry["adversary"] == "sees scores" else entry["adversary"]
        )
    told = story(found)
    whom = [*told.adversaries, *(replace(told.shop, name=name) for name in every)]
    figure = intervals({"Categories, by who knows everything": whom})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert adversary in [" ".join(text.get_text().split()) for text in axes.get_yticklabels()]
    ends = figure.get_tightbbox()
    assert ends.x0 >= 0
    assert ends.x1 <= figure.get_figwidth()
    assert axes.get_position().width > 0.4
    boxes = [text.get_window_extent() for text in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))


def test_fewer_than_three_seeds_tell_nothing_from_chance(found):
    few = Findings(
        *([e for e in es if e.get("seed") == 0] for es in (found.categories, found.adversaries)),
        [e for e in found.defences if e["seed"] == 0],
        "hat",
    )
    told = page(few, "Audit", "again")
    assert "Not told from chance: 1 of the 3 seeds that an interval needs." in told
    assert "Which defence helps is not told by fewer than 3 seeds." in told
    for word in ("lowers", "raises", "Not told apart"):
        assert word not in told


def test_seeds_of_a_service_without_chance_have_no_interval():
    before, after = dict.fromkeys(range(3), 0.1), dict.fromkeys(range(3), 0.3)
    change = {seed: after[seed] - before[seed] for seed in before}
    assert gain(change).above  # nothing is known of what it was made of
    assert gain(change, before, after).interval is None
    assert gain(change, before | {0: 0.2}, after | {0: 0.4}).above


def test_an_exposure_that_only_one_adversary_shows_is_an_exposure(found):
    """The strongest may spread more over seeds than a weaker one."""
    for entry in found.every:
        pushed = entry.get("case", {}).get("source") in ("hat", "cap") and entry["seed"] == 0
        if pushed and entry["parts"]["attack"]["name"] == "adam":
            entry["rows"][0]["after"] = 0.01
    found.categories[:] = [e for e in found.categories if "coat" not in str(e.get("case"))]
    told = page(found, "Audit", "again")
    assert "Exposed: an adversary who sees scores makes hat gain +5.0 (+2.5 to +7.5)" in told
    assert "By this adversary no exposure is shown for hat, cap." in told


def test_where_no_defence_helps_none_is_praised(found):
    found.defences[:] = [e for e in found.defences if e["parts"]["extractor"]["name"] == "jpeg_75"]
    told = page(found, "Audit", "again")
    assert "No defence of 1 that were tried is shown to lower it." in told


def test_items_are_ranked_by_exposure_and_their_names_are_text(found):
    told = page(found, "Audit", "again")
    table = told[told.index('id="items-table"') :]
    order = [table.index(name) for name in ("&lt;cap-3&gt;", "cap-7", "&lt;hat-3&gt;", "hat-7")]
    assert order == sorted(order)
    assert "<hat-3>" not in told


def test_pictures_stand_side_by_side_at_their_real_size_and_exact(found):
    told = page(found, "Audit", "again")
    uris = re.findall(r'src="data:image/webp;base64,([^"]+)"[^>]* width="8" height="6"', told)
    assert len(uris) == 3 * 6  # clean, attacked, difference; of the first seed
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))) for uri in uris[:3]]
    assert [int(pixels[3, 4, 0]) for pixels in shown] == [100, 104, 160]
    assert shown[0].shape == (6, 8, 3)


def test_a_missing_picture_leaves_the_rest(found, tmp_path):
    (tmp_path / "b/0/pictures/attacked/3.png").unlink()
    assert page(found, "Audit", "again").count("<img") == 3 * 5


def test_commands_are_such_that_a_shell_takes_them(found):
    from html import unescape

    told = unescape(page(found, "Audit", "again"))
    command = re.findall(r'class="name code">(.*?)</td>', told)[0]
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "vrbench", "-m"]
    assert words[4:] == ["scenario.source='hat'", "seed=0,1,2"]


def test_the_numbers_stand_in_json_too(found):
    told = json.loads(record(found, "again", 19.5))
    assert told["most_exposed"] == "hat"
    assert told["failed"] is True
    assert json.loads(record(found, "again", 20.5))["failed"] is False
    assert json.loads(record(found, "again", None))["failed"] is None
    assert [one["name"] for one in told["categories"]] == ["hat", "cap", "coat"]
    hat = told["categories"][0]
    assert hat["exposure"]["mean"] == pytest.approx(20)
    assert hat["exposure"]["low"] == pytest.approx(17.516, abs=1e-3)
    assert hat["by_seed"] == pytest.approx({"0": 20, "1": 21, "2": 19})
    raised = next(one for one in told["defences"] if one["name"] == "bits_4")
    assert raised["beside_the_shop"]["mean"] == pytest.approx(10)


def test_the_findings_are_json_in_and_page_out(found):
    again = Findings(**json.loads(json.dumps(vars(found))))
    assert page(again, "Audit", "again") == page(found, "Audit", "again")


def test_pictures_that_may_not_be_passed_on_are_left_out_with_a_sentence(found):
    shown = page(found, "Audit", "again")
    for made in found.every:
        if "parts" in made:
            made["redistributable"] = False
    told = page(found, "Audit", "again")
    assert "<img" in shown
    assert "<img" not in told
    assert "pictures of folder are left out: they may not be redistributed" in told


def test_the_worst_counts_every_adversary(found, tmp_path):
    found.adversaries.extend(adversary(tmp_path / "w9", "is clever", (0.4, 0.4, 0.4)))
    assert story(found).worst.name == "is clever"


def test_nothing_has_no_sign():
    assert [points(x) for x in (0.051, 0.004, -0.00001, 0.0)] == ["+5.1", "+0.40", "0", "0"]
    assert [places(x) for x in (3.4, -0.2, None)] == ["+3", "0", "0"]
    assert relative(-0.1) == "-10.0 %"
    assert [percent(x) for x in (0.5, 0.0005, None)] == ["50.0 %", "0.05 %", "-"]


def test_runs_are_paired_by_their_seeds(tmp_path):
    """What differs by the same in every seed differs, however much the seeds do."""
    a = entry(tmp_path / "a", "a", (0.1, 0.5, 0.9))
    b = entry(tmp_path / "b", "b", (0.09, 0.49, 0.89))
    one, other = exposed([*b, *a], source_of)
    assert (one.name, other.name) == ("a", "b")
    assert one.exposure.above is None
    assert one.beyond(other).above is True


def test_an_interval_ends_where_every_user_is_reached(tmp_path):
    (wide,) = exposed(entry(tmp_path / "a", "a", (0.95, 0.2, 0.9)), source_of)
    low, high = wide.exposure.interval.low, wide.exposure.interval.high
    assert (low, high) == pytest.approx((-0.01, 0.99))  # of 1 % clean
    assert wide.exposure.above is None
    (near,) = exposed(entry(tmp_path / "b", "b", (0.95, 0.96, 0.94)), source_of)
    assert near.exposure.above is True
    assert 0.92 < near.exposure.interval.low < near.exposure.interval.high < 0.99


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_browser_shows_the_page_without_scrolling_sideways(found, tmp_path, width, scheme):
    from playwright.sync_api import sync_playwright

    (tmp_path / "audit.html").write_text(page(found, "Audit", "again"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        view = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        faults = []
        view.on("pageerror", lambda error: faults.append(str(error)))
        view.goto((tmp_path / "audit.html").as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        size = view.evaluate(
            "(i => [i.clientWidth, i.clientHeight])(document.querySelector('.beside img'))"
        )
        assert size == [8, 6]
        assert not faults
        browser.close()


def registered(folder, name, gains, chance, *, seen=()):
    """Runs by fake users: what as many gain who choose nothing, and what a detector sees."""
    runs = entry(folder, "hat", gains, attack="average", adversary=name)
    for run, by_chance in zip(runs, chance, strict=True):
        run["rows"][0]["random"] = 0.01 + by_chance
        for metric, value in seen:
            run["rows"].append({"metric": metric, "before": None, "after": value})
    return runs


def test_fake_users_stand_beside_pictures(found, tmp_path):
    caught = (("detection AUC", 0.9), ("fakes found", 0.75), ("honest users lost", 0.02))
    blind = (0.05, 0.06, 0.04), (0.001, 0.0, -0.001)
    watched = (0.01, 0.0, -0.01), (0, 0, 0)
    found.fakes.extend(registered(tmp_path / "r0", "registers 1 % fake users", *blind))
    found.fakes.extend(
        registered(tmp_path / "r1", "registers 1 % fake users, seen", *watched, seen=caught)
    )
    told = page(found, "Audit", "again")
    for sentence in (
        "registers 1 % fake users: +5.0 (+2.5 to +7.5) points; as many who chose their items by "
        "chance: 0 (-0.25 to +0.25).",
        "registers 1 % fake users, seen: 0 (-1.0 to +2.5) points, no gain that is shown",
        "That detector finds 75.0 % of the fake users, and leaves out 2.0 % of the real ones",
    ):
        assert sentence.replace(" %", "\N{NO-BREAK SPACE}%") in told, sentence
    beside = told[told.index('id="beside-table"') : told.index('id="defences"')]
    assert beside.index("&lt;hat-3&gt;") < beside.index("hat-7")
    assert re.findall(r"\+2[01]\.0", beside) == ["+21.0", "+20.0"]
    assert re.findall(r"\+[56]\.0", beside) == ["+6.0", "+5.0"]
    numbers = json.loads(record(found, "again", None))["fakes"]
    assert numbers[0]["chosen_by_chance"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert numbers[1]["fakes_found_percent"] == 75.0
    assert numbers[0]["detection_auc"] is None


def test_fake_users_alone_may_expose_a_shop(found, tmp_path):
    """No picture gains anything that is shown; who registers users does."""
    flat = (0.01, -0.01, 0.002)
    found.categories[:] = entry(tmp_path / "flat", "hat", flat)
    found.adversaries[:] = adversary(tmp_path / "flat-w", "knows everything", flat)
    found.fakes.extend(registered(tmp_path / "r", "registers fakes", HAT, (0, 0, 0)))
    told = story(found)
    assert told.worst.name == "registers fakes"
    assert verdict(told).startswith("Exposed: an adversary who registers fakes makes hat gain +20")


def test_without_fake_users_nothing_is_said_of_them(found):
    told = page(found, "Audit", "again")
    assert 'id="fakes"' not in told
    assert "fake users" not in told
