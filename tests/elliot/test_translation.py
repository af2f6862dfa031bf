"""Options of Elliot's as they stand become ours, and none is dropped without a word."""

import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from vrbench.cli.commands import COMMANDS
from vrbench.cli.composition import Composition
from vrbench.cli.elliot.models import MODELS, OF_ALL, SEEDS
from vrbench.cli.elliot.parameters import Halving, Named, Negated, OneLayer, PowerOfTwo, To
from vrbench.cli.elliot.table import (
    EARLY,
    FILTERS,
    JUDGES,
    META,
    METRICS,
    MOVIELENS,
    WITHOUT_K,
)
from vrbench.cli.elliot.translation import translation
from vrbench.cli.folders import choice_names, conf_dir, own_first
from vrbench.cli.tuning import metric_of
from vrbench.core.errors import ConfigError, DataError, MissingDataError

FACTS = Path(__file__).parent / "parameters.yaml"
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
    assert model.space["recommender.eps"] == {
        "distribution": "quniform",
        "low": 0.25,
        "high": 1,
        "q": 0.25,
    }
    found = model.space["recommender.lr"]
    assert (found["low"], found["high"]) == pytest.approx((0.000911882, 0.006737947))
    assert found["log"] is True
    assert (model.sampler, model.trials, model.seed) == ("tpe", 7, 7)
    assert {"save=[lists]", "seed=7"} <= set(asked.more)
    assert len(asked.notes) == 2
    assert "splitting.validation_splitting: there is none" in asked.notes[0]
    assert "HR@10 chooses settings; nDCG@20 keeps the epoch" in asked.notes[1]
    made = composed(asked, "amf", tmp_path)
    assert made.settings("recommender")["recommender.l2"] == 0.25
    assert made.cfg.dataset.split.valid.ratio == 0.1
    assert asked.sweep().count("recommender=mine_file/amf_best") == 1


def test_values_that_are_told_the_other_way_round(write):
    models = {
        "MultiVAE": {"dropout_pkeep": 0.75, "intermediate_dim": 100},
        "NeuMF": {"mlp_hidden_size": "(64, 32, 16)", "prob_keep_dropout": [0.5, 0.75], "m": 2},
        "ItemKNN": {"neighbors": 40, "similarity": "cosine", "implicit": True},
        "NAIS": {"algorithm": ["product", "concat"], "weight_size": 32, "neg_ratio": 3},
        "ConvNeuMF": {"embedding_size": 64, "cnn_kernels": "(2,2)", "dropout_prob": 0},
    }
    asked = translation(write(models=models))
    vae, neumf, knn, nais, conv = asked.models
    assert (vae.settings["dropout"], vae.settings["hidden"]) == (0.25, 100)
    assert (neumf.settings["hidden"], neumf.settings["depth"]) == (64, 3)
    assert neumf.space["recommender.dropout"] == {"choices": [0.5, 0.25]}
    assert knn.settings == {"k": 40, "similarity": "cosine", "rated": False}
    assert nais.space["recommender.attention"] == {"choices": ["prod", "concat"]}
    assert (nais.settings["hidden"], nais.settings["negatives"]) == (32, 3)
    assert conv.settings["factors"] == 64
    assert not [note for note in asked.notes if "ConvNeuMF" in note]


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
            kinds = Named | Negated | OneLayer | PowerOfTwo
            renamed = [to for to in model.parameters.values() if isinstance(to, kinds)]
            wanted |= {to.setting for to in renamed}
            halve = any(isinstance(to, Halving) for to in model.parameters.values())
            wanted |= {"hidden", "depth"} if halve else set()
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
        ({"models": {"ConvNeuMF": {"embedding_size": [64, 100]}}}, "embedding_size: .*power of"),
        ({"models": {"ConvNeuMF": {"cnn_strides": "(1,1)"}}}, "cnn_strides: .*halves the map"),
        ({"models": {"NGCF": {"dropout_pkeep": 1}}}, "NGCF.dropout_pkeep: no parameter"),
        ({"models": {"VSM": {}, "MostPop": {}}}, "models.VSM: attributes: .*attribute_file"),
        ({"models": {"MultiVAE": {"dropout_pkeep": ["lognormal", 0, 1]}}}, "1 minus a lognormal"),
        ({"align_side_with_train": False}, "align_side_with_train: every item"),
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
        (
            {"models": {"CML": {"lr": ["uniform", 1, 2], "meta": {"hyper_opt_alg": "tpe"}}}},
            "max_evals: tpe needs a number",
        ),
        ({"models": {"CML": {"lr": ["quniform", 0.1, 0.2, 1]}}}, r"CML\.lr: quniform"),
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


