"""Options of Elliot's as they stand become ours, and none is dropped without a word."""

import re

import pytest
import yaml
from hydra import compose, initialize_config_dir

from vrbench.cli.commands import COMMANDS
from vrbench.cli.composition import Composition
from vrbench.cli.elliot.models import MODELS
from vrbench.cli.elliot.parameters import Halving, Named, Negated, To
from vrbench.cli.elliot.table import FILTERS, JUDGES, METRICS, MOVIELENS, WITHOUT_K
from vrbench.cli.elliot.translation import translation
from vrbench.cli.folders import choice_names, conf_dir, own_first
from vrbench.cli.tuning import metric_of
from vrbench.core.errors import ConfigError, DataError, MissingDataError

BASE = {
    "dataset": "mine",
    "data_config": {"strategy": "dataset", "dataset_path": "all.tsv"},
    "splitting": {"test_splitting": {"strategy": "random_subsampling", "test_ratio": 0.2}},
    "top_k": 10,
    "evaluation": {"simple_metrics": ["HR"]},
    "models": {"MostPop": {"meta": {"verbose": True}}},
}


@pytest.fixture
def write(tmp_path):
    lines = [f"u{n % 9}\ti{(n // 9 + n) % 13}\t{1 + n % 5}\t{n}" for n in range(117)]
    (tmp_path / "all.tsv").write_text("\n".join(lines))

    def written(**changed):
        file = tmp_path / "file.yml"
        file.write_text(yaml.safe_dump({"experiment": BASE | changed}, sort_keys=False))
        return file

    return written


def composed(asked, model, tmp_path):
    """The whole of a translation, composed from its files."""
    conf = tmp_path / "conf"
    for name, text in asked.files.items():
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text(text)
    (which,) = (one for one in asked.models if one.name == model)
    with own_first(conf):
        return Composition([*asked.tuned(which), f"metrics={asked.name}"], conf_dir())


def test_data_filters_and_splits(write, tmp_path):
    asked = translation(
        write(
            data_config={"strategy": "dataset", "dataset_path": "all.tsv", "binarize": True},
            prefiltering=[
                {"strategy": "global_threshold", "threshold": 2},
                {"strategy": "n_rounds_k_core", "core": 3, "rounds": 2},
            ],
            splitting={
                "test_splitting": {"strategy": "random_cross_validation", "folds": 3},
                "validation_splitting": {"strategy": "temporal_hold_out", "leave_n_out": 2},
            },
        )
    )
    assert not asked.notes
    assert "dataset.fold=0,1,2" in asked.more
    cfg = composed(asked, "mostpop", tmp_path).cfg.dataset
    assert cfg.path == str(tmp_path / "all.tsv")
    assert cfg.binarise is True
    assert [f["_target_"].rpartition(".")[2] for f in cfg.filters.values()] == [
        "GlobalThreshold",
        "RoundsCore",
    ]
    assert (cfg.filters.step0.threshold, cfg.filters.step1.core, cfg.filters.step1.rounds) == (
        2,
        3,
        2,
    )
    assert cfg.split.test["_target_"].endswith("KFold")
    assert cfg.split.test.folds == 3
    assert cfg.split.valid["_target_"].endswith("TemporalLeaveOut")
    assert cfg.split.valid.n == 2


def test_every_filter_of_the_table_composes(write, tmp_path):
    values = {"threshold": 2, "core": 2, "rounds": 2}
    steps = [
        {"strategy": strategy} | {name: values[name] for name in settings}
        for strategy, (_, settings) in FILTERS.items()
    ]
    cfg = composed(translation(write(prefiltering=steps)), "mostpop", tmp_path).cfg
    assert len(cfg.dataset.filters) == len(FILTERS)


