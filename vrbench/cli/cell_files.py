"""Output files of a cell beside ``rows.json``: per-user values, pictures, what ``save`` names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from vrbench.bench.result import Result
from vrbench.core.spec import digest
from vrbench.core.visuals import Signal
from vrbench.data.dataset import Dataset
from vrbench.data.export import write_lists, write_profiles, write_splits
from vrbench.data.feature_layouts import write_features
from vrbench.report.picture_dataset import write_pictures
from vrbench.report.plots.picture import sheet

log = logging.getLogger(__name__)


def leave_files(
    wanted: Collection[str], result: Result, dataset: Dataset, folder: Path
) -> list[tuple[str, Path]]:
    """Write the output files; return a description and the path of each to look at.

    Args:
        wanted: any of features, lists, model, pictures, profiles, splits.
        result: of the cell.
        dataset: whose items and users it is about.
        folder: of the run.
    """
    values = {k: v.contiguous() for k, v in result.values.items()}
    if dataset.fold is not None:
        values["users"] = _numbers_of(dataset.user_ids)
    save_file(values, folder / "values.safetensors")
    for part, view in result.lists.items():
        if "lists" in wanted:
            assert view.lists.scores is not None
            write_lists(
                folder / f"lists_{part}.tsv", view.lists.ranking, view.lists.scores, dataset
            )
        if "model" in wanted:
            state = result.models[part].state_dict()
            kept = {name: value.detach().cpu().contiguous() for name, value in state.items()}
            save_file(kept, folder / f"model_{part}.safetensors")
    if "features" in wanted:
        _features(result, dataset, folder)
    if "profiles" in wanted and result.fakes is not None:
        write_profiles(folder / "profiles.tsv", result.fakes, dataset)
    if "splits" in wanted:
        write_splits(folder / "splits", dataset)
    return _pictures("pictures" in wanted, result, dataset, folder)


def _numbers_of(names: Sequence[str]) -> torch.Tensor:
    """Return ``(n,)`` int64, a number made of each name: the same on every fold."""
    return torch.tensor([int(digest(name), 16) >> 1 for name in names], dtype=torch.int64)


def _features(result: Result, dataset: Dataset, folder: Path) -> None:
    """Write the vectors that the recommender was shown, clean and, where they differ, attacked."""
    clean = result.shown["before"]
    if clean.signal is not Signal.VECTOR:
        log.warning("save=features: this recommender is shown no vectors, so none are left")
        return
    attacked = result.shown.get("after", clean)
    tables = {"clean": clean} | ({} if attacked is clean else {"attacked": attacked})
    every = torch.arange(len(clean))
    for part, table in tables.items():
        rows = table[every].detach().cpu().numpy()
        write_features(folder / "features", part, rows, dataset.item_names)


def _pictures(each: bool, result: Result, dataset: Dataset, folder: Path) -> list[tuple[str, Path]]:
    """Write a sheet of the attacked pictures, and if asked for ``each`` of them by itself."""
    crafted, catalogue, left = result.crafted, dataset.catalogue, []
    if crafted is None:
        return []
    if each:
        kinds = [catalogue.names[label] for label in catalogue.categories.tolist()]
        for part, pixels in (("clean", crafted.clean), ("attacked", crafted.attacked)):
            place = folder / "pictures" / part
            write_pictures(
                pixels, result.case.items, place, names=dataset.item_ids, categories=kinds
            )
        left.append(("pictures, to attack elsewhere or to look at", folder / "pictures"))
    sheet(crafted.clean, crafted.attacked, folder / "picture.png")
    return [*left, ("picture (clean | attacked | difference x16)", folder / "picture.png")]
