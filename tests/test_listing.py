"""The list of what there is, against the code and the folder of choices."""

import inspect
import json
import re

import pytest

from vrbench.cli import conf_dir
from vrbench.cli.axes import INSIDE, LISTED, WHOLE
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands.choices import listed
from vrbench.cli.folders import choice_names
from vrbench.cli.recorded import NOT_AXES
from vrbench.cli.remarks import _of_rows
from vrbench.config import choices, find
from vrbench.core.errors import ConfigError

CITED = re.compile(r"([\w' -]+?)(?: et al\.|,| and )[^;]*?(\d{4})")


def targets(axis):
    """Yield every class behind the choices of an axis, those inside others too."""

    def inside(node):
        yield find(node["_target_"])
        for value in map(node.get, node):
            if hasattr(value, "get") and "_target_" in value:
                yield from inside(value)

    found = {target for node in choices(axis, conf_dir()).values() for target in inside(node)}
    return sorted(found, key=lambda target: target.__name__)


@pytest.mark.parametrize("axis", ["attack", "recommender", "extractor", "objective"])
def test_every_component_names_its_paper_or_says_that_it_has_none(axis):
    for target in targets(axis):
        assert "paper" in vars(target), f'{target.__name__}: write paper = "..." or paper = ""'
        if target.paper.endswith("as coded for VAR"):
            continue
        told = inspect.getdoc(target)
        papers = target.paper.split("; ") if target.paper else []
        for paper in papers:
            (name, year) = CITED.match(paper).groups()
            assert re.search(rf"{name}.*{year}", told, re.DOTALL), f"{target.__name__}: {paper}"


@pytest.mark.parametrize("axis", ["attack", "budget", "threat", "recommender"])
def test_every_choice_is_listed(axis):
    told = listed(axis, conf_dir())
    assert [t["name"] for t in told] == choice_names(axis, conf_dir())
    files = {p.stem for p in (conf_dir() / axis).glob("*.yaml")}
    assert files < {t["name"] for t in told}
    assert all(t["class"] and t["what"] for t in told)
    assert len({tuple(t) for t in told}) == 1


def test_attacks_tell_what_they_need():
    told = {t["name"]: t for t in listed("attack", conf_dir())}
    needs = {name: (t["knows"], t["forward"], t["backward"]) for name, t in told.items()}
    assert needs["fgsm"] == ("gradients", "1", "1")
    assert needs["spsa_160"] == ("scores", "160", "0")
    assert needs["regression"] == ("scores; the extractor", "640", "20")
    assert needs["hopskipjump"] == ("yes or no; another picture", "5000", "0")
    assert needs["ensemble"][0] == "gradients and scores"
    unknown = {t["class"] for t in told.values() if t["forward"] == "?"}
    # JSMA's grows with the picture; the others depend on what is not here.
    assert unknown <= {"JSMA", "Wrapped", "Imported", "ImportedProfiles"}, "write cost"
    assert told["pgd_expected"]["class"] == "Expected (PGD)"
    assert told["pgd"]["paper"].startswith("Madry et al., ICLR 2018")


def test_a_list_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert COMMANDS["list"](["attack"]) == 0
    short = capsys.readouterr().out.splitlines()
    assert max(map(len, short)) <= 80
    names = [line.split()[0] for line in short[2:] if line and not line.startswith(" ")]
    assert names == choice_names("attack", conf_dir())
    monkeypatch.setenv("COLUMNS", "300")
    assert COMMANDS["list"](["budget"]) == 0
    wide = capsys.readouterr().out
    assert max(map(len, wide.splitlines())) <= 100
    assert re.search(r"^linf_8 .*\beps=8\b", wide, re.MULTILINE)
    assert COMMANDS["list"](["dataset"]) == 0
    words = capsys.readouterr().out
    assert "matched by behaviour" in " ".join(words.split())
    assert "``" not in words


def test_the_command_prints_it(capsys):
    assert COMMANDS["list"](["threat", "--long"]) == 0
    text = capsys.readouterr().out
    assert "transfer" in text
    assert "surrogate=Standard (SmallCNN)" in text
    assert COMMANDS["list"](["threat", "--format", "markdown"]) == 0
    assert "| name | class |" in capsys.readouterr().out
    assert COMMANDS["list"](["metrics", "--format", "json"]) == 0
    told = {t["class"]: t for t in json.loads(capsys.readouterr().out)["metrics"]}
    assert "default" in told["CHR"]["name"].split(", ")
    with pytest.raises(ConfigError, match="did you mean 'attack'"):
        COMMANDS["list"](["atack"])


def test_axes_are_those_of_a_run():
    folders = {p.name for p in conf_dir().iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert set(LISTED) == folders - set(NOT_AXES)


@pytest.mark.parametrize("axis", WHOLE)
def test_a_machine_a_preset_and_an_experiment_say_what_they_are(axis):
    told = {record["name"]: record["what"] for record in listed(axis, conf_dir())}
    assert list(told) == choice_names(axis, conf_dir())
    assert all(told.values()), [name for name, what in told.items() if not what]
    assert not any("python -m vrbench experiment=" in what for what in told.values())
    assert not any(what[-1] in ":," for what in told.values())


@pytest.mark.parametrize("axis", INSIDE)
def test_what_stands_inside_a_data_set_or_beside_a_run_is_listed(axis):
    told = listed(axis, conf_dir())
    assert [record["name"] for record in told] == choice_names(axis, conf_dir())
    assert all(record["class"] and record["what"] for record in told)


def test_data_sets_of_one_class_are_told_apart():
    told = {record["name"]: record["what"] for record in listed("dataset", conf_dir())}
    assert "matched by behaviour" in told["clothing_men"]
    assert told["hm"].startswith("H&M")
    assert len(set(told.values())) > len(told) - 3
    assert len({told[name] for name in ("clothing_men", "hm", "ml_posters", "folder")}) == 4


def test_a_comment_goes_for_the_rows_below_it():
    above = "# first\n\n# both\n# of them\na: {}\nb:\n  c: 1  # no\n\n"
    text = f"{above}d: {{}}\n# own\ne: {{}}\n# f's\nf: {{}}\n"
    assert _of_rows(text) == {
        "a": "Both of them",
        "b": "Both of them",
        "d": "",
        "e": "Own",
        "f": "f's",
    }


def test_choices_are_listed_as_people_count():
    from vrbench.cli import conf_dir

    shown = [name for name in choice_names("budget", conf_dir()) if name.startswith("linf_")]
    plain = [name for name in shown if name.removeprefix("linf_").isdigit()]
    assert plain == ["linf_2", "linf_4", "linf_8", "linf_16", "linf_20", "linf_32"]


@pytest.mark.parametrize("axis", ["objective", "threat"])
def test_choices_composed_in_one_go_are_what_they_are_by_themselves(axis):
    from vrbench.cli.choices import _alone, _hydra, _together, choice_names

    found, names = choices(axis, conf_dir()), choice_names(axis, conf_dir())
    with _hydra(conf_dir()):
        alone = {name: _alone(axis, name) for name in names}
        assert found == alone
        assert _together(axis, names) == alone
        assert _together(axis, [*names, "none_such"]) == {}
