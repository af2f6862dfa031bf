"""A record of somebody else composes choices and plain settings; nothing in it reaches outside."""

from pathlib import Path

import pytest

from vrbench.cli.cell_record import _settings
from vrbench.config import Composition, compose_record
from vrbench.core.errors import ConfigError

CONF = Path(__file__).parents[1] / "conf"

TRICKS = [
    "attack._target_=os.system",
    "attack._target_=torch.hub.load",
    "+attack._target_=os.system",
    "++attack._target_=os.system",
    "attack.steps._target_=os.system",
    "recommender._partial_=false",
    "+attack._args_=[1]",
    "+attack._recursive_=false",
    "+attack._convert_=all",
    "attack={_target_: os.system, command: id}",
    "attack.steps={_target_: os.system, command: id}",
    "attack.steps=[{_target_: os.system, command: id}]",
    "attack.steps=[[1]]",
    "+x=1",
    "++seed=1",
    "+seed=1",
    "+attack.note=1",
    "+attack=pgd",
    "~attack",
    "~attack.steps",
    "~metrics.lpips",
    "hydra.run.dir=elsewhere",
    "hydra.sweep.dir=elsewhere",
    "hydra.searchpath=[file:///elsewhere]",
    "hydra.searchpath=[pkg://mine]",
    "hydra/launcher=joblib",
    "+hydra/launcher=joblib",
    "hydra.launcher._target_=os.system",
    "hydra.callbacks.report._target_=os.system",
    "hydra=mine",
    "override hydra/launcher=joblib",
    "--config-dir=elsewhere",
    "--config-dir",
    "-cd=elsewhere",
    "-m",
    "--multirun",
    "seed=${oc.env:HOME}",
    "scenario.source=${oc.env:HOME}",
    "scenario.source='${oc.env:HOME}'",
    'scenario.source="${oc.env:HOME}"',
    r"scenario.source=$\{oc.env:HOME\}",
    r"scenario.source='\${oc.env:HOME}'",
    "scenario.source='a ${oc.decode:1} b'",
    "scenario.source=${now:%Y}",
    "scenario.source=${hydra:runtime.cwd}",
    "scenario.source=${attack.steps}",
    "scenario.source=[${oc.env:HOME}]",
    "store=${oc.env:HOME}",
    "save=[${oc.env:HOME}]",
    "save={_target_: os.system}",
    "${oc.env:HOME}=1",
    "$x=1",
    "dataset.path=/etc",
    "dataset.path=../elsewhere",
    "dataset.path=elsewhere",
    "dataset.path='/etc'",
    r"dataset.path=C:\elsewhere",
    "extractor.weights=/elsewhere/weights.pt",
    "extractor.weights=weights.pt",
    "extractor.weights=~/weights.pt",
    "extractor.weights=\\/weights.pt",
    "extractor.weights=//host/weights.pt",
    "extractor.weights=https://host/weights.pt",
    "extractor.arch=hf-hub:somebody/network",
    "attack.path=/elsewhere",
    "attack.attack=Anything",
    "attack=../../elsewhere/pgd",
    "attack=/elsewhere/pgd",
    "attack=elsewhere/pgd",
    "attack=.hidden",
    "attack=_self_",
    "attack=[pgd,cw]",
    "attack='../pgd'",
    "attack/pgd=pgd",
    "attack=7",
    "attack=null",
    "attack=true",
    "tune=vbpr",
    "reported=var",
    "attack@_global_=pgd",
    "attack@hydra.launcher=pgd",
    "+attack@hydra=pgd",
    "+attack@x=pgd",
    "+attack@attack._target_=pgd",
    "attack@attack=pgd",
    "attack@=pgd",
    "attack@a:b=pgd",
    "+attack@attack.attacks.mine=../pgd",
    "attack=pgd,cw",
    "seed=0,1",
    "seed=range(3)",
    "seed=choice(1,2)",
    "seed=interval(0,1)",
    "seed=glob(*)",
    "attack=shuffle(pgd,cw)",
    "seed",
    "=1",
    "",
    " ",
    "seed=1\nattack=cw",
    "seed=1\x1b[2J",
    "seed=1\u202e",
    None,
    7,
    ["seed=1"],
    {"seed": 1},
    "nothing=1",
    "nothing.here=1",
    "attack.nothing=1",
    "attack.steps=many",
    "attack.steps=null",
    "attack.random_start=maybe",
    "threat.timing=later",
]


