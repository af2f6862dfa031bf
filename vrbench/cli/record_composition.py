"""Composition of untrusted records: only shipped choices and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vrbench.cli.composition import Composition
from vrbench.cli.folders import own_first
from vrbench.cli.recorded import NAME, NOT_AXES, allowed_text, readable
from vrbench.cli.schema import listed_words
from vrbench.cli.targets import find
from vrbench.cli.variants import row
from vrbench.core.spec import hints_of


def compose_record(
    overrides: Sequence[Any], conf: Path, extra_dir: Path | None = None
) -> Composition:
    """Return the configuration of an untrusted record; nothing is instantiated.

    Only choices of ``conf`` and of ``extra_dir``, and plain values of their settings, are
    composed; where the run kept its store and files is left out.

    Args:
        overrides: as the record has them.
        conf: the folder of the YAML files.
        extra_dir: a folder like it that the user names, as behind ``--config-dir``.

    Raises:
        ConfigError: one line, on whatever reaches outside (``_target_``, ``${...}``, paths,
            Hydra's own settings) and on what a run would refuse.
    """
    folders = [conf] if extra_dir is None else [extra_dir, conf]
    axes = {p.name for p in conf.iterdir() if p.is_dir() and NAME.fullmatch(p.name)}

    def exists(axis: str, name: str) -> bool:
        files = (folder / axis / f"{name}.yaml" for folder in folders)
        return any(file.is_file() for file in files) or row(axis, name, conf) is not None

    kept, texts = readable(overrides, axes - set(NOT_AXES), exists)
    with own_first(extra_dir):
        composed = Composition(kept, conf)
    for key, text in texts.items():
        allowed_text(key, text, _options(composed.cfg, key))
    return composed


def _options(cfg: DictConfig, key: str) -> set[object]:
    """Return the words that the annotation of a setting lists."""
    where, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, where)
    if not OmegaConf.is_dict(node) or "_target_" not in node:
        return set()
    return listed_words(hints_of(find(node["_target_"])).get(name))
