"""What goes wrong while a choice is made comes out as one line."""

import pytest
from omegaconf import OmegaConf

from vrbench.cli.checks import check
from vrbench.cli.effort import effort, without_effort
from vrbench.cli.instantiation import make
from vrbench.core.errors import ConfigError, DataError

LONG = "a" * 2000


@pytest.mark.parametrize(
    "target",
    ["vrbench.attacks.imported.Imported", "vrbench.data.sources.var.var"],
)
def test_a_path_of_thousands_of_letters_is_one_short_line(target):
    node = OmegaConf.create({"_target_": target, "path": LONG})
    with pytest.raises(DataError, match=r"^cannot read aa.*\.\.\..*: File name too long$"):
        make(node)


PGD = "vrbench.attacks.gradient.pgd.PGD"
SEARCH = {"dataset": "boutique", "trials": 20, "seconds": 1.5}


def test_nothing_is_made_of_what_a_choice_says_of_its_search():
    bare = OmegaConf.create({"_target_": PGD, "steps": 3})
    noted = OmegaConf.merge(bare, {"_tuned_": SEARCH})
    OmegaConf.set_struct(noted, True)
    check(noted, "attack")
    assert make(noted).spec == make(bare).spec
    assert effort(noted) == SEARCH
    assert effort(bare) is None
    nested = OmegaConf.create({"a": [{"b": noted}], "c": "${a.0.b.steps}"})
    assert without_effort(nested).a[0].b == bare
    assert without_effort(nested).c == 3
    assert nested.a[0].b["_tuned_"] == SEARCH


@pytest.mark.parametrize(
    "note",
    [
        20,
        {"trials": 20},
        {"dataset": "x", "trials": 0},
        {"dataset": "x", "trials": True},
        SEARCH | {"seconds": "long"},
        SEARCH | {"seconds": -1},
        SEARCH | {"trails": 3},
    ],
)
def test_a_note_of_another_form_is_refused(note):
    node = OmegaConf.create({"_target_": PGD, "steps": 3, "_tuned_": note})
    with pytest.raises(
        ConfigError, match=r"^attack\._tuned_: expected _tuned_: {dataset: NAME, tri"
    ):
        check(node, "attack")
