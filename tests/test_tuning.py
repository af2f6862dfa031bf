"""The command: from a command line to a file of settings."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from vrbench.bench.space import read_space
from vrbench.cli import main
from vrbench.cli.cell_record import of_the_search
from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands.tune import searched, tuned
from vrbench.cli.effort import effort
from vrbench.cli.folders import choice_names, conf_dir, own_first
from vrbench.cli.instantiation import make
from vrbench.cli.tuning import by_fold, part_of, space_for, spaces
from vrbench.config import Composition, check, choices
from vrbench.core.errors import ConfigError
from vrbench.report.run_records import read

pytest.importorskip("optuna")

SMALL = ["dataset.num_items=120", "dataset.num_users=80", "recommender=bprmf", "threat=none"]
SMALL += ["machine.threads=1", "recommender.epochs=3"]


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.setenv("VRBENCH_STORE", str(tmp_path / "store"))
    return {
        "space": "bprmf",
        "trials": 2,
        "sampler": "tpe",
        "pruner": "median",
        "seeds": "0",
        "sampler_seed": 0,
        "folder": tmp_path / "tune",
    }


def test_the_best_settings_come_out_as_a_choice_that_composes(tmp_path, asked, capsys):
    folder, out = tmp_path / "tune", tmp_path / "recommender" / "mine.yaml"
    options = ["--space", "bprmf", "--trials", "3", "--folder", str(folder), "--out", str(out)]
    assert COMMANDS["tune"]([*SMALL[:2], *options, *SMALL[2:]]) == 0
    (table,) = folder.glob("bprmf-*.csv")
    heads, *lines = table.read_text().splitlines()
    assert heads.startswith("number,state,valid nDCG@20,recommender.lr,recommender.l2")
    assert [line.split(",")[0] for line in lines] == ["0", "1", "2"]
    top = max((line.split(",") for line in lines), key=lambda cells: float(cells[2] or 0))
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        added = [f"hydra.searchpath=[file://{tmp_path}]", "recommender=mine"]
        cfg = compose("run", overrides=added)
    check(cfg.recommender)
    assert cfg.recommender.epochs == 3
    assert cfg.recommender.lr == float(top[3])
    assert cfg.recommender.l2 == float(top[4])
    assert "validation split alone: nDCG@20 " + f"{float(top[2]):.4f}" in out.read_text()
    longer = tuned(SMALL, **asked | {"trials": 4})
    assert len(table.read_text().splitlines()) == 5, "it did not go on where it stopped"
    assert "best of 4" in longer


@pytest.mark.parametrize(
    ("overrides", "change", "says"),
    [
        ([], {"space": "bprmff"}, "no search space 'bprmff'; did you mean 'bprmf'"),
        (["recommender=popular"], {}, "no setting 'recommender.lr' to tune"),
        (["recommender=popular"], {"space": None}, "no search space for 'popular'"),
        ([], {"metric": "ndgc_20"}, "no choice 'ndgc_20'; did you mean 'ndcg_20'"),
        ([], {"metric": "fast"}, "--metric fast is a set of 23 metrics: name one"),
        ([], {"metric": "chr_20"}, "CHR@20 is about an attack"),
        ([], {"metric": "prediction_shift"}, "prediction shift is about an attack"),
        (["recommender=bprfm"], {}, "no choice 'bprfm'; did you mean 'bprmf'"),
        (["recommender=bprmf,vbpr"], {}, "cannot be swept again"),
        ([], {"seeds": "a,b"}, "expected --seeds such as 0,1,2, got 'a,b'"),
        ([], {"trials": 0}, "--trials >= 1"),
    ],
)
def test_mistakes_are_one_line(asked, overrides, change, says):
    with pytest.raises(ConfigError, match=says) as error:
        tuned([*SMALL[:2], *overrides], **asked | change)
    assert "\n" not in str(error.value)


NOTHING_TO_TUNE = (
    "alexrank",
    "external",
    "external_lists",
    "popular",
    "random",
    "slope_one",
    "vsm",
)


def trained():
    """The recommenders that have settings to tune."""
    names = [name for name in choice_names("recommender", conf_dir()) if "/" not in name]
    return [name for name in names if name not in NOTHING_TO_TUNE]


def made(axis, name, values):
    """What a choice becomes under values of its settings, by dotted key."""
    node = choices(axis, conf_dir())[name].copy()
    for key, value in values.items():
        OmegaConf.update(node, key.removeprefix(f"{axis}."), value)
    check(node, axis)
    return make(node)


def fitting(axis, name, space):
    """The space of that name, if every setting that it names is one of the choice's."""
    known = [f"{axis}.{key}" for key in choices(axis, conf_dir())[name]]
    return read_space(space, spaces(conf_dir()), known)