def test_metrics_at_every_cutoff(write, tmp_path):
    evaluation = {
        "cutoffs": [5, 10],
        "simple_metrics": ["nDCG", "hr", "Gini"],
        "relevance_threshold": 1,
        "complex_metrics": [
            {"metric": "DSC", "beta": 2},
            {"metric": "ExtendedPopREO", "pop_ratio": 0.7},
            {"metric": "ExtendedF1", "metric_0": "Precision", "metric_1": "epc"},
        ],
    }
    asked = translation(write(evaluation=evaluation))
    made = composed(asked, "mostpop", tmp_path).make("metrics")
    assert [metric.column for metric in made.values()] == [
        *("graded nDCG@5", "graded nDCG@10", "HR@5", "HR@10", "Gini@5", "Gini@10"),
        *("F2@5", "F2@10", "PopREO@5", "PopREO@10"),
        *("F1(Precision, EPC)@5", "F1(Precision, EPC)@10"),
    ]
    assert made["ndcg_5"].threshold == 1
    assert made["dsc_10"].beta == 2
    assert made["extendedpopreo_10"].head == 0.7


def test_every_metric_of_the_table_is_made(write, tmp_path):
    names = [name for name, measure in METRICS.items() if measure.target]
    asked = translation(write(evaluation={"simple_metrics": names}))
    assert len(asked.metrics) == len(names)
    composed(asked, "mostpop", tmp_path).make("metrics")


def test_relevance_and_candidates_are_data_around_the_data(write, tmp_path):
    evaluation = {"cutoffs": [5], "simple_metrics": ["nDCG"], "relevance_threshold": 4}
    drawn = {"strategy": "random", "num_items": 99, "seed": 3}
    asked = translation(write(evaluation=evaluation, negative_sampling=drawn))
    composition = composed(asked, "mostpop", tmp_path)
    cfg = composition.cfg.dataset
    assert cfg["_target_"].endswith("evaluated.relevant")
    assert cfg.threshold == 4
    assert cfg.dataset["_target_"].endswith("evaluated.sampled_candidates")
    assert (cfg.dataset.negatives, cfg.dataset.seed) == (99, 3)
    assert cfg.dataset.dataset.path
    assert composition.make("metrics")["ndcg_5"].threshold == 4


def test_a_model_its_parameters_and_its_search(write, tmp_path):
    amf = {
        "meta": {
            "hyper_opt_alg": "tpe",
            "hyper_max_evals": 7,
            "save_recs": True,
            "validation_rate": 2,
        },
        "epochs": 30,
        "batch_size": 128,
        "factors": [16, 32],
        "lr": ["loguniform", -7, -5],
        "l_w": 0.25,
        "l_adv": 0.5,
        "eps": ["quniform", 0.25, 1, 0.25],
        "adversarial_epochs": 10,
        "seed": 7,
        "early_stopping": {"patience": 3},
    }
    asked = translation(write(models={"AMF": amf}))
    (model,) = asked.models
    assert model.settings == {
        "epochs": 20,
        "batch_size": 128,
        "l2": 0.25,
        "weight": 0.5,
        "adversarial_epochs": 10,
        "eval_every": 2,
        "patience": 3,
    }
    assert model.space["recommender.factors"] == {"choices": [16, 32]}
    assert model.space["recommender.eps"] == {"choices": [0.25, 0.5, 0.75, 1]}
    found = model.space["recommender.lr"]
    assert (found["low"], found["high"]) == pytest.approx((0.000911882, 0.006737947))
    assert found["log"] is True
    assert (model.sampler, model.trials, model.seed) == ("tpe", 7, 7)
    assert {"save=[lists]", "seed=7"} <= set(asked.more)
    assert len(asked.notes) == 1
    assert "splitting.validation_splitting: there is none" in asked.notes[0]
    made = composed(asked, "amf", tmp_path)
    assert made.settings("recommender")["recommender.l2"] == 0.25
    assert made.cfg.dataset.split.valid.ratio == 0.1
    assert asked.sweep().count("recommender=mine_file/amf_best") == 1


