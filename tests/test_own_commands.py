"""Commands with a folder of one's own: its spaces and papers, and classes that end the process."""

import os
from pathlib import Path

import pytest

from tests.typed import typed
from vrbench.bench.space import Choices, read_space
from vrbench.cli.commands import reproduce
from vrbench.cli.commands.reproduce import reproduced
from vrbench.cli.folders import overruled, own_first
from vrbench.cli.trouble import FULL
from vrbench.cli.tuning import spaces
from vrbench.core.errors import ConfigError, DataError
from vrbench.report.papers.claims.registry import CLAIMS
from vrbench.report.papers.paper_spec import read_paper

CONF = Path(__file__).parents[1] / "conf"
PAPER = """
title: Mine
source: nowhere
note: small
reported: numbers
show: value
axes: [recommender]
metrics: [nDCG@20]
labels: {recommender: {popular: Popular, random: Random}}
claims: []
data: {boutique: []}
runs:
  only:
    boutique:
      - [dataset.num_items=120, dataset.num_users=80, threat=none, metrics=fast,
         "recommender=popular,random", machine.threads=1, seed=0]
"""
NUMBERS = """
tables: [{heads: [recommender, nDCG@20], rows: [[Popular, 0.75]]}]
"""
CODE = """
import os
import sys
from vrbench.recommenders.collaborative.bpr import BPRMF

class Leaves(BPRMF):
    def fit(self, *args, **kwargs):
        sys.exit(0)

class Dies(BPRMF):
    def fit(self, *args, **kwargs):
        os._exit(0)
"""
SMALL = ["dataset.num_items=120", "dataset.num_users=80", "machine.threads=1"]
SMALL += ["recommender.epochs=1", "extractor.epochs=1", "scenario.min_items=3"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with a space, a paper and its numbers, and two recommenders that end the process."""
    folder = tmp_path / "mine"
    shipped = (CONF / "recommender" / "bprmf.yaml").read_text()
    for name, text in (
        ("tune/narrow", "recommender.lr: {choices: [0.1]}"),
        ("tune/vbpr", "recommender.lr: {choices: [0.2]}"),
        ("reproduce/mine", PAPER),
        ("reported/numbers", NUMBERS),
        (
            "recommender/leaves",
            shipped.replace("vrbench.recommenders.collaborative.bpr.BPRMF", "ending.Leaves"),
        ),
        (
            "recommender/dies",
            shipped.replace("vrbench.recommenders.collaborative.bpr.BPRMF", "ending.Dies"),
        ),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(text)
    (tmp_path / "ending.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{CONF.parent}{os.pathsep}{tmp_path}")
    monkeypatch.setenv("VRBENCH_STORE", str(tmp_path / "store"))
    monkeypatch.delenv(FULL, raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


BPRMF = ["recommender.lr", "recommender.l2", "recommender.batch_size"]


def vrbench(*arguments):
    """Return exit code and what is said of a command with ``--config-dir mine``."""
    return typed(*arguments, "--config-dir", "mine", cwd=Path.cwd())


def test_spaces_and_papers_of_ones_own_are_found_there(mine):
    assert "narrow" not in spaces(CONF)
    with own_first(mine):
        found = spaces(CONF)
        assert found["narrow"] == mine.resolve() / "tune" / "narrow.yaml"
        assert read_space("vbpr", found, ["recommender.lr"]) == {"recommender.lr": Choices((0.2,))}
        assert read_space("bprmf", found, BPRMF)["recommender.batch_size"] == Choices((256, 1024))
        with pytest.raises(ConfigError, match="no search space 'narow'; did you mean 'narrow'"):
            read_space("narow", found, ["recommender.lr"])
    assert overruled(mine) == [str(Path("tune") / "vbpr.yaml")]


def test_a_paper_of_ones_own_is_planned_from_there(mine):
    with own_first(mine):
        told, failures = reproduced(
            "mine",
            ["scenario.max_items=4"],
            preset=None,
            data=None,
            folder=mine,
            dry_run=True,
            read=False,
            format="text",
        )
    assert failures == []
    assert "Mine, on boutique" in told
    assert "only: 2 cells" in told


@pytest.mark.parametrize(
    ("was", "wrong", "says"),
    [
        (
            "claims: []",
            "claims: [{text: so, test: worse_than_rnadom}]",
            "no test 'worse_than_rnadom'; did you mean",
        ),
        ("    boutique:", "    botique:", "no data 'botique'; did you mean 'boutique'"),
        ("[dataset.num_items=120", "[7", "runs.only.boutique: expected lists of overrides"),
        ("title: Mine", "title: [", "describes no paper"),
    ],
)
def test_what_is_wrong_in_a_paper_is_one_line(tmp_path, was, wrong, says):
    path = tmp_path / "mine.yaml"
    path.write_text(PAPER.replace(was, wrong))
    with pytest.raises(DataError, match=says) as error:
        read_paper("mine", {"mine": path})
    assert "\n" not in str(error.value)


def test_settings_are_tuned_in_a_space_of_ones_own(mine):
    code, out, _ = vrbench("tune", *SMALL, "recommender=bprmf", "threat=none", "--space", "narrow")
    assert code == 0
    assert "lr: 0.1" in out


def test_a_class_that_ends_the_process_has_not_been_tuned(mine):
    asked = [*SMALL, "recommender=leaves", "threat=none", "--space", "narrow", "--trials", "1"]
    code, out, err = vrbench("tune", *asked)
    assert code not in (0, None)
    assert not out
    told = err.strip().splitlines()[-1]
    assert f"{Path('ending.py').absolute()}:8: RuntimeError: a component ended the process" in told
    assert "Traceback" not in err


def test_a_command_line_that_is_wrong_is_still_the_parsers_to_refuse(mine):
    code, _, err = vrbench("tune", "--space")
    assert code == 2
    assert "expected one argument" in err
    code, out, _ = vrbench("reproduce", "--help")
    assert code == 0
    assert "mine" in out


def test_a_claim_about_what_is_not_told_apart_is_one_line(mine, monkeypatch):
    monkeypatch.setitem(CLAIMS, "worse_than_random", lambda cells: {}["attack"])
    paper = mine / "reproduce" / "mine.yaml"
    claim = "claims: [{text: so, test: worse_than_random}]"
    paper.write_text(paper.read_text().replace("claims: []", claim))
    code, _, err = vrbench("reproduce", "mine", "--read")
    assert code == 2
    assert "the test worse_than_random needs 'attack' among the axes" in err


def test_where_nothing_can_be_read_what_lies_beside_it_is_named(mine):
    (mine.parent / "reproduced" / "mine" / "boutique-only-0-1234abcd").mkdir(parents=True)
    code, out, err = vrbench("reproduce", "mine", "--read")
    assert code == 0
    assert "only (0 of 2 cells)" in out
    assert "this sweep was not run there as it is now; with other overrides or by" in err
    assert "another version: boutique-only-0-1234abcd" in err


def test_who_only_reads_launches_nothing_whatever_failed_earlier(tmp_path, monkeypatch):
    launched = []
    monkeypatch.setattr(reproduce, "launch", lambda sweep, place: launched.append(sweep))
    monkeypatch.setattr(reproduce, "_cells_in", lambda place: [{"error": "boom", "parts": {}}])
    assert reproduce.run(["seed=0"], tmp_path / "one-0", None) == [{"error": "boom", "parts": {}}]
    assert not launched
    reproduce.run(["seed=0"], tmp_path / "one-0", 1)
    assert launched == [["seed=0"]]


@pytest.mark.slow
def test_a_paper_of_ones_own_is_run(mine):
    code, out, _ = vrbench("reproduce", "mine", "--format", "csv")
    assert code == 0
    assert "0.75" in out
    code, out, err = vrbench("reproduce", "mine", "recommender=popular,leaves")
    assert code == 2
    assert "only (2 of 2 cells, 2 without the overrides)" in out
    assert "vrbench: failed: recommender (ending.Leaves): " in err
    code, _, err = vrbench("reproduce", "mine", "recommender=popular,dies")
    assert code == 2
    assert "vrbench: failed: only: 1 cell came to no end" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recommender", "says"),
    [("leaves", "recommender (ending.Leaves): "), ("dies", "no rows in ")],
)
def test_an_audit_of_a_class_that_ends_the_process_has_not_succeeded(
    mine, vrbench, recommender, says
):
    asked = [*SMALL, f"recommender={recommender}", "--categories", "2", "--items", "2"]
    code, _, err = vrbench("audit", *asked)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
