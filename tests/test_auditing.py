import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vrbench.bench.result import moved
from vrbench.cli import audit_plan as plan
from vrbench.cli import conf_dir
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands import audit as auditing
from vrbench.cli.commands.audit import audited
from vrbench.cli.overrides import merged, quoted
from vrbench.cli.stage_watch import Stages
from vrbench.config import Composition
from vrbench.core import progress
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.metrics.view import Attacked, Counted, HeldOut, Lists, View


def view(ranks):
    empty = torch.zeros(0)
    ranks = torch.tensor(ranks)
    items = torch.tensor([4, 9])
    return View(
        lists=Lists(ranking=empty, candidates=empty),
        tested=HeldOut(ranks=empty),
        attacked=Attacked(items=items, scores=ranks.float(), ranks=ranks),
        counted=Counted(labels=empty, source=0, target=1),
    )


def test_what_became_of_an_item_counts_users_who_do_not_have_it():
    before = view([[30, 0], [10, 50], [20, 0]])
    after = view([[21, 0], [1, 20], [2, 0]])
    first, second = moved(before, after, [f"item {n}" for n in range(10)])
    assert (first.item, first.position) == ("item 4", 4)
    assert (first.rank_before, first.rank_after) == (20, 8)
    assert (first.top_before, first.top_after) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (second.rank_before, second.rank_after) == (50, 20)
    assert (second.top_before, second.top_after) == (0, 1)


def test_an_item_that_everybody_has_has_no_rank():
    _, second = moved(view([[3, 0]]), view([[1, 0]]), [])
    assert (second.item, second.rank_before, second.top_after) == ("9", None, None)


def test_the_largest_categories_come_first():
    labels = torch.tensor([0, 1, 1, 2, 2, 2, 3])
    assert plan.largest("abcd", labels, 1, 3) == ["c", "b", "a"]
    assert plan.largest("abcde", labels, 2, 9) == ["c", "b"]


def test_defences_are_of_the_family_of_the_shop_and_exist():
    assert plan.defences("standard") == [
        ["jpeg_75"],
        ["bits_4"],
        ["denoised"],
        ["adversarial"],
    ]
    assert ["photos_adversarial"] in plan.defences("photos_standard")
    inner = plan.defences("resnet50_imagenet")
    assert inner == [
        ["jpeg_75", "extractor@extractor.inner=resnet50_imagenet"],
        ["bits_4", "extractor@extractor.inner=resnet50_imagenet"],
    ]
    for name, *more in [*inner, *plan.defences("photos_standard")]:
        cfg = Composition([f"extractor={name}", *more], conf_dir()).cfg
        assert not more or "resnet50" in str(cfg.extractor.inner)


def test_settings_of_the_shops_network_are_those_of_what_is_behind_a_defence():
    shop = ["extractor=photos_standard", "extractor.epochs=4"]
    named = [["photos_jpeg_75"], ["photos_adversarial"]]
    assert plan.placed(shop, named) == [
        (True, ["extractor=photos_jpeg_75"]),
        (False, ["extractor=photos_adversarial"]),
    ]
    for own in plan.defences("photos_standard"):
        assert plan.placed(shop[:1], [own])[0][1] == [f"extractor={own[0]}", *own[1:]]


def test_a_defence_that_does_not_go_with_the_shop_is_named_before_anything_runs(monkeypatch):
    monkeypatch.setattr(auditing, "sweep", lambda *_: pytest.fail("it ran"))
    with pytest.raises(ConfigError, match=r"the defence efficientnet_lite0 does not go .*epochs"):
        audited(
            ["dataset=boutique", "extractor.epochs=4"],
            folder=Path(),
            categories=2,
            items=2,
            seeds=1,
            defences_of=["efficientnet_lite0"],
        )


@pytest.mark.parametrize(
    "name", ["T-Shirt", "men's, black", "a=b", "x\\y", "\\'\\", "{a} (b)", "é 1"]
)
def test_a_category_of_any_name_survives_the_command_line(name):
    cfg = Composition([f"scenario.source={quoted(name)}"], conf_dir()).cfg
    assert cfg.scenario.source == name


def run_audit(**more):
    asked = {"folder": Path(), "categories": 2, "items": 2, "seeds": 1, "defences_of": None}
    return audited(["dataset=boutique", "extractor=standard"], **asked | more)


