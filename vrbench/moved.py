"""Where modules stand now that people know by an earlier path, in their code and their YAML."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "vrbench.attacks.adam": "vrbench.attacks.gradient.adam",
    "vrbench.attacks.compose": "vrbench.attacks.semantic.compose",
    "vrbench.attacks.cw": "vrbench.attacks.minimum_norm.cw",
    "vrbench.attacks.ddn": "vrbench.attacks.minimum_norm.ddn",
    "vrbench.attacks.deepfool": "vrbench.attacks.minimum_norm.deepfool",
    "vrbench.attacks.estimation": "vrbench.attacks.black_box.gradient_estimation",
    "vrbench.attacks.expected": "vrbench.attacks.gradient.eot",
    "vrbench.attacks.fmn": "vrbench.attacks.minimum_norm.fmn",
    "vrbench.attacks.generated": "vrbench.attacks.semantic.generated",
    "vrbench.attacks.hopskipjump": "vrbench.attacks.black_box.hopskipjump",
    "vrbench.attacks.jsma": "vrbench.attacks.minimum_norm.jsma",
    "vrbench.attacks.lbfgs": "vrbench.attacks.minimum_norm.lbfgs",
    "vrbench.attacks.mifgsm": "vrbench.attacks.gradient.mifgsm",
    "vrbench.attacks.nearest": "vrbench.attacks.minimum_norm.best_found",
    "vrbench.attacks.parameters": "vrbench.attacks.embedding.perturbation",
    "vrbench.attacks.pgd": "vrbench.attacks.gradient.pgd",
    "vrbench.attacks.regression": "vrbench.attacks.black_box.regression",
    "vrbench.attacks.rows": "vrbench.attacks.feature_budget",
    "vrbench.attacks.square": "vrbench.attacks.black_box.square",
    "vrbench.attacks.zoo": "vrbench.attacks.black_box.zoo",
    "vrbench.auditing": "vrbench.cli.commands.audit",
    "vrbench.bench.parameters": "vrbench.bench.stages.parameters",
    "vrbench.bench.profiles": "vrbench.bench.stages.profiles",
    "vrbench.bench.transplant": "vrbench.bench.stages.transplant",
    "vrbench.bench.upkeep": "vrbench.bench.store_maintenance",
    "vrbench.checking": "vrbench.cli.commands.check",
    "vrbench.checks": "vrbench.cli.checks",
    "vrbench.commands": "vrbench.cli.commands",
    "vrbench.completion": "vrbench.cli.completion",
    "vrbench.data.boutique": "vrbench.data.sources.boutique",
    "vrbench.data.business_tables": "vrbench.data.readers.business_tables",
    "vrbench.data.clothing": "vrbench.data.sources.clothing",
    "vrbench.data.colour_modes": "vrbench.data.readers.colour_modes",
    "vrbench.data.colours": "vrbench.data.sources.colours",
    "vrbench.data.dial": "vrbench.data.sources.dial",
    "vrbench.data.download": "vrbench.data.sources.download",
    "vrbench.data.drawing": "vrbench.data.sources.product_drawing",
    "vrbench.data.dvbpr": "vrbench.data.sources.dvbpr",
    "vrbench.data.folder": "vrbench.data.sources.folder",
    "vrbench.data.formats": "vrbench.data.readers.formats",
    "vrbench.data.git_tree": "vrbench.data.readers.git_tree",
    "vrbench.data.object_arrays": "vrbench.data.readers.object_arrays",
    "vrbench.data.rated": "vrbench.data.sources.ratings_files",
    "vrbench.data.ratings": "vrbench.data.readers.ratings",
    "vrbench.data.shop": "vrbench.data.sources.shop",
    "vrbench.data.shoppers": "vrbench.data.sources.shoppers",
    "vrbench.data.shuffled": "vrbench.data.sources.shuffled",
    "vrbench.data.strategies": "vrbench.data.splits.strategies",
    "vrbench.data.tables": "vrbench.data.readers.csv_files",
    "vrbench.data.text": "vrbench.data.readers.text",
    "vrbench.data.unpacked": "vrbench.data.readers.unpacked",
    "vrbench.data.unpictured": "vrbench.data.sources.interactions_only",
    "vrbench.data.var": "vrbench.data.sources.var",
    "vrbench.designing": "vrbench.cli.commands.design",
    "vrbench.extractors.colour": "vrbench.extractors.toy",
    "vrbench.extractors.denoised": "vrbench.extractors.defences.denoiser",
    "vrbench.extractors.purified": "vrbench.extractors.defences.base",
    "vrbench.extractors.random": "vrbench.extractors.defences.random_resize",
    "vrbench.extractors.swift": "vrbench.extractors.inference_copy",
    "vrbench.fetching": "vrbench.extractors.releases",
    "vrbench.folders": "vrbench.cli.folders",
    "vrbench.keeping": "vrbench.cli.commands.store",
    "vrbench.listing": "vrbench.cli.commands.choices",
    "vrbench.outcomes": "vrbench.cli.outcomes",
    "vrbench.plainly": "vrbench.cli.plainly",
    "vrbench.recommenders.acf": "vrbench.recommenders.visual.acf",
    "vrbench.recommenders.alexrank": "vrbench.recommenders.visual.alexrank",
    "vrbench.recommenders.amr": "vrbench.recommenders.visual.amr",
    "vrbench.recommenders.apr": "vrbench.recommenders.collaborative.apr",
    "vrbench.recommenders.bpr": "vrbench.recommenders.collaborative.bpr",
    "vrbench.recommenders.cfgan": "vrbench.recommenders.gan.cfgan",
    "vrbench.recommenders.cml": "vrbench.recommenders.collaborative.cml",
    "vrbench.recommenders.controls": "vrbench.recommenders.baselines",
    "vrbench.recommenders.deepstyle": "vrbench.recommenders.visual.deepstyle",
    "vrbench.recommenders.dvbpr": "vrbench.recommenders.visual.dvbpr",
    "vrbench.recommenders.ease": "vrbench.recommenders.collaborative.ease",
    "vrbench.recommenders.epochs": "vrbench.recommenders.training.epochs",
    "vrbench.recommenders.fism": "vrbench.recommenders.collaborative.fism",
    "vrbench.recommenders.fm": "vrbench.recommenders.visual.fm",
    "vrbench.recommenders.folding": "vrbench.recommenders.fold_in",
    "vrbench.recommenders.graphgan": "vrbench.recommenders.gan.graphgan",
    "vrbench.recommenders.injection": "vrbench.recommenders.two_stage_ranking",
    "vrbench.recommenders.irgan": "vrbench.recommenders.gan.irgan",
    "vrbench.recommenders.lightgcn": "vrbench.recommenders.collaborative.lightgcn",
    "vrbench.recommenders.multivae": "vrbench.recommenders.collaborative.multivae",
    "vrbench.recommenders.neighbours": "vrbench.recommenders.collaborative.neighbours",
    "vrbench.recommenders.neumf": "vrbench.recommenders.collaborative.neumf",
    "vrbench.recommenders.pairwise": "vrbench.recommenders.training.pairwise",
    "vrbench.recommenders.phases": "vrbench.recommenders.training.adversarial_phase",
    "vrbench.recommenders.policy": "vrbench.recommenders.gan.policy_gradient",
    "vrbench.recommenders.rows": "vrbench.recommenders.sparse_matrix",
    "vrbench.recommenders.sampling": "vrbench.recommenders.training.negative_sampling",
    "vrbench.recommenders.scaled": "vrbench.recommenders.visual.feature_scaling",
    "vrbench.recommenders.slim": "vrbench.recommenders.collaborative.slim",
    "vrbench.recommenders.svd": "vrbench.recommenders.collaborative.svd",
    "vrbench.recommenders.vbpr": "vrbench.recommenders.visual.vbpr",
    "vrbench.recommenders.vnpr": "vrbench.recommenders.visual.vnpr",
    "vrbench.recommenders.walks": "vrbench.recommenders.gan.bfs_walks",
    "vrbench.recommenders.wrmf": "vrbench.recommenders.collaborative.wrmf",
    "vrbench.recorded": "vrbench.cli.recorded",
    "vrbench.report.audit_page": "vrbench.report.pages.audit",
    "vrbench.report.claims": "vrbench.report.papers.claims",
    "vrbench.report.claims.accuracy": "vrbench.report.papers.claims.accuracy",
    "vrbench.report.claims.base": "vrbench.report.papers.claims.base",
    "vrbench.report.claims.defences": "vrbench.report.papers.claims.defences",
    "vrbench.report.claims.promotion": "vrbench.report.papers.claims.promotion",
    "vrbench.report.claims.registry": "vrbench.report.papers.claims.registry",
    "vrbench.report.claims.robustness": "vrbench.report.papers.claims.robustness",
    "vrbench.report.curves": "vrbench.report.plots.curves",
    "vrbench.report.entries": "vrbench.report.run_records",
    "vrbench.report.exchange": "vrbench.report.picture_dataset",
    "vrbench.report.image_grid": "vrbench.report.plots.image_grid",
    "vrbench.report.leaderboard_page": "vrbench.report.pages.leaderboard",
    "vrbench.report.page": "vrbench.report.pages.page",
    "vrbench.report.paper": "vrbench.report.papers.paper_spec",
    "vrbench.report.paper_spec": "vrbench.report.papers.paper_spec",
    "vrbench.report.picture": "vrbench.report.plots.picture",
    "vrbench.report.premise": "vrbench.report.papers.premise",
    "vrbench.report.printed": "vrbench.report.papers.published_comparison",
    "vrbench.report.published_comparison": "vrbench.report.papers.published_comparison",
    "vrbench.report.strips": "vrbench.report.plots.image_grid",
    "vrbench.reproduce": "vrbench.cli.commands.reproduce",
    "vrbench.schema": "vrbench.cli.schema",
    "vrbench.sweeps": "vrbench.cli.sweeps",
    "vrbench.targets": "vrbench.cli.targets",
    "vrbench.threats.audience": "vrbench.threats.query_users",
    "vrbench.threats.audit": "vrbench.threats.external_recommender",
    "vrbench.threats.by_popularity": "vrbench.threats.scenario.by_popularity",
    "vrbench.threats.learnt": "vrbench.threats.embedding_loss",
    "vrbench.threats.promote_to": "vrbench.threats.objectives.black_box_promotion",
    "vrbench.trouble": "vrbench.cli.trouble",
    "vrbench.tuning": "vrbench.cli.commands.tune",
    "vrbench.usage": "vrbench.cli.usage",
}


class Moved:
    """Finds a module under its earlier path: the same module, not a copy, and a warning.

    A finder and loader of Python's import system, without its base classes, which take long to
    import.
    """

    def __init__(self, moved: Mapping[str, str]) -> None:
        self.moved = moved

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to import what is called ``name``, if that is an earlier path."""
        loader: Any = self
        return ModuleSpec(name, loader) if name in self.moved else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of today in the place of ``module``."""
        name = module.__name__
        now = self.moved[name]
        warnings.warn(f"{name} is now {now}", DeprecationWarning, stacklevel=2)
        sys.modules[name] = importlib.import_module(now)


def redirect() -> None:
    """Let earlier paths be imported; asked first, for an older copy of us may lie elsewhere."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, Moved(MOVED))
