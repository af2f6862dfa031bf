"""Elliot's two samples and ours after them run as written, on a small file of ratings."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from vrbench.cli.commands import COMMANDS

EXAMPLES = Path(__file__).parents[2] / "docs" / "how-to" / "elliot"


SAMPLE = {  # what Elliot's config_files/sample_adversarial.yml and sample_gan.yml share
    "splitting": {"test_splitting": {"strategy": "random_subsampling", "test_ratio": 0.2}},
    "gpu": 0,
}
SAMPLE_ADVERSARIAL = SAMPLE | {
    "dataset": "movielens_1m",
    "data_config": {"strategy": "dataset", "dataset_path": "../data/movielens_1m/dataset.tsv"},
    "top_k": 50,
    "evaluation": {
        "cutoffs": 50,
        "simple_metrics": ["HR", "nDCG", "EFD", "ACLT", "APLT"],
        "paired_ttest": True,
        "wilcoxon_test": True,
    },
    "models": {
        "AMF": {
            "meta": {
                "save_recs": False,
                "hyper_max_evals": 5,
                "hyper_opt_alg": "tpe",
                "eval_perturbations": True,
                "validation_rate": 1,
            },
            "epochs": 2,
            "batch_size": 256,
            "factors": 10,
            "lr": 0.001,
            "l_w": 0.0001,
            "l_b": 0.0001,
            "eps": 0.5,
            "l_adv": 1,
            "adversarial_epochs": 1,
            "eps_iter": 0.0625,
            "nb_iter": 20,
        }
    },
}
GAN = {"save_weights": False, "save_recs": False, "validation_metric": "HR"}
SAMPLE_GAN = SAMPLE | {
    "dataset": "movielens_100k",
    "data_config": {"strategy": "dataset", "dataset_path": "../data/movielens_100k/dataset.tsv"},
    "top_k": 10,
    "evaluation": {"simple_metrics": ["HR", "RMSE", "ItemCoverage", "PopREO", "PopRSP"]},
    "models": {
        "IRGAN": {
            "meta": GAN | {"hyper_opt_alg": "grid", "validation_rate": 5, "verbose": True},
            "epochs": 10,
            "batch_size": 128,
            "factors": [50, 100],
            "lr": [0.00001, 0.0001],
            "l_w": 0.000001,
            "l_b": 0,
            "l_gan": 0.0001,
            "predict_model": "generator",
            "g_epochs": 2,
            "d_epochs": 1,
            "sample_lambda": [0.2, 0.5],
            "g_pretrain_epochs": [0, 2],
            "d_pretrain_epochs": [0, 2],
        },
        "CFGAN": {
            "meta": GAN | {"hyper_max_evals": 5, "hyper_opt_alg": "tpe"},
            "epochs": 2,
            "batch_size": 32,
            "factors": [50, 100],
            "lr": [0.001, 0.1],
            "l_w": [0.00001, 0.01],
            "l_b": 0.001,
            "l_gan": 0.001,
            "g_epochs": [1, 5],
            "d_epochs": 1,
            "s_zr": [0.001, 0.1],
            "s_pm": [0.001, 0.1],
        },
    },
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with configurations beside one with data, as Elliot has them."""
    shutil.copytree(EXAMPLES, tmp_path / "config_files")
    lines = [
        f"{u}\t{i}\t{1 + (u * i) % 5}\t{u}"
        for u in range(30)
        for i in range(60, 110)
        if (u + i) % 5
    ]
    for name in ("movielens_100k", "movielens_1m"):
        data = tmp_path / "data" / name
        data.mkdir(parents=True)
        (data / "dataset.tsv").write_text("\n".join(lines))
    for name, told in (("adv", SAMPLE_ADVERSARIAL), ("twogans", SAMPLE_GAN)):
        text = yaml.safe_dump({"experiment": told}, sort_keys=False)
        (tmp_path / "config_files" / f"sample_{name}.yml").write_text(text)
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


@pytest.mark.slow
def test_elliots_adversarial_sample_with_its_perturbations(place, capsys):
    code, told = run("sample_adv", place, capsys)
    assert code == 0
    folder = place / "runs" / "elliot" / "movielens_1m_sample_adv"
    (entry,) = cells(folder / "cells")
    wanted = {"eps": 0.5, "weight": 1, "epochs": 1, "adversarial_epochs": 1}
    settings = entry["parts"]["recommender"]["settings"]
    assert {name: settings[name] for name in wanted} == wanted
    one, many = (cells(folder / f"amf_{steps}") for steps in ("one_step", "steps"))
    attacks = [entry["parts"]["attack"]["settings"] for entry in one + many]
    assert [(told["steps"], told["step"]) for told in attacks] == [
        *((1, 1.0), (20, 0.125), (20, 0.125))
    ]
    budgets = [entry["parts"]["budget"]["settings"] for entry in one + many]
    assert [(told["eps"], told["norm"]) for told in budgets] == [
        *((0.5, "row_l2"), (0.5, "row_l2"), (0.5, "box"))
    ]
    assert "HR@50 clean" in told
    assert "HR@50 attacked" in told


@pytest.mark.slow
def test_elliots_sample_of_gans_with_its_grids(place, capsys):
    code, _ = run("sample_twogans", place, capsys)
    assert code == 0
    folder = place / "runs" / "elliot" / "movielens_100k_sample_twogans"
    assert len(cells(folder / "cells")) == 2
    best = folder / "conf" / "recommender" / "movielens_100k_sample_twogans"
    assert "best of 16" in (best / "irgan_best.yaml").read_text()
    assert "best of 5" in (best / "cfgan_best.yaml").read_text()


@pytest.mark.slow
def test_every_model_of_attributes_runs_on_a_file_of_attributes(place, capsys):
    kinds = [f"{i}\t{i % 3}\t{3 + i % 2}" for i in range(60, 110)]
    (place / "data" / "movielens_100k" / "kinds.tsv").write_text("\n".join(kinds))
    names = ["AttributeItemKNN", "AttributeUserKNN", "VSM", *("FM", "FFM", "NFM", "DeepFM")]
    told = SAMPLE_GAN | {"models": {name: {"epochs": 1} for name in [*names, "WideAndDeep"]}}
    loader = {"dataloader": "ItemAttributes", "attribute_file": "../data/{0}/kinds.tsv"}
    told["data_config"] = told["data_config"] | {"side_information": [loader]}
    told["evaluation"] = {"simple_metrics": ["HR"]}
    (place / "config_files" / "kinds.yml").write_text(yaml.safe_dump({"experiment": told}))
    code, _ = run("kinds", place, capsys)
    assert code == 0
    found = cells(place / "runs")
    assert len(found) == 8
    assert not [entry for entry in found if "rows" not in entry]


def test_where_the_file_is_missing_movielens_of_the_data_folder_is_taken(place, capsys):
    shutil.rmtree(place / "data")
    _, told = run("gan", place, capsys, "--show")
    assert "dataset=ml_100k_ratings" in told
