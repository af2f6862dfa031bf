"""The two worked examples of the tutorial run as written, on a small file of ratings."""

import json
import shutil
from pathlib import Path

import pytest

from vrbench.cli.commands import COMMANDS

EXAMPLES = Path(__file__).parents[2] / "docs" / "how-to" / "elliot"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with configurations beside one with data, as Elliot has them."""
    shutil.copytree(EXAMPLES, tmp_path / "config_files")
    data = tmp_path / "data" / "movielens_100k"
    data.mkdir(parents=True)
    lines = [
        f"{u}\t{i}\t{1 + (u * i) % 5}\t{u}"
        for u in range(30)
        for i in range(60, 110)
        if (u + i) % 5
    ]
    (data / "dataset.tsv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name, place, capsys, *more):
    code = COMMANDS["elliot"]([str(place / "config_files" / f"{name}.yml"), *more])
    return code, capsys.readouterr().out


def cells(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("rows.json"))]


@pytest.mark.slow
def test_adversarial_training_with_both_tests(place, capsys):
    code, told = run("adversarial", place, capsys)
    assert code == 0
    found = cells(place / "runs")
    assert {e["parts"]["recommender"]["component"] for e in found} == {"Popular", "BPRMF", "APR"}
    for entry in found:
        assert [row["metric"] for row in entry["rows"]] == [
            *("HR@50", "graded nDCG@50", "EFD@50", "ACLT@50", "APLT@50")
        ]
        assert entry["parts"]["dataset"]["settings"]["split.test.ratio"] == 0.2
    assert "t-test p" in told
    assert "Wilcoxon p" in told
    heads = [line for line in told.splitlines() if line.endswith("@50:")]
    assert len(heads) == 5
    folder = place / "runs" / "elliot" / "movielens_100k_adversarial"
    best = (
        folder / "conf" / "recommender" / "movielens_100k_adversarial" / "amf_best.yaml"
    ).read_text()
    assert "best of 2" in best
    assert list((folder / "cells").rglob("lists_before.tsv"))


@pytest.mark.slow
def test_two_gans_with_coverage_and_bias(place, capsys):
    code, told = run("gan", place, capsys)
    assert code == 0
    found = cells(place / "runs")
    assert {e["parts"]["recommender"]["component"] for e in found} == {"IRGAN", "CFGAN"}
    assert [row["metric"] for row in found[0]["rows"]] == [
        *("HR@50", "RMSE", "item coverage@50", "PopREO@50", "PopRSP@50")
    ]
    assert "movielens_100k_gan/cfgan" in told
    assert "t-test" not in told


def test_where_the_file_is_missing_movielens_of_the_data_folder_is_taken(place, capsys):
    shutil.rmtree(place / "data")
    _, told = run("gan", place, capsys, "--show")
    assert "dataset=ml_100k_ratings" in told