@pytest.mark.parametrize("trick", TRICKS, ids=ascii)
def test_what_reaches_outside_is_refused_in_one_line(trick):
    with pytest.raises(ConfigError) as refused:
        compose_record([trick], CONF)
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_the_setting_is_refused_where_its_owner_was_chosen_in_the_same_record():
    for trick in (
        ["dataset=folder", "dataset.path=/etc"],
        ["extractor=resnet50_imagenet", "extractor.weights=mine.pt"],
        ["extractor=resnet50_imagenet", "extractor.arch=hf-hub:somebody/network"],
        ["attack=imported", "attack.path=elsewhere"],
        ["attack=foolbox_pgd", "attack.attack=LinfDeepFoolAttack"],
        ["dataset=ratings", "dataset.path=mine.tsv"],
        ["dataset=aip_amazon_men", "dataset.cold=mine.npy"],
        ["dataset=clothing", "dataset.url=http://host"],
    ):
        with pytest.raises(ConfigError, match="text is read from a record"):
            compose_record(trick, CONF)


def test_what_a_record_says_is_composed():
    made = compose_record(
        [
            "experiment=leaderboard/boutique",
            "attack=ensemble",
            "+attack@attack.attacks.nes=nes",
            "extractor@threat.surrogate=free",
            "threat=transfer",
            "attack.attacks.nes.queries=640",
            "scenario.source='hats, caps / 50%'",
            "scenario.target=$hat",
            "budget.store=truncate",
            "budget.eps=4.5",
            "machine.device=cpu",
            "seed=3",
            "control=true",
            "store='/somewhere/else'",
            "save=[lists,model]",
        ],
        CONF,
    )
    assert made.choices["attack"] == "ensemble"
    assert made.cfg.attack.attacks.nes.queries == 640
    assert made.cfg.scenario.source == "hats, caps / 50%"
    assert made.cfg.scenario.target == "$hat"
    assert (made.cfg.budget.eps, made.cfg.budget.store) == (4.5, "truncate")
    assert (made.cfg.seed, made.cfg.control) == (3, True)
    assert made.cfg.threat.surrogate["_target_"].endswith("Free")
    assert made.cfg.save == []
    assert made.cfg.store != "/somewhere/else"


def test_a_choice_of_ones_own_is_composed_where_its_folder_is_named(tmp_path):
    (tmp_path / "attack").mkdir()
    shipped = (CONF / "attack" / "pgd.yaml").read_text()
    (tmp_path / "attack" / "mine.yaml").write_text(shipped.replace("steps: 10", "steps: 77"))
    assert compose_record(["attack=mine"], CONF, tmp_path).cfg.attack.steps == 77
    assert compose_record(["attack=cw"], CONF, tmp_path).choices["attack"] == "cw"
    with pytest.raises(ConfigError, match="attack has no such choice"):
        compose_record(["attack=mine"], CONF)
    with pytest.raises(ConfigError, match="no folder"):
        compose_record([], CONF, tmp_path / "nowhere")


def test_a_record_says_where_data_lie_by_their_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("VRBENCH_DATA", str(tmp_path))
    node = Composition(["dataset=hm"], CONF).cfg.dataset
    told = _settings(node, made="data")
    assert told["path"] == "${oc.env:VRBENCH_DATA,data}/hm"
    assert told["size"] == 128
    given = Composition(["dataset=hm", "dataset.path=mine"], CONF).cfg.dataset
    assert _settings(given, made="data")["path"] == "mine"