@pytest.mark.parametrize("name", trained())
def test_every_trained_recommender_has_a_space_that_fits(name):
    space = fitting("recommender", name, space_for(name, spaces(conf_dir())))
    assert all(len(values.grid(key)) > 1 for key, values in space.items())
    for end in (0, -1):
        assert made("recommender", name, {k: values.grid(k)[end] for k, values in space.items()})


def test_every_variant_takes_the_space_of_what_it_is_over():
    found = spaces(conf_dir())
    for name in choice_names("recommender", conf_dir()):
        if name not in NOTHING_TO_TUNE:
            assert space_for(name, found) == name.split("/")[0]
    with pytest.raises(ConfigError, match="no search space for 'popular'"):
        space_for("popular", found)


@pytest.mark.parametrize(
    ("name", "part"),
    [("standard", "extractor"), ("adversarial", "extractor"), ("pgd", "attack")]
    + [(name, "attack") for name in ("cw", "spsa", "bandwagon")],
)
def test_spaces_of_extractors_and_attacks_fit(name, part):
    space = fitting(part, name, name)
    assert part_of(space) == part
    assert made(part, name, {key: values.grid(key)[-1] for key, values in space.items()})


def test_a_tuned_choice_runs_under_its_name(tmp_path, asked, monkeypatch):
    """As the documentation says: --out mine/recommender/tuned.yaml, then --config-dir mine."""
    out = tmp_path / "mine" / "recommender" / "tuned.yaml"
    options = ["--trials", "1", "--folder", str(tmp_path / "tune"), "--out", str(out)]
    assert COMMANDS["tune"]([*SMALL, *options]) == 0
    place = [f"hydra.run.dir={tmp_path / 'run'}", "metrics=ndcg_10", "--config-dir"]
    tuned_one = [told.replace("bprmf", "tuned") for told in SMALL]
    monkeypatch.setattr("sys.argv", ["vrbench", *tuned_one, *place, str(tmp_path / "mine")])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 0
    (entry,) = (e for _, e in read([tmp_path / "run"]))
    made = entry["parts"]["recommender"]
    assert made["name"] == "tuned"
    assert made["tuned"].items() >= {"dataset": "boutique", "trials": 1}.items()
    assert [row["metric"] for row in entry["rows"]] == ["nDCG@10"]


def test_a_search_is_told_of_the_settings_that_it_found_alone():
    note = {"dataset": "boutique", "trials": 20}
    assert of_the_search({"changed": {}}, {"_tuned_": note}) == {"tuned": note}
    assert of_the_search({"changed": {"lr": 0.1}}, {"_tuned_": note}) == {}
    assert of_the_search({}, {"_tuned_": note}) == {}, "what was changed cannot be told"
    assert of_the_search({"changed": {}}, {"_tuned_": None}) == {}


def test_any_metric_at_any_length_is_what_is_searched_for(tmp_path, asked):
    for metric, lower in (("recall_5", False), ("item_coverage_7", False), ("arp_3", True)):
        found = searched(SMALL, **asked | {"metric": metric, "trials": 3, "sampler": "random"})
        values = [t.value for t in found.tried]
        assert found.best.value == (min(values) if lower else max(values))
        assert found.column in found.yaml
        assert found.column.endswith(f"@{metric.rpartition('_')[2]}")
    other = searched(SMALL, **asked | {"metric": "arp_3", "trials": 3, "goal": "higher"})
    assert other.best.value == max(t.value for t in other.tried)