def test_demos_of_visual_models_are_read_from_vars_folders(write, tmp_path):
    folder = tmp_path / "amazon"
    told = {f"{part}_path": f"{{0}}/{part}set.tsv" for part in ("validation", "test")}
    looks = {
        "dataloader": "VisualAttribute",
        "visual_features": "{0}/original/cnn",
        "visual_pca_features": "{0}/original/pca",
        "images_src_folder": "{0}/original/images/",
        "output_image_size": "(64,64)",
    }
    config = {
        "strategy": "fixed",
        "train_path": "{0}/trainingset.tsv",
        **told,
        "side_information": [looks],
    }
    changed = {"dataset": "amazon", "data_config": config, "splitting": None}
    models = {"VBPR": {"factors_d": 8}, "DVBPR": {}, "ACF": {}}
    file = write(**changed, models=models)
    file.write_text(file.read_text().replace("  splitting: null\n", ""))
    asked = translation(file)
    assert [model.name for model in asked.models] == ["vbpr", "dvbpr"]
    assert [n for n in asked.notes if "visual_pca_features" in n]
    assert [n for n in asked.notes if "models.ACF: maps" in n]
    cfg = composed(asked, "vbpr", tmp_path).cfg.dataset
    assert cfg.path == str(folder / "original" / "cnn")
    assert cfg.dataset["_target_"].endswith("var.var")
    assert (cfg.dataset.path, cfg.dataset.size) == (str(folder), 64)
    looks["images_src_folder"] = "elsewhere"
    file = write(**changed, models=models)
    file.write_text(file.read_text().replace("  splitting: null\n", ""))
    asked = translation(file)
    assert [model.name for model in asked.models] == ["vbpr"]
    assert composed(asked, "vbpr", tmp_path).cfg.dataset.dataset["_target_"].endswith("prepared")


def test_attributes_of_items_are_attached(write, tmp_path):
    config = {
        "strategy": "dataset",
        "dataset_path": "all.tsv",
        "side_information": [{"dataloader": "ItemAttributes", "attribute_file": "kinds.tsv"}],
    }
    asked = translation(write(data_config=config, models={"VSM": {"loader": "ItemAttributes"}}))
    assert not asked.notes
    cfg = composed(asked, "vsm", tmp_path).cfg.dataset
    assert cfg["_target_"].endswith("with_attributes")
    assert (cfg.path, cfg.dataset.path) == (str(tmp_path / "kinds.tsv"), str(tmp_path / "all.tsv"))


def test_show_prints_files_and_commands_and_writes_nothing(write, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    amf = {"meta": {"eval_perturbations": True}}
    file = write(models={"CML": {"lr": [0.1, 0.2]}, "MostPop": {}, "AMF": amf})
    assert COMMANDS["elliot"]([str(file), "--show", "seed=0,1"]) == 0
    told = capsys.readouterr().out
    assert "conf/metrics/mine_file.yaml" in told
    lines = [line for line in told.splitlines() if line.startswith("python -m vrbench")]
    assert [line.split()[3] for line in lines] == ["tune", *["-m", "leaderboard"] * 3]
    assert "recommender=mine_file/cml_best,mine_file/mostpop,mine_file/amf" in lines[1]
    assert lines[2].endswith("cells --metrics HR@10")
    assert "recommender=mine_file/amf" in lines[3]
    assert "seed=0,1" in lines[1]
    assert not (tmp_path / "runs").exists()


def test_metrics_and_options_of_models_are_elliots():
    facts = yaml.safe_load(FACTS.read_text())
    assert set(facts["metrics"]) == METRICS.keys()
    assert set(facts["meta"]) == META.keys()
    assert set(facts["early_stopping"]) == EARLY.keys()


def test_every_parameter_that_elliot_reads_is_in_the_table_and_no_other():
    facts = yaml.safe_load(FACTS.read_text())
    reads, named = facts["reads"], facts["named"]
    assert reads.keys() | {"RecommendationFolder"} == MODELS.keys()
    for name, model in MODELS.items():
        if model.choice:
            told = {*reads[name], *named.get(name, [])} - {*SEEDS}
            assert told == model.parameters.keys() - {*OF_ALL}, name


def test_several_settings_of_one_parameter_are_one_axis(write, tmp_path):
    gan = {"lr": [0.001, 0.1], "l_w": [1e-5, 0.01], "batch_size": 32}
    asked = translation(write(models={"CFGAN": gan}))
    (model,) = asked.models
    assert list(model.space) == ["recommender.lr", "recommender.l2"]
    composition = composed(asked, "cfgan", tmp_path)
    assert composition.settings("recommender")["recommender.critic_batch"] == 32
    made = composition.make("recommender", {"recommender.lr": 0.25, "recommender.l2": 0.5})
    assert (made.keywords["critic_lr"], made.keywords["critic_l2"]) == (0.25, 0.5)


def test_the_metric_that_chooses_is_elliots_first_at_its_first_cutoff(write):
    evaluation = {"cutoffs": [5, 7], "simple_metrics": ["nDCG", "HR"]}
    searched = {"l2_norm": [1, 2]}
    models = {
        "EASER": searched,
        "PureSVD": {"factors": [2, 3], "meta": {"validation_metric": "HR"}},
    }
    first, second = translation(write(evaluation=evaluation, models=models)).models
    assert (first.metric, second.metric) == ("graded_ndcg_5", "hr_5")
    stars = {"cutoffs": 5, "simple_metrics": ["RMSE"]}
    models = {"EASER": searched, "MF": {"factors": [2, 3]}}
    asked = translation(write(evaluation=stars, models=models))
    assert [model.metric for model in asked.models] == ["ndcg_20", "rmse"]
    assert [note for note in asked.notes if "EASER" in note and "RMSE of a ranker" in note]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (["normal", 0.5, 0.1], {"distribution": "normal", "mean": 0.5, "std": 0.1}),
        (["uniform", 0.5, 0.75], {"low": 0.25, "high": 0.5}),
        (["quniform", 0.5, 1, 0.5], {"distribution": "quniform", "low": 0, "high": 0.5, "q": 0.5}),
        ([0.25, 0.5], {"choices": [0.75, 0.5]}),
    ],
)
def test_a_rate_that_is_1_minus_another_is_searched_the_other_way_round(write, told, wanted):
    meta = {"hyper_opt_alg": "rand", "hyper_max_evals": 2}
    (model,) = translation(write(models={"MultiVAE": {"dropout_pkeep": told, "meta": meta}})).models
    assert model.space["recommender.dropout"] == wanted