def test_the_audit_asks_four_questions(monkeypatch, tmp_path, caplog):
    """The most exposed category is asked about; each defence takes the extractor's place."""
    asked = []

    def sweep(overrides, folder, step=None):
        asked.append(overrides)
        told = {o.partition("=")[0]: o.partition("=")[2] for o in overrides}
        found = []
        for name in told["scenario.source"].replace("'", "").split(","):
            for seed in told["seed"].split(","):
                rows = [
                    {"metric": "item HR@20", "before": 0.1, "after": 0.1 + 0.2 * (name == "bag")}
                ]
                parts = {"extractor": {"name": "standard"}}
                found.append(
                    {"rows": rows, "case": {"source": name}, "parts": parts, "seed": int(seed)}
                    | {"stages": [], "seconds": 1.0}
                )
        for _ in found if step else []:
            step()
        return found

    monkeypatch.setattr(auditing, "sweep", sweep)
    with caplog.at_level("INFO"):
        found = run_audit(folder=tmp_path, categories=99, seeds=2)
    assert found.source == "bag"
    assert len(found.categories) == 16 * 2
    assert [e["adversary"] for e in found.adversaries[::2]] == [a.name for a in plan.ADVERSARIES]
    assert [e["seed"] for e in found.adversaries[:4]] == [0, 1, 0, 1]
    assert [e["cost"]["gradients"] for e in found.adversaries[::2]] == [100, 323, 20, 0, 10, 0]
    assert len(found.defences) == 4 * 2
    told = [e["adversary"] for e in found.fakes]
    assert told[0] == told[1] == "registers 1 % fake users"
    assert told[2].startswith("registers 1 % fake users, where the shop looks")
    assert asked[0][-2] == "seed=0"  # a cell that is timed
    assert all("seed=0,1" in overrides for overrides in asked[1:])
    assert all("scenario.source=bag" in overrides for overrides in asked[2:])
    extractors = [[o for o in a if o.startswith("extractor=")] for a in asked[-4:]]
    assert extractors == [[f"extractor={d[0]}"] for d in plan.defences("standard")]
    cells = 2 * (16 + 5 + 2 + 4)
    assert f"{cells} of {cells} cells" in caplog.text


def test_the_time_is_told_from_one_cell():
    """Shared stages count once; a network that is taught twice as long, twice."""
    taken = {"extractors": 100.0, "features": 2.0, "models": 5.0, "attacks": 10.0, "rankings": 1.0}
    stages = [{"stage": s, "seconds": t, "cached": False} for s, t in taken.items()]
    first = {"stages": stages, "seconds": 120.0}  # 3 of them for all the rest
    cells, measured = plan.expected(first, 2, plan.ADVERSARIES[::5], 1, 2)
    assert measured
    assert cells == pytest.approx([13, 13, 18, 13, 3, 3, 18 + 202, 18])
    assert plan.expected(first, 2, plan.ADVERSARIES[::5], 1, 2, 1)[0][6:8] == pytest.approx(
        [23, 23]
    )
    for stage in stages:
        stage["cached"] = True
    assert plan.expected(first, 2, plan.ADVERSARIES[::5], 1, 2) == ([1.0] * 8, False)


def test_a_shop_behind_a_defence_keeps_its_network_behind_a_second_one():
    """Settings of the shop's own extractor move one place inwards, and nothing is put twice."""
    shop = [
        "extractor=jpeg_75",
        "extractor@extractor.inner=photos_standard",
        "extractor.quality=60",
    ]
    (front, inner), *others = plan.defences("jpeg_75")
    assert (front, others) == ("bits_4", [])
    moved = merged(plan.behind(shop), [f"extractor={front}", inner])
    made = Composition(moved, conf_dir()).cfg.extractor
    network = Composition(["extractor=photos_standard"], conf_dir()).cfg.extractor
    assert made.bits == 4
    assert made.inner.quality == 60
    assert made.inner.inner == network