def test_values_that_are_told_the_other_way_round(write):
    models = {
        "MultiVAE": {"dropout_pkeep": 0.75, "intermediate_dim": 100},
        "NeuMF": {"mlp_hidden_size": "(64, 32, 16)", "prob_keep_dropout": [0.5, 0.75], "m": 2},
        "ItemKNN": {"neighbors": 40, "similarity": "cosine", "implicit": True},
    }
    asked = translation(write(models=models))
    vae, neumf, knn = asked.models
    assert (vae.settings["dropout"], vae.settings["hidden"]) == (0.25, 100)
    assert (neumf.settings["hidden"], neumf.settings["depth"]) == (64, 3)
    assert neumf.space["recommender.dropout"] == {"choices": [0.5, 0.25]}
    assert knn.settings == {"k": 40, "similarity": "cosine", "rated": False}


def test_every_model_of_the_table_is_a_choice_with_these_settings():
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for name, model in MODELS.items():
            if not model.choice:
                assert model.why, name
                continue
            known = compose(f"recommender/{model.choice}").recommender
            wanted = {
                s for to in model.parameters.values() if isinstance(to, To) for s in to.settings
            }
            renamed = [to for to in model.parameters.values() if isinstance(to, Named | Negated)]
            wanted |= {to.setting for to in renamed}
            wanted |= {"hidden", "depth"} if Halving() in model.parameters.values() else set()
            assert {*wanted, *model.fixed} <= set(known), name
    assert set(MOVIELENS.values()) <= set(choice_names("dataset", conf_dir()))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"models": {"ConvMF": {}, "MostPop": {}}}, "models.ConvMF: .*texts.*; left out"),
        ({"models": {"AMFF": {}, "MostPop": {}}}, "models.AMFF: no model .*AMF.*; left out"),
        ({"models": {"VBPR": {}, "MostPop": {}}}, "models.VBPR: .*visual_features.*; left out"),
        ({"models": {"CML": {"l_b": 1}}}, "models.CML.l_b: there are no biases; left out"),
        ({"models": {"CML": {"factor": 1}}}, "models.CML.factor: .*factors.*; left out"),
        ({"models": {"ItemKNN": {"similarity": "chi2"}}}, "models.ItemKNN.similarity: chi2"),
        ({"models": {"MostPop": {"meta": {"validation_metric": "HP@5"}}}}, "metric: HP@5"),
        ({"models": {"AMF": {"meta": {"eval_perturbations": True}}}}, "meta.eval_perturbations"),
        ({"models": {"CML": {"early_stopping": {"min_delta": 1}}}}, "early_stopping.min_delta: 1"),
        ({"evaluation": {"simple_metrics": ["HR", "RMSE"]}}, "evaluation.RMSE: of rankers"),
        ({"gpu": 99}, "gpu: 99: no such card"),
        ({"path_output_rec_result": "there"}, "path_output_rec_result"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_told_in_one_line(write, changed, says):
    notes = translation(write(**changed)).notes
    assert [note for note in notes if re.search(says, note)]
    assert not any("\n" in note for note in notes)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"external_models_path": "mine.py"}, "experiment.external_models_path is refused"),
        ({"external_posthoc_path": "mine.py"}, "experiment.external_posthoc_path is refused"),
        ({"models": {"external.Mine": {}}}, r"external\.Mine: nothing of a file is executed"),
        ({"negative_sampling": {"strategy": "fixed", "files": "x"}}, "negative_sampling: expected"),
        ({"splitings": {}}, "splitings is no option of Elliot's.*splitting"),
        ({"top_kk": 5}, "top_kk is no option .*top_k"),
        ({"splitting": {}}, "test_splitting: one is needed"),
        ({"splitting": {"test_splitting": {"strategy": "random"}}}, "no 'random'"),
        ({"splitting": {"test_splitting": {"strategy": "temporal_hold_out", "folds": 2}}}, "ratio"),
        ({"prefiltering": {"strategy": "user_core"}}, "prefiltering.strategy: no 'user_core'"),
        ({"evaluation": {"simple_metrics": ["HR"], "relevance_threshold": "x"}}, "a number, got"),
        ({"models": {"CML": {"lr": ["normal", 0, -1]}}}, r"models\.CML\.lr: normal"),
        ({"models": {"CML": {"lr": ["uniform", 0]}}}, r"models\.CML\.lr: uniform"),
        ({"models": {"CML": {"lr": "fast"}}}, r"models\.cml: .*lr"),
        ({"models": {"CML": {"lr": [1, 2], "meta": {"hyper_opt_alg": "tpe"}}}}, "hyper_max_evals"),
        ({"models": {"ConvMF": {}}}, "models: none is here"),
        ({"data_config": {"side_information": [{"dataloader": "ChainedKG"}]}}, "ChainedKG"),
    ],
)  # fmt: skip
def test_what_would_make_other_numbers_is_refused_by_name(write, changed, says):
    with pytest.raises(ConfigError, match=says) as told:
        translation(write(**changed))
    assert "\n" not in str(told.value)


