"""The command: from a command line to a file of settings."""

import pytest
from hydra import compose, initialize_config_dir

from vrbench.cli.commands import COMMANDS
from vrbench.cli.commands.tune import tuned
from vrbench.cli.folders import conf_dir, files_of
from vrbench.config import check
from vrbench.core.errors import ConfigError

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


def test_every_space_of_the_project_fits_its_recommender():
    from vrbench.bench.space import read_space
    from vrbench.config import Composition

    spaces = files_of("tune", conf_dir())
    assert spaces
    for name in spaces:
        known = Composition([f"recommender={name}"], conf_dir()).settings("recommender")
        space = read_space(name, spaces, known)
        for key, values in space.items():
            assert values.grid(key)
