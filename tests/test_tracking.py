"""What trackers are told: settings, curves, numbers, pictures; and what they are not."""

import json
from importlib.util import find_spec

import pytest
from PIL import Image

from vrbench.bench.store import Store
from vrbench.cli import conf_dir
from vrbench.cli.cell_tracking import tell, tracked
from vrbench.cli.recorded import readable
from vrbench.config import Composition
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.trackers.base import Nothing, Tracker

KINDS = ["none", "tensorboard", "mlflow", "wandb"]


class Heard(Tracker):
    """Remembers what it is told."""

    def __init__(self):
        self.told, self.pictures, self.ended = {}, {}, []

    def begin(self, name, settings, folder):
        self.name, self.settings = name, settings

    def number(self, name, value, step):
        self.told.setdefault(name, []).append((step, value))

    def picture(self, name, pixels):
        self.pictures[name] = pixels

    def end(self, failed):
        self.ended.append(failed)


@pytest.fixture
def cell(tmp_path):
    """A record, a store that holds what it was made of, and the folder of the run."""
    names = ("dataset", "extractor", "recommender", "attack", "budget", "objective")
    parts = {name: {"name": name} for name in names}
    parts["threat"] = {"name": "evasion", "settings": {"timing": "evasion"}}
    parts["attack"]["settings"] = {"steps": 10, "random_start": True}
    rows = [
        {"metric": "CHR@20", "per": "user", "before": 0.5, "after": 0.75, "control": 0.55},
        {"metric": "PSNR", "per": "image", "before": None, "after": float("inf"), "control": None},
        {
            "metric": "extractor train accuracy",
            "per": "extractor",
            "before": None,
            "after": 0.875,
            "control": None,
        },
    ]
    entry = {"seed": 3, "extractor_seed": 0, "parts": parts, "overrides": ["seed=3"], "rows": rows}
    entry["machine"] = {"device": "cpu", "threads": 1}
    store = Store(tmp_path / "store")
    notes = {
        "extractors/a": {"curve": [{"loss": 2.0}, {"loss": 1.0}]},
        "models/b": {"epochs": [{"loss": 0.5, "valid_ndcg": 0.1}]},
        "models/c": {"epochs": [{"loss": 0.25}]},
        "attacks/e": {"items": 3, "curve": [{"step": n, "loss": 4.0 - n} for n in (1, 2, 3)]},
        "attacks/f": {"items": 1, "curve": [{"step": 1, "loss": 7.0}]},  # over at once
        "attacks/g": {},  # of an older store
    }
    for address, told in notes.items():
        (store.root / address).mkdir(parents=True)
        (store.root / address / "notes.json").write_text(json.dumps(told))
    stages = [*notes, "models/b", "models/gone", "rankings/d"]
    store.log += [{"stage": a.partition("/")[0], "address": a, "cached": True} for a in stages]
    folder = tmp_path / "run"
    folder.mkdir()
    Image.new("RGB", (6, 4), (9, 8, 7)).save(folder / "picture.png")
    return entry, store, folder


def tell_all(tracker, cell):
    entry, store, folder = cell
    with tracked(tracker, entry, folder):
        tell(tracker, entry, store, folder)


def hear(cell):
    heard = Heard()
    tell_all(heard, cell)
    return heard


def test_a_tracker_hears_settings_curves_numbers_and_pictures(cell):
    heard = hear(cell)
    assert heard.name == "dataset extractor recommender attack budget objective evasion seed 3"
    assert heard.settings["attack.steps"] == 10
    assert heard.settings["machine.threads"] == 1
    assert heard.settings["overrides"] == "seed=3"
    assert heard.told == {
        "extractor/loss": [(1, 2.0), (2, 1.0)],
        "model/loss": [(1, 0.5)],
        "model/valid_ndcg": [(1, 0.1)],
        "model 2/loss": [(1, 0.25)],  # the control, or after poisoning
        "clean/CHR@20": [(0, 0.5)],
        "attacked/CHR@20": [(0, 0.75)],
        "retrained/CHR@20": [(0, 0.55)],
        "extractor/train accuracy": [(0, 0.875)],  # nobody attacked it
        "attack/loss": [(1, 4.0), (2, 3.25), (3, 2.5)],  # over four items in two blocks
    }
    (pixels,) = heard.pictures.values()
    assert pixels.shape == (4, 6, 3)
    assert pixels[0, 0].tolist() == [9, 8, 7]
    assert heard.ended == [None]


def test_a_run_without_an_attack_is_not_called_by_one(cell):
    cell[0]["parts"]["threat"] = {"name": "none", "settings": {"timing": "none"}}
    assert hear(cell).name == "dataset extractor recommender nobody attacks seed 3"


def test_pictures_that_may_not_be_passed_on_are_not_told(cell):
    cell[0]["redistributable"] = False
    heard = hear(cell)
    assert heard.pictures == {}
    assert heard.told["clean/CHR@20"] == [(0, 0.5)]


def test_a_run_that_fails_is_ended_with_the_reason(cell):
    heard = Heard()
    with pytest.raises(IncompatibleError), tracked(heard, cell[0], cell[2]):
        raise IncompatibleError("no items")
    assert heard.ended == ["no items"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_tracker_is_a_choice_and_says_what_it_lacks(kind):
    composition = Composition([f"track={kind}"], conf_dir())
    if kind == "none" or find_spec(kind):
        assert isinstance(composition.make("track"), Tracker)
        return
    with pytest.raises(ConfigError) as refused:
        composition.make("track")
    assert str(refused.value).startswith(f"track={kind} needs the library {kind} ")
    assert str(refused.value).endswith(f"pip install 'vrbench[{kind}]'")


def test_nobody_is_told_unless_asked():
    assert isinstance(Composition([], conf_dir()).make("track"), Nothing)


def test_a_record_of_somebody_else_reaches_no_tracker():
    kept, texts = readable(
        ["seed=1", "track=mlflow", "track.uri=http://elsewhere"], ["track"], lambda *_: True
    )
    assert kept == ["seed=1"]
    assert texts == {}


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_keeps_it(cell):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from vrbench.trackers.tensorboard import TensorBoard

    tell_all(TensorBoard(), cell)
    kept = EventAccumulator(str(cell[2] / "tensorboard"))
    kept.Reload()
    assert [(e.step, e.value) for e in kept.Scalars("extractor/loss")] == [(1, 2.0), (2, 1.0)]
    (name,) = kept.Tags()["images"]
    assert (kept.Images(name)[0].width, kept.Images(name)[0].height) == (6, 4)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_it(cell, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where pictures go, beside a database
    from vrbench.trackers.mlflow import MLflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    tell_all(MLflow(uri=uri), cell)
    client = mlflow.MlflowClient(tracking_uri=uri)
    place = client.get_experiment_by_name("vrbench").experiment_id
    (run,) = client.search_runs([place])
    assert run.info.status == "FINISHED"
    assert run.data.params["attack.steps"] == "10"
    assert run.data.metrics["attacked/CHR_at_20"] == pytest.approx(0.75)
    curve = client.get_metric_history(run.info.run_id, "extractor/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 2.0), (2, 1.0)]
    (picture,) = client.list_artifacts(run.info.run_id)
    assert picture.path == "clean, attacked, difference.png"


@pytest.mark.filterwarnings("ignore")
def test_wandb_stays_offline(cell, capfd):
    pytest.importorskip("wandb")
    from vrbench.trackers.wandb import WandB

    tell_all(WandB(), cell)
    assert list((cell[2] / "wandb").glob("offline-run-*"))
    assert "deprecated" not in "".join(capfd.readouterr())
