import json

import numpy as np
import pytest
from PIL import Image

from vrbench.report.pages.audit import Findings, gain, page


def entry(folder, source, places, hr, *, extractor="standard", attack="adam", accuracy=0.2, **more):
    """What a run of an audit leaves behind: two items, pictures beside."""
    names = {"dataset": "folder", "extractor": extractor, "recommender": "vbpr", "attack": attack}
    parts = {part: {"name": name} for part, name in names.items()}
    parts["budget"] = {"name": "linf_8", "eps": 8}

    def row(metric, before, after):
        return {"metric": metric, "before": before, "after": after, "better": "lower"}

    for side, grey in (("clean", 100), ("attacked", 104)):
        (folder / "pictures" / side).mkdir(parents=True)
        for position in (3, 7):
            Image.new("RGB", (8, 8), (grey,) * 3).save(folder / f"pictures/{side}/{position}.png")
    item = {"rank_before": 500.0, "top_before": 0.01, "top_after": hr}
    return {
        "folder": str(folder),
        "seed": 0,
        "parts": parts,
        "overrides": ["dataset=folder"],
        "versions": {"torch": "2"},
        "case": {"source": source, "target": "x", "labels": "catalogue", "items": 2},
        "rows": [
            row("item HR@20", 0.01, hr),
            row("rank shift", None, places),
            row("CHR@20", 0.3, 0.4),
            row("nDCG@20", accuracy, accuracy * 0.999),
            row("queries", None, 0.0),
            row("SSIM", None, 0.95),
        ],
        "items": [
            {"item": f"<{source}-3>", "position": 3, "rank_after": 500 - places - 10, **item},
            {"item": f"{source}-7", "position": 7, "rank_after": 500 - places + 10, **item},
        ],
        **more,
    }


@pytest.fixture
def found(tmp_path):
    who = [("knows everything", "adam", 300), ("sees scores", "square", 75)]
    return Findings(
        categories=[
            entry(tmp_path / "a", "coat", 20, 0.012),
            entry(tmp_path / "b", "hat", 300, 0.2),
            {"skipped": "no item of category 'void'"},
        ],
        adversaries=[
            entry(tmp_path / f"w{n}", "hat", places, 0.1, attack=attack, adversary=name)
            for n, (name, attack, places) in enumerate(who)
        ],
        defences=[
            entry(tmp_path / "d", "hat", 240, 0.1, extractor="jpeg_75", accuracy=0.2),
            entry(tmp_path / "e", "hat", 30, 0.02, extractor="adversarial", accuracy=0.18),
        ],
        source="hat",
    )


def test_the_findings_say_what_where_by_whom_and_what_helps(found):
    told = page(found, "Audit", "python -m vrbench audit dataset=folder")
    assert "Most exposed of 2 categories: hat." in told
    assert "from rank 500 to rank 200 on average" in told
    assert "into the top 20 of 20 % of the users instead of 1 %" in told
    assert "Least exposed: coat, +20 places, the top 20 of 1 % -&gt; 1.2 % of the users" in told
    assert "who sees scores: +75 places, the top 20 of 1 % -&gt; 10 % of the users" in told
    assert "the best defence that was tried is adversarial: +30 places" in told
    assert "Clean nDCG@20 changes by -10.0 %" in told
    assert "more exposed" not in told
    assert "no item of category &#39;void&#39;" in told


def test_a_defence_that_does_not_help_is_not_praised(found, tmp_path):
    found.defences[:] = [entry(tmp_path / "z", "hat", 400, 0.3, extractor="denoised")]
    told = page(found, "Audit", "again")
    assert "No defence that was tried lowers" in told
    assert "With denoised the shop is more exposed than without: +400 places" in told


def test_items_are_ranked_by_how_far_they_come_and_their_names_are_text(found):
    told = page(found, "Audit", "again")
    table = told[told.index('id="items-table"') :]
    order = [table.index(name) for name in ("&lt;hat-3&gt;", "hat-7", "&lt;coat-3&gt;", "coat-7")]
    assert order == sorted(order)
    assert "<hat-3>" not in told


def test_the_gallery_shows_clean_attacked_and_the_difference(found):
    import base64
    import io
    import re

    told = page(found, "Audit", "again")
    uris = re.findall(r'src="data:image/webp;base64,([^"]+)"', told)
    assert len(uris) == 4
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(uris[0]))))
    shown = [int(strip[64, x, 0]) for x in (64, 196, 328)]
    assert shown == pytest.approx([100, 104, 127.5 + 4 * 16 / 2], abs=2)  # WebP is not exact


def test_a_missing_picture_leaves_the_rest(found, tmp_path):
    (tmp_path / "b/pictures/attacked/3.png").unlink()
    assert page(found, "Audit", "again").count("<img") == 3


def test_gain_counts_users_first_and_places_then(found):
    assert max(found.categories[:2], key=gain)["case"]["source"] == "hat"
    assert gain(found.categories[0]) == (pytest.approx(0.002), 20)


def test_the_findings_are_json_in_and_page_out(found):
    again = Findings(**json.loads(json.dumps(vars(found))))
    assert page(again, "Audit", "again") == page(found, "Audit", "again")


def test_pictures_that_may_not_be_passed_on_are_left_out_with_a_sentence(found):
    shown = page(found, "Audit", "again")
    for made in [*found.categories, *found.adversaries, *found.defences]:
        if "parts" in made:
            made["redistributable"] = False
    told = page(found, "Audit", "again")
    assert "<img" in shown
    assert "<img" not in told
    assert "pictures of folder are left out: they may not be redistributed" in told
