"""The audit of a recommender that somebody else runs: what is tried, said, asked and left out."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.http_service import Service
from tests.report.test_audit_page import entry
from vrbench.cli import audit_kinds as kinds
from vrbench.cli import conf_dir
from vrbench.cli.commands import COMMANDS
from vrbench.config import Composition
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.report.pages.audit import page
from vrbench.report.pages.audit_findings import Findings
from vrbench.report.pages.audit_lists import lists_page, lists_record
from vrbench.report.pages.audit_record import record

GREEN = "recommender.function=vrbench.testing.service:likes_green"
ASKED = ["recommender=external", GREEN, "recommender.release=one"]
SHOP = ["dataset=boutique", "dataset.num_items=160", "dataset.num_users=40"]


def kind_of(*overrides, queries=None):
    return kinds.kind_of(Composition([*SHOP, *overrides], conf_dir()), queries)


def test_a_recommender_from_outside_meets_black_boxes_within_its_questions():
    found = kind_of(*ASKED, queries=40)
    assert (found.name, found.queries, found.trains, found.defended) == (
        "outside",
        40,
        False,
        False,
    )
    names = [adversary.name for adversary in found.adversaries]
    assert names == [
        "sees scores",
        "sees scores and holds a network",
        "sees scores of one user",
        "holds a network and asks nothing",
        "knows nothing (noise)",
    ]
    for adversary in found.adversaries:
        made = Composition([*SHOP, *ASKED, *adversary.settings], conf_dir())
        attack, aim = made.make("attack"), made.cfg.objective
        assert getattr(attack, "queries", 0) <= 40
        assert attack.knows != "gradients" or "TargetClass" in aim._target_
    assert kind_of(*ASKED).queries == 100
    assert kind_of("recommender=vbpr") == kinds.OWN
    ranks = kind_of(*ASKED, "recommender.gives=ranks").adversaries[2]
    assert "objective.feedback=rank" in ranks.settings


@pytest.mark.parametrize(
    ("overrides", "queries", "told"),
    [
        (ASKED, 9, "--queries 9: at least 10 a picture are needed"),
        (["recommender=vbpr"], 40, "--queries goes with a recommender that is asked"),
    ],
)
def test_a_number_of_questions_that_means_nothing_is_one_line(overrides, queries, told):
    with pytest.raises(ConfigError, match=told):
        kind_of(*overrides, queries=queries)


def test_the_most_requests_are_told_before_any_is_sent():
    """By hand: 300 users are 3 requests; 2 pictures of 40 questions, and lists before and after."""
    kind = kind_of(*ASKED, queries=40)
    shop = SimpleNamespace(users_at_once=128, limit=248, recheck=True, retries=5)
    a_run, lists, one_user = 2 * 40 * 3, 2 * 3 + 2, 2 * 40  # two kept answers are compared
    most = 5 * ((4 + 1) * a_run + one_user + (4 + 4) * lists)
    told = kinds.requests(kind, shop, users=300, categories=4, items=2, seeds=5)
    assert told == (most, (5 * 8 + 1) * 248)  # no run sends more than its limit
    shop.limit = 10**6
    told = kinds.requests(kind, shop, users=300, categories=4, items=2, seeds=5)
    assert told == (most, 6 * most)
    shop.limit = 247
    with pytest.raises(
        ConfigError, match=r"a run may take 248 requests .*recommender.limit is 247"
    ):
        kinds.requests(kind, shop, users=300, categories=4, items=2, seeds=5)


def outside(folder, source, gains, requests=7, **more):
    runs = entry(folder, source, gains, attack="square", **more)
    for run in runs:
        next(row for row in run["rows"] if row["metric"] == "queries").update(after=30.0, n=2)
        run["asked"] = {"of": "https://shop/rank", "release": "one", "gives": "scores"}
        run["asked"] |= {"users": 300, "users_at_once": 128, "requests": requests}
    return runs


def who(name):
    return {"adversary": name, "knows": "scores", "cost": {"gradients": 0}}


def test_the_page_says_who_was_asked_how_often_and_what_was_left_out(tmp_path):
    pushed = outside(tmp_path / "a", "hat", (0.1, 0.11, 0.09))
    found = Findings(
        categories=pushed,
        adversaries=[
            *(run | who("sees scores") for run in pushed),
            *outside(tmp_path / "b", "hat", (0.0, 0.01, -0.01), **who("knows nothing (noise)")),
        ],
        defences=[],
        source="hat",
        kind="outside",
        timed=outside(tmp_path / "c", "hat", (0.1,), requests=100),
    )
    told = page(found, "Audit", "again")
    for sentence in (
        "Asked: https://shop/rank, release one, which answers with scores for 300 users.",
        "In all runs together adversaries asked 360, and",  # six runs, two pictures, 30 each
        "For this page 142 requests of at most 128 users each were sent, those included that had",
        "Whoever is told what the recommender answers, and may change its pictures within 8 of",
        "An adversary who knows nothing (noise): 0 (-1.0 to +2.5) points, no gain that is shown",
        "By an adversary who sees scores. Clean and attacked",
        "An adversary who knows everything: the recommender gives no gradient.",
        "Fake users and poisoned pictures: the recommender is not trained here.",
    ):
        assert sentence in told, sentence
    assert "seeds of training" not in told
    for section in ("defences", "fakes"):
        assert f'id="{section}' not in told
        assert f'href="#{section}' not in told
    assert "<tbody>\n</tbody>" not in told  # no table without a line
    numbers = json.loads(record(found, "again", None))
    assert (numbers["asked"]["questions"], numbers["asked"]["requests"]) == (360, 142)
    assert len(numbers["not_tried"]) == 3


def test_lists_in_files_show_exposure_now_and_nothing_else(tmp_path):
    runs = [run for name in ("hat", "cap") for run in entry(tmp_path / name, name, (0.0,))]
    for run, now in zip(runs, (0.1, 0.3), strict=True):
        run["rows"][0] |= {"before": now, "after": None}
        run["case"]["standing"] = {"source": {"chr": 2.0, "uniform": 1.0, "lift": 2.0}}
    found = Findings(runs, [], [], "hat", kind="lists")
    told = lists_page(found, "Audit", "again").replace("\xa0", " ")
    assert told.index(">cap<") < told.index(">hat<")
    assert "Recommended most: cap, an item of which is in the top 20 of 30.0 % of the users" in told
    assert "a file of recommendations answers no question about a changed picture" in told
    numbers = json.loads(lists_record(found, "again"))["categories"]
    assert [(one["name"], one["clean_percent"]) for one in numbers] == [
        ("cap", 30.0),
        ("hat", 10.0),
    ]


class Colours:
    """Every shopper likes one colour of light, and knows each picture of a catalogue."""

    def __init__(self):
        data = Composition(SHOP, conf_dir()).make("dataset")
        every = data.catalogue.images[torch.arange(data.train.num_items)]
        self.known = dict(zip(data.item_ids, every.mean((2, 3)).numpy(), strict=True))
        self.tastes = {name: np.eye(3)[n % 3] for n, name in enumerate(data.user_ids)}

    def __call__(self, users, items, pictures):
        shown = {item: picture.mean((0, 1)) / 255 for item, picture in pictures.items()}
        looks = np.stack([shown.get(item, self.known[item]) for item in items])
        return (np.stack([self.tastes[user] for user in users]) @ looks.T).tolist()


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begun = []

    def start(*more, troubles=(), retries=3):
        service = Service(Colours(), troubles=troubles)
        begun.append(service)
        given = [*SHOP, "recommender=external", f"recommender.url={service.url}"]
        given += ["recommender.release=one", "budget=linf_32", "machine.threads=1"]
        given += [f"recommender.retries={retries}", f"store={tmp_path / 'store'}"]
        given += ["extractor.epochs=1", "--categories", "2", "--items", "2", "--seeds", "3"]
        return service, COMMANDS["audit"]([*given, "--queries", "20", *more])

    yield start
    for service in begun:
        service.shutdown()
        service.server_close()


@pytest.mark.slow
def test_an_audit_of_a_real_server_that_is_slow_and_fails_at_times(audit, tmp_path):
    """All answers are counted, whatever the server did; seeds that differ have an interval."""
    troubles = [503, "cut", 200, 2.0, 200, 500]
    service, code = audit(troubles=troubles)
    assert code == 0
    numbers = json.loads((tmp_path / "audit-boutique.json").read_text())
    assert numbers["asked"]["requests"] == len(service.bodies)  # what was sent again included
    gained = {one["name"]: one["exposure"] for one in numbers["adversaries"]}
    assert len(gained) == 5
    assert all((one["low"] is None) == (one["mean"] == 0) for one in gained.values())
    told = (tmp_path / "audit-boutique.html").read_text()
    assert f"Asked: {service.url}, release one, which answers with scores for 40 users." in told
    assert "Which defence helps" not in told
    pictures = [body["pictures"] for body in service.bodies if body["pictures"]]
    assert max(map(len, pictures)) == 2
    spent = re.search(r"adversaries asked (\d+),", told)
    # two categories; the most exposed one by two more who ask; three seeds, two pictures each
    assert int(spent[1]) <= (2 + 2) * 3 * 2 * 20


@pytest.mark.slow
def test_an_audit_of_a_server_that_never_answers_is_one_line(audit):
    with pytest.raises((ConfigError, IncompatibleError), match=r"no answer after 1 tries"):
        audit(troubles=[503] * 100, retries=0)