def test_a_grid_of_lists_needs_no_number_and_one_of_draws_is_random(write):
    lists = {"lr": [0.1, 0.2], "margin": [1, 2, 3], "meta": {"hyper_opt_alg": "tpe"}}
    drawn = {"lr": ["loguniform", -3, -1], "meta": {"hyper_max_evals": 4}}
    (tpe,) = translation(write(models={"CML": lists})).models
    assert (tpe.sampler, tpe.trials) == ("tpe", 6)
    (grid,) = translation(write(models={"CML": drawn})).models
    assert (grid.sampler, grid.trials) == ("random", 4)


def test_seeds_of_the_split_and_binary_ratings(write, tmp_path):
    asked = translation(write(binarize=True, random_seed=7))
    cfg = composed(asked, "mostpop", tmp_path).cfg.dataset
    assert (cfg.binarise, cfg.split.test.seed) == (True, 7)


def test_a_threshold_of_one_leaves_half_a_star_out(write, tmp_path):
    evaluation = {"cutoffs": [5], "simple_metrics": ["HR"], "relevance_threshold": 1}
    cfg = composed(translation(write(evaluation=evaluation)), "mostpop", tmp_path).cfg.dataset
    assert (cfg["_target_"].rpartition(".")[2], cfg.threshold) == ("relevant", 1)


@pytest.mark.parametrize(
    ("told", "steps", "step"),
    [({}, 1, 2.5), ({"nb_iter": 20}, 20, 0.125), ({"nb_iter": 20, "eps_iter": 0.1}, 20, 0.2)],
)
def test_perturbations_are_swept_as_a_threat(write, tmp_path, told, steps, step):
    amf = {"epochs": 4, "eps": 0.5, "meta": {"eval_perturbations": True}, **told}
    asked = translation(write(models={"AMF": amf}))
    (model,) = asked.models
    assert model.perturbed == {"steps": steps, "step": step}
    one, many = asked.perturbed(model)
    assert "attack=embedding_fgsm" in one
    assert {"attack=mine_file/amf_steps", "budget.norm=row_l2,box"} <= set(many)
    assert "threat=none" not in many
    composed(asked, "amf", tmp_path)
    with own_first(tmp_path / "conf"):
        single = [told for told in many if not told.startswith("budget.norm")]
        cfg = Composition(single, conf_dir()).cfg
    assert (cfg.budget.eps, cfg.attack.steps, cfg.attack.step) == (0.5, steps, step)


def test_no_adversarial_epochs_are_no_second_phase(write):
    (model,) = translation(write(models={"AMF": {"epochs": 3, "adversarial_epochs": 0}})).models
    assert (model.settings["epochs"], model.settings["weight"]) == (3, 0.0)


def test_layers_of_which_there_is_one_here(write, tmp_path):
    config = {
        "strategy": "dataset",
        "dataset_path": "all.tsv",
        "side_information": [{"dataloader": "VisualAttribute", "visual_features": "vectors"}],
    }
    models = {"VNPR": {"mlp_hidden_size": "(16, 1)", "mf_factors": 8, "dropout": 0.5, "l_v": 0.25}}
    (model,) = translation(write(data_config=config, models=models)).models
    assert model.settings == {"hidden": 16, "factors": 8, "dropout": 0.5, "l2_visual": 0.25}
    models["VNPR"]["mlp_hidden_size"] = "(128, 64, 1)"
    asked = translation(write(data_config=config, models=models))
    assert any("there is one layer here" in note for note in asked.notes)