def test_an_attack_is_tuned_by_what_it_does(tmp_path, asked):
    (tmp_path / "a.yaml").write_text("attack.steps: {choices: [1, 8]}\n")
    cell = [*SMALL[:2], *SMALL[4:], "recommender=vbpr", "attack=pgd", "objective=promote"]
    cell += ["scenario.max_items=4", "scenario.min_items=3", "extractor.epochs=1"]
    how = asked | {"space": str(tmp_path / "a.yaml"), "sampler": "grid", "trials": None}
    found = searched(cell, **how | {"metric": "prediction_shift"})
    by_steps = {t.settings["attack.steps"]: t.value for t in found.tried}
    assert len(by_steps) == 2
    assert found.best.value == max(by_steps.values()), "an adversary raises what the shop fears"
    assert found.part == "attack"
    assert "_target_: vrbench.attacks.gradient.pgd.PGD" in found.yaml
    with pytest.raises(ConfigError, match="no trial was completed"):
        searched(cell, **how | {"metric": "ndcg_20"})


def test_an_extractor_is_tuned_by_the_ranking_that_looks_at_it(tmp_path, asked):
    (tmp_path / "a.yaml").write_text("extractor.epochs: {choices: [1, 2]}\n")
    cell = [*SMALL[:2], *SMALL[3:], "recommender=vbpr"]
    how = asked | {"space": str(tmp_path / "a.yaml"), "sampler": "grid", "trials": None}
    found = searched(cell, **how)
    assert {t.settings["extractor.epochs"] for t in found.tried} == {1, 2}
    assert "_target_: vrbench.extractors.training.standard.Standard" in found.yaml
    assert found.column == "nDCG@20"


def test_one_number_of_trials_is_for_a_whole_table(tmp_path, asked, capsys):
    options = ["--trials", "2", "--folder", str(tmp_path / "tune"), "--out", str(tmp_path / "own")]
    names = [told.replace("bprmf", "ease,itemknn") for told in SMALL if "epochs" not in told]
    assert COMMANDS["tune"]([*names, *options]) == 0
    heads, _, *lines = capsys.readouterr().out.splitlines()
    assert heads.split() == ["recommender", "trials", "complete", "valid", "nDCG@20", "settings"]
    assert [line.split()[:3] for line in lines] == [["ease", "2", "2"], ["itemknn", "2", "2"]]
    with own_first(tmp_path / "own"):
        found = Composition(["recommender=tuned/ease"], conf_dir())
        assert found.make("recommender")
        again = searched(["recommender=tuned/ease", *SMALL[:2]], **asked | {"space": "ease"})
    note = effort(found.cfg.recommender)
    assert note["dataset"] == "boutique"
    assert note["trials"] == 2
    assert note["seconds"] >= 0
    assert again.yaml.count("_tuned_") == 1


@pytest.mark.slow
def test_settings_are_tuned_over_folds(tmp_path, asked):
    """The best is that of the mean over folds, each of which alone says something else."""
    folds = ["split@dataset.split=k_fold", "dataset.split.test.folds=3"]
    lines = [f"u{n % 24}\ti{(7 * n + n // 24) % 31}\t5\t{n}" for n in range(480)]
    (tmp_path / "all.tsv").write_text("\n".join(lines))
    data = ["dataset=ratings", f"dataset.path={tmp_path / 'all.tsv'}", *folds]
    told = [*data, "recommender=ease", "threat=none", "machine.threads=1"]
    how = asked | {"sampler": "grid", "trials": None, "space": "ease", "pruner": "none"}
    every = searched([*told, "dataset.fold=0,1,2"], **how)
    alone = [searched([*told, f"dataset.fold={n}"], **how) for n in range(3)]
    for n, trial in enumerate(every.tried):
        assert trial.value == pytest.approx(sum(one.tried[n].value for one in alone) / 3)
    assert "dataset.fold=0,1,2" in every.yaml
    assert by_fold(["a=1,2", "dataset.fold=0,1", "dataset.valid_fold=3,4"]) == [
        ["a=1,2", f"dataset.fold={a}", f"dataset.valid_fold={b}"] for a in (0, 1) for b in (3, 4)
    ]
    assert by_fold(["dataset.fold=range(2)"]) == [["dataset.fold=0"], ["dataset.fold=1"]]
    with pytest.raises(ConfigError, match="an attack is tuned on one fold"):
        searched([*told, "dataset.fold=0,1"], **how | {"space": "pgd", "metric": None})