def test_nothing_in_a_file_is_executed(tmp_path):
    file = tmp_path / "file.yml"
    file.write_text(f"experiment: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(DataError, match="is no YAML"):
        translation(file)
    assert not (tmp_path / "made").exists()
    with pytest.raises(MissingDataError, match="no file"):
        translation(tmp_path / "none.yml")


def test_settings_are_chosen_by_its_metric_over_its_folds(write, tmp_path, capsys):
    """Every metric that can choose is a choice of ours that is one metric."""
    splitting = {
        "test_splitting": {"strategy": "random_cross_validation", "folds": 3},
        "validation_splitting": {"strategy": "random_subsampling", "test_ratio": 0.1},
    }
    ease = {"l2_norm": [10, 100], "meta": {"validation_metric": "hr@5"}}
    file = write(splitting=splitting, models={"EASER": ease})
    asked = translation(file)
    assert asked.models[0].metric == "hr_5"
    assert asked.folds == ("dataset.fold=0,1,2",)
    assert COMMANDS["elliot"]([str(file), "--show"]) == 0
    (line,) = (x for x in capsys.readouterr().out.splitlines() if " tune " in x)
    assert "dataset.fold=0,1,2" in line
    assert "--metric hr_5" in line
    for name, choice in JUDGES.items():
        made = metric_of(choice if choice in WITHOUT_K else f"{choice}_7")
        target = METRICS[name].target.rpartition(".")[2]
        assert type(made).__name__ == target, name


def test_features_of_items_are_attached(write, tmp_path):
    config = {
        "strategy": "dataset",
        "dataset_path": "all.tsv",
        "side_information": [{"dataloader": "VisualAttribute", "visual_features": "vectors"}],
    }
    asked = translation(write(data_config=config, models={"VBPR": {"factors_d": 8}}))
    cfg = composed(asked, "vbpr", tmp_path).cfg
    assert (cfg.dataset.path, cfg.dataset.dataset.path) == (
        str(tmp_path / "vectors"),
        str(tmp_path / "all.tsv"),
    )
    assert cfg.dataset.dataset.split.test.ratio == 0.2
    assert cfg.recommender.visual_factors == 8


def test_show_prints_files_and_commands_and_writes_nothing(write, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write(models={"CML": {"lr": [0.1, 0.2]}, "MostPop": {}})
    assert COMMANDS["elliot"]([str(file), "--show", "seed=0,1"]) == 0
    told = capsys.readouterr().out
    assert "conf/metrics/mine_file.yaml" in told
    lines = [line for line in told.splitlines() if line.startswith("python -m vrbench")]
    assert [line.split()[3] for line in lines] == ["tune", "-m", "leaderboard"]
    assert "recommender=mine_file/cml_best,mine_file/mostpop" in lines[1]
    assert "seed=0,1" in lines[1]
    assert not (tmp_path / "runs").exists()
