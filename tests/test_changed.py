"""A cell is named by its choices and by what was changed of them, however it was changed."""

from pathlib import Path
from shutil import copytree

import pytest

from vrbench.cli.changed import changed_settings
from vrbench.config import Composition
from vrbench.report.identity import named
from vrbench.report.names import label
from vrbench.report.run_records import ambiguous

CONF = Path(__file__).parents[1] / "conf"


def changed(*overrides, conf=CONF):
    made = Composition(list(overrides), conf)
    found = changed_settings(made.cfg, made.choices, overrides, conf)
    return {part: told for part, told in found.items() if told}


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        ([], {}),
        (["budget=linf_4", "recommender=vbpr/clothing_men"], {}),
        (["budget.eps=4"], {"budget": {"eps": 4}}),
        (["budget.eps=8", "attack.steps=10"], {}),  # as they were
        (["recommender=vbpr/tied", "recommender.tied=false"], {"recommender": {"tied": False}}),
        (["experiment=first"], {"scenario": {"source": "sock", "target": "trousers"}}),
        (["threat=transfer", "extractor@threat.surrogate=free"], {}),
        (
            ["threat=transfer", "extractor@threat.surrogate=free", "threat.surrogate.epochs=3"],
            {"threat": {"surrogate.epochs": 3}},
        ),
        (
            ["attack=ensemble", "+attack@attack.attacks.nes=nes", "attack.attacks.nes.step=0.2"],
            {"attack": {"attacks.nes.step": 0.2}},
        ),
        (["threat=oracle", "budget.eps=3"], {"budget": {"eps": 3}}),
        (["dataset=folder", "dataset.path=some/shop"], {"dataset": {"path": "some/shop"}}),
        (["extractor=photos_jpeg_60", "extractor.inner.lr=0.2"], {"extractor": {"inner.lr": 0.2}}),
    ],
)
def test_what_differs_from_the_choices_is_told(overrides, found):
    assert changed(*overrides) == found


def test_a_choice_may_take_a_value_from_where_none_is_yet(tmp_path):
    """By itself the choice cannot be resolved: its data set has no path until one is given."""
    copytree(CONF, conf := tmp_path / "conf")
    with (conf / "variants" / "attack.yaml").open("a") as table:
        table.write('again: {over: imported, path: "${dataset.path}"}\n')
    found = changed("dataset=folder", "attack=again", "dataset.path=some/shop", conf=conf)
    assert found == {"dataset": {"path": "some/shop"}, "attack": {"path": "some/shop"}}


def test_a_name_has_the_choice_and_what_was_changed():
    assert label({"name": "linf_8"}) == "linf_8"
    assert label({"name": "linf_8", "changed": {"eps": 4.0}}) == "linf_8 eps=4"
    assert label({"name": "pgd", "changed": {"steps": 3, "enough": None}}) == (
        "pgd enough=null steps=3"
    )
    assert label({"name": "folder", "changed": {"path": "/some/where/shop/"}}) == "folder path=shop"


def entry(key, **changed):
    return {"parts": {"budget": {"name": "linf_8", "key": key, "changed": changed}}}


def test_a_new_value_needs_no_file_and_two_things_of_one_name_are_refused():
    assert ambiguous([entry("a"), entry("b", eps=4), entry("c", eps=2)]) == []
    assert ambiguous([entry("a", eps=4), entry("a", eps=4)]) == []
    (line,) = ambiguous([entry("a", eps=4), entry("b", eps=4)])
    assert line.startswith("budget=linf_8 eps=4 stands for 2 different settings")


def test_reports_call_an_adversary_so_in_any_case():
    told = named([entry("b", eps=4)])
    assert told[0]["parts"]["budget"]["name"] == "linf_8 eps=4"
    assert named(told) == told
    assert named([entry("a")])[0]["parts"]["budget"]["name"] == "linf_8"