def test_fake_users_push_the_same_items_within_a_budget_of_their_own():
    pictures = ["metrics=attacks", "save=[pictures]", "threat=evasion", "dataset=boutique"]
    pictures += ["budget=linf_4", "budget.eps=3", "threat.aware=true", "scenario.max_items=3"]
    pictures += ["attack=pgd", "++attack.steps=3", "budget.store=float"]
    (open_, guarded) = plan.by_fakes([*pictures, "seed=0"], 0.02, "chosen").values()
    cfg = Composition(open_, conf_dir()).cfg
    assert (cfg.threat.surface.detector, cfg.budget.eps) == (None, 0.02)
    assert cfg.scenario == Composition(pictures, conf_dir()).cfg.scenario
    assert "item_hr20" in cfg.metrics
    detector = Composition(guarded, conf_dir()).cfg.threat.surface.detector
    assert detector._target_.endswith("PCASelectUsers")


def test_what_the_audit_decides_cannot_be_set():
    with pytest.raises(ConfigError, match="leave out attack=pgd"):
        audited(["attack=pgd"], folder=None, categories=2, items=2, seeds=3, defences_of=None)
    with pytest.raises(ConfigError, match="leave out seed=3"):
        audited(["seed=3"], folder=None, categories=2, items=2, seeds=3, defences_of=None)
    with pytest.raises(ConfigError, match="--seeds 0"):
        run_audit(seeds=0)
    with pytest.raises(ConfigError, match="--fakes 101"):
        run_audit(fakes=1.01)
    own = ["scenario=own_labels"]  # whose names no shop's category has
    with pytest.raises(ConfigError, match=r"leave out scenario\.labels=own"):
        audited(own, folder=None, categories=2, items=2, seeds=3, defences_of=None)


@pytest.mark.slow
def test_an_audit_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["dataset=boutique", "machine.threads=1", f"store={tmp_path / 'store'}"]
    arguments += ["recommender.epochs=2", "--categories", "2", "--items", "2"]
    more = ["--defences", "jpeg_75", "--seeds", "1", "--fail-above"]
    assert COMMANDS["audit"]([*arguments, *more, "99.9"]) == 0
    told = (tmp_path / "audit-boutique.html").read_text()
    assert "Most exposed of 2 categories" in told
    assert "jpeg_75" in told
    found = json.loads((tmp_path / "audit-boutique.json").read_text())
    further = [one for one in found["items"] if one["exposure"] > 0]
    assert told.count("<img") == 3 * len(further)
    assert "registers 1 % fake users" in told
    assert found["failed"] is False
    assert [one["detection_auc"] is None for one in found["fakes"]].count(True) == 1
    assert COMMANDS["audit"]([*arguments, *more, "-101"]) == 3


def test_a_shop_that_cannot_be_attacked_says_why(monkeypatch):
    told, asked = [{"skipped": "Popular does not look at images"}], []
    monkeypatch.setattr(auditing, "sweep", lambda *given: asked.append(given) or told)
    with pytest.raises(IncompatibleError, match="Popular does not look at images"):
        run_audit()
    assert len(asked) == 1  # nothing that would fail alike is started


def test_an_audit_of_purchases_alone_says_that_there_are_no_pictures(tmp_path, monkeypatch):
    lines = [f"{user}\t{item}\t5\t{item}" for user in range(9) for item in range(5)]
    (tmp_path / "u.data").write_text("\n".join(lines) + "\n")
    more = {"categories": 2, "items": 2, "seeds": 1, "defences_of": None}
    with pytest.raises(IncompatibleError, match="dataset=ratings has no pictures"):
        audited(["dataset=ratings", f"dataset.path={tmp_path / 'u.data'}"], folder=tmp_path, **more)


def test_settings_behind_a_list_of_defences_are_settings(monkeypatch, tmp_path):
    asked = {}

    def audited(overrides, **settings):
        asked.update(settings, overrides=overrides)
        raise ConfigError("enough")

    monkeypatch.setattr(auditing, "audited", audited)
    out = ["--out", str(tmp_path / "a.html")]
    with pytest.raises(ConfigError, match="enough"):
        COMMANDS["audit"]([*out, "dataset=hm", "--defences", "jpeg_75", "extractor=standard"])
    assert asked["overrides"] == ["dataset=hm", "extractor=standard"]
    assert asked["defences_of"] == ["jpeg_75"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "boutique"),
        (["dataset=hm", "seed=0,1", "recommender=amr"], "hm"),
        (["dataset=clothing_men"], "clothing_men"),
        (["dataset=shop", "dataset.path='/data/my shop-1.0'"], "shop-my_shop-1_0"),
        (
            ["dataset=features", "dataset.dataset.path=log.tsv", "dataset.path=a/looks.npz"],
            "features-looks_npz",
        ),
    ],
)
def test_what_an_audit_leaves_behind_is_called_by_its_shop(overrides, name):
    assert auditing.shop_name(overrides) == name


