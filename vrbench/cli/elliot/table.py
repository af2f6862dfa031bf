"""Elliot's options, metrics and filters, and their names here; shown by "Coming from Elliot".

Names and meanings are those of Elliot 0.3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Option(NamedTuple):
    """An option of a configuration file, outside of models and metrics.

    Attributes:
        here: where it is, in words.
        taken: whether it is read; what is not moves no number, or is refused by name.
    """

    here: str
    taken: bool = True


REFUSED = "refused"  # how the words on a refused option begin
OPTIONS: dict[str, Option] = {
    "dataset": Option("the name of what is written; see `data_config.dataset_path`"),
    "version": Option("not needed: what a file says is what is run", taken=False),
    "data_config.strategy": Option(
        "`dataset=ratings`, `splits` (of `fixed`) or `elliot` (of `hierarchy`)"
    ),
    "data_config.dataset_path": Option(
        "`dataset.path`; of MovieLens, if missing, what `VRBENCH_DATA` has"
    ),
    "data_config.root_folder": Option("`dataset.path`"),
    "data_config.train_path": Option(
        "`FOLDER/train.tsv` or `trainingset.tsv`, with `dataset.path=FOLDER`"
    ),
    "data_config.validation_path": Option(
        "`FOLDER/validation.tsv`, `val.tsv` or `validationset.tsv`"
    ),
    "data_config.test_path": Option("`FOLDER/test.tsv` or `testset.tsv`"),
    "data_config.binarize": Option("as `binarize`: Elliot's pages have it here"),
    "data_config.side_information": Option(
        "`VisualAttribute`, `ItemAttributes`: see below; others: refused"
    ),
    "data_config.dataloader": Option("as in `side_information`"),
    "prefiltering.strategy": Option("`+filter@dataset.filters.NAME=...`, in the order given"),
    "prefiltering.threshold": Option("of `threshold` the same, of `cold_users` `most`"),
    "prefiltering.core": Option("`core`"),
    "prefiltering.rounds": Option("`rounds`"),
    "splitting.save_on_disk": Option("`save=[splits]`"),
    "splitting.save_folder": Option("beside `rows.json`, always", taken=False),
    "splitting.test_splitting": Option("`split@dataset.split=...`, its `test`"),
    "splitting.validation_splitting": Option("its `valid`; none: all epochs are run"),
    "splitting.*.strategy": Option(
        "`FixedTimestamp`, `TemporalHoldOut`, ..., `KFold`: see `vrbench.splits`"
    ),
    "splitting.*.timestamp": Option("`timestamp`"),
    "splitting.*.min_below": Option("`min_below`"),
    "splitting.*.min_over": Option("`min_over`"),
    "splitting.*.test_ratio": Option("`ratio`"),
    "splitting.*.leave_n_out": Option("`n`"),
    "splitting.*.folds": Option("`folds`, and a sweep over `dataset.fold` or `valid_fold`"),
    "negative_sampling": Option(
        "`dataset=sampled_candidates`, of `strategy: random`; biased, which is said"
    ),
    "top_k": Option("the `k` of every metric, where there are no `cutoffs`"),
    "evaluation.cutoffs": Option("the `k` of every metric, one of each"),
    "evaluation.simple_metrics": Option("`metrics`, see below"),
    "evaluation.complex_metrics": Option("`metrics`, see below"),
    "evaluation.relevance_threshold": Option("of graded metrics; above 0 `dataset=relevant`"),
    "evaluation.paired_ttest": Option("`vrbench compare`, over the users of all folds"),
    "evaluation.wilcoxon_test": Option("`vrbench compare`, also without the t-test"),
    "print_results_as_triplets": Option("`vrbench leaderboard --format json`", taken=False),
    "config_test": Option("`dry_run=true`"),
    "binarize": Option("`dataset.binarise`; Elliot's code reads it here"),
    "random_seed": Option("the `seed` of a random split; of trainings: a model's `seed`"),
    "align_side_with_train": Option(
        "every item needs its features, and one without attributes stays", taken=False
    ),
    "gpu": Option("`machine.device`; below zero, or no such card: the processor"),
    "path_output_rec_result": Option("beside `rows.json`: `save=[lists]`", taken=False),
    "path_output_rec_weight": Option("beside `rows.json`: `save=[model]`", taken=False),
    "path_output_rec_performance": Option("`--folder`", taken=False),
    "path_log_folder": Option("beside `rows.json`", taken=False),
    "path_logger_config": Option("`hydra.job_logging`", taken=False),
    "log_folder": Option("beside `rows.json`", taken=False),
    "external_models_path": Option(
        f"{REFUSED}: nothing is executed; a class of yours: `--config-dir`", taken=False
    ),
    "external_posthoc_path": Option(
        f"{REFUSED}: nothing is executed; a class of yours: `--config-dir`", taken=False
    ),
    "models": Option("`recommender`, see below"),
}

META: dict[str, Option] = {
    "save_recs": Option("`save=[lists]`"),
    "save_weights": Option("`save=[model]`"),
    "verbose": Option("not needed", taken=False),
    "restore": Option("the store keeps every model that was trained", taken=False),
    "hyper_opt_alg": Option("`tune --sampler`, see Searches"),
    "hyper_max_evals": Option("`tune --trials`"),
    "validation_rate": Option("`recommender.eval_every`"),
    "validation_metric": Option("`tune --metric`; epochs are kept by nDCG@20, which is said"),
    "eval_perturbations": Option("of AMF a sweep of `threat=parameters`; AMR: `threat=vector`"),
    "optimize_internal_loss": Option("never: settings are chosen by the validation", taken=False),
}

EARLY: dict[str, Option] = {
    "patience": Option("`recommender.patience`, in evaluations"),
    "monitor": Option("nDCG@20 of the validation", taken=False),
    "mode": Option("the largest", taken=False),
    "verbose": Option("not needed", taken=False),
    "min_delta": Option("any rise counts", taken=False),
    "rel_delta": Option("any rise counts", taken=False),
    "baseline": Option("not here", taken=False),
}
NEEDLESS = {"verbose", "restore", "mode", "version", "save_folder", "print_results_as_triplets"}

SIDE: dict[str, str] = {  # of side_information, by loader and option
    "VisualAttribute.visual_features": "`dataset=features`: a folder of `ITEM.npy`",
    "VisualAttribute.visual_pca_features": "read where there are no `visual_features`",
    "VisualAttribute.visual_feat_map_features": "maps are made of pictures, not read",
    "VisualAttribute.images_src_folder": "`dataset=var`, where it is VAR's folder `images`",
    "VisualAttribute.output_image_size": "of pictures, `dataset.size`",
    "ItemAttributes.attribute_file": "`dataset=attributes`: an item, and its attributes, a line",
}

FILTERS: dict[str, tuple[str, Mapping[str, str]]] = {
    "global_threshold": ("threshold", {"threshold": "threshold"}),
    "user_average": ("user_average", {}),
    "user_k_core": ("user_core", {"core": "core"}),
    "item_k_core": ("item_core", {"core": "core"}),
    "iterative_k_core": ("iterative_core", {"core": "core"}),
    "n_rounds_k_core": ("rounds_core", {"core": "core", "rounds": "rounds"}),
    "cold_users": ("cold_users", {"threshold": "most"}),
}

MOVIELENS = {  # by Elliot's name: the choice here
    "movielens_100k": "ml_100k_ratings",
    "movielens_1m": "ml_1m",
    "movielens_small": "ml_latest_small",
}


@dataclass(frozen=True)
class Measure:
    """A metric of Elliot's.

    Attributes:
        target: the class here; empty: there is none.
        note: in which way it is another, or why there is none.
        k: whether it has a cutoff.
        graded: whether the relevance threshold is a setting of it.
        settings: of its parameters in a file, what they are called here.
        fixed: settings that it has in any case.
    """

    target: str = ""
    note: str = ""
    k: bool = True
    graded: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)


_ITEMS = {"clustering_name": "", "clustering_file": "items"}
_USERS = {"clustering_name": "", "clustering_file": "users"}
_BOTH = {
    "user_clustering_name": "",
    "user_clustering_file": "users",
    "item_clustering_name": "",
    "item_clustering_file": "items",
}
_M = "vrbench.metrics"
STARS = "of rankers not a number: their scores are no stars"
METRICS: dict[str, Measure] = {
    "nDCG": Measure(f"{_M}.accuracy.GradedNDCG", "gains by rating, as Elliot's", graded=True),
    "nDCGRendle2020": Measure(f"{_M}.accuracy.NDCGRendle"),
    "Precision": Measure(f"{_M}.accuracy.Precision"),
    "Recall": Measure(f"{_M}.ranking.Recall"),
    "HR": Measure(f"{_M}.ranking.HR"),
    "MRR": Measure(f"{_M}.ranking.MRR"),
    "MAP": Measure(
        f"{_M}.accuracy.MAP",
        "of average precisions; Elliot's mean of precisions is `ElliotMAP`",
    ),
    "MAR": Measure(f"{_M}.accuracy.MAR", "Elliot's mean of recalls is `ElliotMAR`"),
    "F1": Measure(f"{_M}.accuracy.F1", fixed={"beta": 1.0}),
    "ExtendedF1": Measure(
        f"{_M}.accuracy.ExtendedF",
        "per user; of `metric_0` and `metric_1`",
        settings={"metric_0": "first", "metric_1": "second", "beta": "beta"},
    ),
    "DSC": Measure(f"{_M}.accuracy.F1", "F with a `beta`", settings={"beta": "beta"}),
    "AUC": Measure(f"{_M}.ranking.AUC", "Elliot's, off by one, is `ElliotAUC`", k=False),
    "GAUC": Measure(
        f"{_M}.accuracy.GAUC",
        "users weigh as their test items; Elliot's is `ElliotGAUC`",
        k=False,
    ),
    "LAUC": Measure(f"{_M}.accuracy.LAUC", "Elliot's is `ElliotLAUC`"),
    "MAE": Measure(f"{_M}.rating.MAE", STARS, k=False),
    "MSE": Measure(f"{_M}.rating.MSE", STARS, k=False),
    "RMSE": Measure(f"{_M}.rating.RMSE", STARS, k=False),
    "ItemCoverage": Measure(f"{_M}.coverage.ItemCoverage"),
    "UserCoverage": Measure(f"{_M}.coverage.UserCoverage"),
    "UserCoverageAtN": Measure(f"{_M}.coverage.UserCoverageAtN"),
    "NumRetrieved": Measure(f"{_M}.coverage.NumRetrieved"),
    "Gini": Measure(
        f"{_M}.diversity.Gini", "0 is even, as in textbooks; Elliot's 1 is, `ElliotGini`"
    ),
    "SEntropy": Measure(f"{_M}.diversity.ShannonEntropy", "Elliot's is `ElliotSEntropy`"),
    "SRecall": Measure(
        f"{_M}.diversity.SRecall",
        "over the catalogue's categories; a `feature_data` file is not read",
        settings={"feature_data": "?"},
    ),
    "EFD": Measure(f"{_M}.novelty.EFD"),
    "ExtendedEFD": Measure(f"{_M}.novelty.ExtendedEFD", graded=True),
    "EPC": Measure(f"{_M}.novelty.EPC"),
    "ExtendedEPC": Measure(f"{_M}.novelty.ExtendedEPC", graded=True),
    "ARP": Measure(f"{_M}.bias.ARP"),
    "APLT": Measure(f"{_M}.bias.APLT"),
    "ACLT": Measure(f"{_M}.bias.ACLT"),
    "PopREO": Measure(f"{_M}.bias.PopREO"),
    "PopRSP": Measure(f"{_M}.bias.PopRSP"),
    "ExtendedPopREO": Measure(f"{_M}.bias.PopREO", settings={"pop_ratio": "head"}),
    "ExtendedPopRSP": Measure(f"{_M}.bias.PopRSP", settings={"pop_ratio": "head"}),
    "REO": Measure(f"{_M}.fairness.REO", settings=_ITEMS),
    "RSP": Measure(f"{_M}.fairness.RSP", settings=_ITEMS),
    "UserMADrating": Measure(f"{_M}.fairness.UserMADrating", settings=_USERS),
    "UserMADranking": Measure(f"{_M}.fairness.UserMADranking", settings=_USERS),
    "ItemMADrating": Measure(f"{_M}.fairness.ItemMADrating", settings=_ITEMS),
    "ItemMADranking": Measure(f"{_M}.fairness.ItemMADranking", settings=_ITEMS),
    "BiasDisparityBS": Measure(f"{_M}.fairness.BiasDisparityBS", settings=_BOTH),
    "BiasDisparityBR": Measure(f"{_M}.fairness.BiasDisparityBR", settings=_BOTH),
    "BiasDisparityBD": Measure(f"{_M}.fairness.BiasDisparityBD", settings=_BOTH),
}
RANKERS_ONLY = ("MAE", "MSE", "RMSE")
JUDGES = {  # by Elliot's name: the choice of metrics here, without its length
    "nDCG": "graded_ndcg",
    "nDCGRendle2020": "ndcg_rendle",
    **{n: n.lower() for n in ("Precision", "Recall", "HR", "MRR", "MAP", "MAR", "F1", "LAUC")},
    **{n: n.lower() for n in ("AUC", "GAUC", "MAE", "MSE", "RMSE", "EFD", "EPC", "ARP", "Gini")},
    "ItemCoverage": "item_coverage",
    "SEntropy": "shannon_entropy",
}
WITHOUT_K = ("auc", "gauc", "mae", "mse", "rmse")
