"""Types and ranges of settings, from annotations and names, before anything is made."""

import math
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from vrbench.cli.schema import RANGES, Range, wrong
from vrbench.cli.targets import find
from vrbench.config import Composition
from vrbench.core.errors import ConfigError
from vrbench.core.spec import Component, hints_of

CONF = Path(__file__).parents[1] / "conf"


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("hint", "right", "bad"),
    [
        (int, [0, 7, 1_000_000], [True, False, 1.0, "1", None, -1, 10**9, [1], {}]),
        (float, [0, -2.5, 1e9], [True, "1", None, math.nan, math.inf, -math.inf, 1e12, [1.0]]),
        (bool, [True, False], [0, 1, "true", None]),
        (str, ["", "a", "7"], [7, None, True, ["a"], "a\0b"]),
        (Path, ["a/b"], [7, None]),
        (int | None, [None, 3], ["null", 1.5, True]),
        (Literal["a", 1], ["a", 1], ["b", True, 1.0, None]),
        (float | Literal["average"], [2.5, "average"], ["mean", math.nan, None]),
        (list[int], [[], [1, 2]], [1, None, ["a"], [1.5], [10**9], {}]),
        (tuple[int, str], [[1, "a"]], [[1], [1, 2], "1a"]),
        (tuple[float, ...], [[], [1, 2.5]], [["a"], 1.0, [math.nan]]),
        (Mapping[str, float] | None, [None, {}, {"a": 1}], [{"a": "b"}, [1], {"a": math.nan}]),
        (dict[str, Any], [{}, {"a": ["b"]}], [3, {"a": math.inf}, {"a": [math.nan]}]),
        (Colour, ["red"], ["RED", "blue", 1]),
        (Component, [{"_target_": "x"}], [{}, 3, "pgd", None]),
        (Annotated[int, Range(2, 4)], [2, 4], [1, 5, 2.0]),
        (Annotated[float, Range(0, math.inf)], [0, math.inf], [-1, math.nan, -math.inf]),
        (Any, [None, 3, "a", {}], [math.nan]),
    ],
)
def test_values_fit_annotations(hint, right, bad):
    assert [v for v in right if wrong(v, hint) is not None] == []
    assert [v for v in bad if wrong(v, hint) is None] == []


def test_a_range_goes_with_its_name_and_an_annotation_wins():
    assert wrong(0, int, "factors") == "1 to 65,536"
    assert wrong(-1, int, "seed") == "0 to 4,294,967,295"
    assert wrong(0, Annotated[int, Range(0, 5)], "factors") is None
    assert wrong(None, int | None, "threads") is None
    assert wrong(0, int | None, "threads") == "1 to 1,024"


def test_every_range_belongs_to_a_setting_there_is():
    """A name that no component has any more would say nothing."""
    texts = [path.read_text() for path in CONF.glob("*/*.yaml")]
    targets = {found for text in texts for found in re.findall(r"_target_: *([\w.]+)", text)}
    known = {name for target in targets for name in hints_of(find(target))}
    assert set(RANGES) - known == {"extractor_seed"}  # the run's own


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("attack.steps=1000000000", "attack.steps: expected 0 to 1,000,000, got 1000000000"),
        ("attack.steps=false", "attack.steps: expected int, got False"),
        ("attack.step=nan", "attack.step: expected a finite number, got nan"),
        ("attack.step=1e12", "attack.step: expected within 1,000,000,000 of zero, got 1"),
        ("budget.eps=nan", "budget.eps: expected a finite number, got nan"),
        ("recommender.factors=0", "recommender.factors: expected 1 to 65,536, got 0"),
        ("machine.threads=0", "machine.threads: expected 1 to 1,024, got 0"),
        ("machine.threads=2.0", "machine.threads: expected int or null, got 2.0"),
        ("dataset.num_items=1e9", "dataset.num_items: expected int, got 1000000000.0"),
        ("seed=1.5", "seed: expected int, got 1.5"),
        ("seed=null", "seed: expected int, got None"),
        ("seed=abc", "seed: expected int, got 'abc'"),
        ("seed=-1", "seed: expected 0 to 4,294,967,295, got -1"),
        ("extractor_seed=one", "extractor_seed: expected int, got 'one'"),
        (
            "save=null",
            "save: expected a list of features, lists, model, pictures, profiles or splits, got "
            "None",
        ),
        (
            "save=lists",
            "save: expected a list of features, lists, model, pictures, profiles or splits, got "
            "'lists'",
        ),
        (
            "save=[list]",
            "save: expected some of features, lists, model, pictures, profiles, splits, got 'list'",
        ),
        ("store=null", "store: expected str, got None"),
        ("store=2026", "store: expected str, got 2026; as text: store=\"'2026'\""),
        ("store=", "store: expected a folder, got an empty name"),
        ("control=maybe", "control: expected bool or null, got 'maybe'"),
        ("dry_run=1", "dry_run: expected bool, got 1"),
        ("seed=${oc.env:NOT_THERE}", "Environment variable 'NOT_THERE' not found"),
        ("seed=${nothing}", "Interpolation key 'nothing' not found"),
        ("attack.steps=${attack.steps}", "Recursive interpolation detected"),
        ("metrics.chr=3", "metrics.chr: expected a choice or component, got 3"),
    ],
)
def test_a_wrong_setting_is_one_line(override, says):
    with pytest.raises(ConfigError) as refused:
        Composition([override], CONF)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