def test_audits_of_two_shops_leave_each_other_alone(monkeypatch, tmp_path):
    """The second one writes over no report and no run of the first."""
    monkeypatch.chdir(tmp_path)
    folders = []

    def audited(overrides, folder, **settings):
        folders.append(folder)
        return SimpleNamespace(kind="lists", every=[])

    monkeypatch.setattr(auditing, "audited", audited)
    monkeypatch.setattr(auditing, "lists_page", lambda found, title, command: command)
    monkeypatch.setattr(auditing, "lists_record", lambda found, command: command)
    assert COMMANDS["audit"](["dataset=boutique"]) == 0
    assert COMMANDS["audit"](["dataset=shop", "dataset.path=mine", "--folder", "here"]) == 0
    assert folders == [Path("runs/audit/boutique"), Path("here/shop-mine")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "audit-boutique.html",
        "audit-boutique.json",
        "audit-shop-mine.html",
        "audit-shop-mine.json",
    ]
    assert (tmp_path / "audit-boutique.html").read_text().endswith("audit dataset=boutique")


def test_how_much_there_is_to_do_is_said_before_anything_runs(monkeypatch, tmp_path, caplog):
    def sweep(overrides, folder, step=None):
        raise ConfigError("enough")

    monkeypatch.setattr(auditing, "sweep", sweep)
    with caplog.at_level("INFO"), pytest.raises(ConfigError, match="enough"):
        run_audit(folder=tmp_path, categories=3, seeds=2)
    told = caplog.messages[0]
    assert told.startswith("boutique: 720 items, 800 users; 28 cells: 3 categories, 8 adversaries")


@pytest.mark.parametrize(
    ("shop", "name", "told"),
    [
        ("photos_standard", "jpeg_75", ["photos_jpeg_75 is of the same"]),
        ("photos_standard", "photos_jpeg_75", []),
        ("standard", "jpeg_75", []),
        ("efficientnet_lite0", "jpeg_75", []),  # nothing of its own
    ],
)
def test_a_defence_of_another_network_is_told(shop, name, told, caplog):
    auditing._warn_of_others(shop, [name])
    assert [message.rpartition("; ")[2] for message in caplog.messages] == told


def test_the_stage_that_is_being_made_is_told_and_what_is_left_of_a_training(tmp_path):
    (tmp_path / "models" / ".draft-killed").mkdir(parents=True)  # what an earlier run left
    stages, log = Stages(tmp_path, tmp_path / "sweep.log"), tmp_path / "sweep.log"
    draft = tmp_path / "extractors" / ".draft-a"
    assert stages.line(0) == ""
    draft.mkdir(parents=True)
    assert stages.line(1) == "  1 s: teaching the network"
    assert stages.line(2) == ""
    log.write_text("a warning\nteaching (cnn): 2 of 8, about 10 s left at this pace\n")
    assert stages.line(4) == "  4 s: teaching (cnn): 2 of 8, about 10 s left at this pace"
    assert stages.line(5) == ""
    draft.rename(draft.with_name("a"))
    (tmp_path / "attacks" / ".draft-b").mkdir(parents=True)
    assert stages.line(16) == "  16 s: attacking pictures"
    assert stages.line(17) == ""
    assert stages.line(46) == "  46 s: attacking pictures"


def test_a_line_is_logged_for_whoever_asks_where_there_is_no_terminal(monkeypatch, caplog):
    clock = iter(range(0, 100, 3))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert list(progress.progress(range(3), "teaching")) == [0, 1, 2]
    assert caplog.messages == []
    caplog.set_level("DEBUG", progress.log.name)
    assert list(progress.progress(range(3), "teaching")) == [0, 1, 2]
    told = [message.partition(",")[0] for message in caplog.messages]
    assert told == ["teaching: 1 of 3", "teaching: 2 of 3"]
