"""``_tuned_``: what a choice says of the search that its settings came from.

A note, no setting: ``_tuned_: {dataset: ml_100k, trials: 20, seconds: 11}``. Nothing is made of it
and no key knows it; a run's record and a leaderboard do.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from omegaconf import OmegaConf, open_dict

from vrbench.core.errors import ConfigError

KEY = "_tuned_"
FORM = f"{KEY}: {{dataset: NAME, trials: N, seconds: S}}, the last if it is known"


def effort(node: Any) -> dict[str, Any] | None:
    """Return the note of a choice as plain data; None where there is none.

    ``dataset`` is the choice of a data set that was validated on, ``trials`` how many settings were
    tried (those that were left half way too), ``seconds`` the processor time of all of them.

    Raises:
        ConfigError: if it is of another form.

    Example:
        >>> effort({"l2": 0.1, "_tuned_": {"dataset": "ml_100k", "trials": 20}})
        {'dataset': 'ml_100k', 'trials': 20}
    """
    told = node.get(KEY)
    if told is None:
        return None
    plain = OmegaConf.to_container(told, resolve=True) if OmegaConf.is_config(told) else told
    if not isinstance(plain, dict) or not _well_formed(**{str(k): v for k, v in plain.items()}):
        raise ConfigError(f"expected {FORM}; got {plain!r:.60}")
    return {str(key): value for key, value in plain.items()}


def _well_formed(dataset: Any = None, trials: Any = None, seconds: Any = 0, **other: Any) -> bool:
    named = isinstance(dataset, str) and dataset.isprintable()
    counted = type(trials) is int and trials >= 1
    return named and counted and type(seconds) in (int, float) and seconds >= 0 and not other


def without_effort(cfg: Any) -> Any:
    """Return a node without the notes in it, wherever they stand; itself if there are none."""
    plain = OmegaConf.to_container(cfg, resolve=False) if OmegaConf.is_config(cfg) else None
    if not (places := _places(plain)):
        return cfg
    kept = cfg.copy()
    for place in places:
        noted = reduce(lambda node, key: node[key], place, kept)
        with open_dict(noted):
            del noted[KEY]
    return kept


def _places(plain: Any) -> list[list[Any]]:
    """Return the way to every mapping that has a note."""
    inside: Iterable[tuple[Any, Any]] = enumerate(plain) if isinstance(plain, list) else ()
    if isinstance(plain, dict):
        inside = ((key, child) for key, child in plain.items() if key != KEY)
    found = [[key, *place] for key, child in inside for place in _places(child)]
    return [[], *found] if isinstance(plain, dict) and KEY in plain else found
