"""Search spaces, the search itself on scores of known shape, and what it may look at."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from vrbench.bench.machine import Machine
from vrbench.bench.space import Choices, Range, read_space
from vrbench.bench.store import Store
from vrbench.bench.tune import best, search
from vrbench.bench.validation import FOLD_STEPS, OverFolds, Validation
from vrbench.core.errors import ConfigError, DataError, DivergedError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.baselines import Popular
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.vbpr import VBPR

optuna = pytest.importorskip("optuna")
storages = pytest.importorskip("optuna.storages")
backends = pytest.importorskip("optuna.storages.journal")

SPACE = {"x": Range(-2.0, 2.0), "y": Range(1e-4, 1.0, log=True), "z": Choices(("a", "b"))}


def hill(settings, watch):
    """Highest, 0, at x = 1, y = 0.01, z = b."""
    off = (settings["x"] - 1) ** 2 + math.log10(settings["y"] / 0.01) ** 2
    return -off - (settings["z"] == "a")


def kept(tried):
    return [(t.state, t.value, t.settings, t.reason) for t in tried]


@pytest.mark.parametrize("sampler", ["random", "tpe", "multivariate_tpe", "gp", "anneal"])
def test_an_interrupted_search_ends_like_one_that_was_not(tmp_path, sampler):
    whole = search(hill, SPACE, tmp_path / "a.journal", trials=13, sampler=sampler)
    search(hill, SPACE, tmp_path / "b.journal", trials=5, sampler=sampler)

    def killed(settings, watch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(killed, SPACE, tmp_path / "b.journal", trials=13, sampler=sampler)
    parts = search(hill, SPACE, tmp_path / "b.journal", trials=13, sampler=sampler)
    assert kept(whole) == kept(parts)
    assert len({str(t.settings) for t in whole}) == 13, "a restart tried the same again"
    other = search(hill, SPACE, tmp_path / "c.journal", trials=13, sampler=sampler, seed=1)
    assert kept(other) != kept(whole)


def test_a_search_that_is_through_tries_nothing_more(tmp_path):
    search(hill, SPACE, tmp_path / "a.journal", trials=4)

    def never(settings, watch):
        raise AssertionError("tried again")

    assert len(search(never, SPACE, tmp_path / "a.journal", trials=4)) == 4


@pytest.mark.parametrize("sampler", ["tpe", "multivariate_tpe", "gp"])
def test_a_model_of_the_score_finds_better_settings_than_chance(tmp_path, sampler):
    def found(name):
        folder = tmp_path / name
        runs = [
            search(hill, SPACE, folder / f"{s}.journal", trials=20, sampler=name, seed=s)
            for s in range(2)
        ]
        return sum(best(tried).value for tried in runs) / 2

    assert found(sampler) > found("random")
    assert found(sampler) > -0.3


def test_a_grid_tries_everything_once_and_ends(tmp_path):
    space = {"x": Range(0.0, 1.0, points=3), "y": Range(1, 100, log=True, whole=True, points=3)}

    def score(settings, watch):
        return settings["x"] * settings["y"]

    search(score, space, tmp_path / "a.journal", trials=4, sampler="grid")
    tried = search(score, space, tmp_path / "a.journal", trials=99, sampler="grid")
    pairs = [(t.settings["x"], t.settings["y"]) for t in tried]
    assert sorted(pairs) == [(x, y) for x in (0.0, 0.5, 1.0) for y in (1, 10, 100)]
    assert best(tried).settings == {"x": 1.0, "y": 100}
    with pytest.raises(ConfigError, match="x: a grid needs choices, or points"):
        search(hill, SPACE, tmp_path / "b.journal", trials=9, sampler="grid")


def test_what_fails_is_recorded_and_what_is_impossible_pruned(tmp_path):
    def score(settings, watch):
        if settings["z"] == "a":
            raise DivergedError("lower lr") if settings["x"] > 0 else IncompatibleError("n/a")
        return settings["x"] if settings["x"] > 0 else float("nan")

    tried = search(score, SPACE, tmp_path / "a.journal", trials=30, sampler="random")
    for trial in tried:
        good, a = trial.settings["x"] > 0, trial.settings["z"] == "a"
        state, reason = {
            (True, True): ("failed", "lower lr"),
            (False, True): ("pruned", "n/a"),
            (False, False): ("failed", "the score is not a number"),
            (True, False): ("complete", ""),
        }[good, a]
        assert (trial.state, trial.reason) == (state, reason)
        assert (trial.value is None) == (state != "complete")
    assert {t.state for t in tried} == {"failed", "pruned", "complete"}
    assert best(tried).value == max(t.settings["x"] for t in tried if t.state == "complete")

    def hopeless(settings, watch):
        raise DivergedError("lower lr")

    with pytest.raises(ConfigError, match="no trial was completed: lower lr"):
        best(search(hopeless, SPACE, tmp_path / "b.journal", trials=3))


def test_the_median_stops_what_is_worse_half_way(tmp_path):
    steps = []

    def score(settings, watch):
        for step in range(30):
            watch(step, settings["x"])
            steps.append(step)
        return settings["x"]

    space = {"x": Range(0.0, 1.0)}
    tried = search(score, space, tmp_path / "a.journal", trials=12, sampler="random")
    pruned = [t for t in tried if t.state == "pruned"]
    assert len(pruned) >= 2
    assert all("below the median at step" in t.reason for t in pruned)
    assert max(t.settings["x"] for t in pruned) < best(tried).value
    assert len(steps) < 12 * 30
    count = len(steps)
    none = search(score, space, tmp_path / "b.journal", trials=12, sampler="random", pruner="none")
    assert {t.state for t in none} == {"complete"}
    assert len(steps) - count == 12 * 30


def make_bpr(settings):
    return partial(
        BPRMF, factors=4, epochs=24, eval_every=1, batch_size=64, l2=0.01, lr=settings["lr"]
    )


LR = {"lr": Range(1e-4, 0.3, log=True)}


def tuned(world, folder):
    """Tune BPR-MF on ``world``, into a folder of its own."""
    scorer = Validation(world, Colour(), Store(folder / "store"), Machine(), seeds=(0, 1))
    return search(
        lambda settings, watch: scorer.score(make_bpr(settings), watch),
        LR,
        folder / "a.journal",
        trials=7,
        sampler="tpe",
    )


def test_the_test_split_cannot_influence_any_trial(world, tmp_path):
    users, items = (torch.randint(n, (200,), generator=stream(5)) for n in (30, 36))
    garbage = Interactions.of(users, items, 30, 36, ["garbage"])
    right = tuned(world, tmp_path / "right")
    wrong = tuned(replace(world, test=garbage), tmp_path / "wrong")
    assert kept(right) == kept(wrong)
    assert best(right).settings == best(wrong).settings
    assert len({t.value for t in right}) > 3, "the score is blind to the settings"
    other = tuned(replace(world, valid=world.test, test=world.valid), tmp_path / "other")
    assert [t.value for t in other] != [t.value for t in right]


def test_it_prunes_alike_whether_models_are_in_the_store_or_not(world, tmp_path):
    cold = tuned(world, tmp_path)
    assert any(t.state == "pruned" for t in cold)
    (tmp_path / "a.journal").unlink()
    assert kept(tuned(world, tmp_path)) == kept(cold)


def test_the_score_is_the_validation_ndcg_of_the_epoch_that_is_kept(world, tmp_path):
    heard = {}
    scorer = Validation(world, Colour(), Store(tmp_path), Machine(), seeds=(0, 1))
    score = scorer.score(make_bpr({"lr": 0.05}), heard.__setitem__)
    wanted = []
    for seed in (0, 1):
        model = make_bpr({"lr": 0.05})(Sizes(30, 36, ()))
        history = model.fit(world.train, world.valid, world.catalogue.images, stream(seed, "train"))
        found = {n: e["valid_ndcg"] for n, e in enumerate(history.epochs, 1) if "valid_ndcg" in e}
        wanted.append(max(found.values()))
        if seed == 0:
            assert {n: v for n, v in heard.items() if n < 1000} == found
    assert score == pytest.approx(sum(wanted) / 2, abs=1e-6)
    assert list(heard.values())[-2:] == pytest.approx([wanted[0], score], abs=1e-6)


def test_what_has_no_epochs_and_what_looks_at_pictures_are_scored_too(world, tmp_path):
    untaught = Standard(SmallCNN())
    scorer = Validation(world, untaught, Store(tmp_path), Machine(), seeds=(0,))
    popular = scorer.score(Popular, lambda step, value: None)
    assert not list(tmp_path.glob("extractors/*")), "an extractor was taught for nothing"
    scorer = Validation(world, Colour(), Store(tmp_path), Machine(), seeds=(0,))
    vbpr = partial(VBPR, epochs=20, batch_size=64, lr=0.05, l2=0.01, visual_lr=0.05)
    assert scorer.score(vbpr, lambda step, value: None) > popular + 0.2
    none = torch.empty(0, dtype=torch.int64)
    empty = replace(world, valid=Interactions.of(none, none, 30, 36))
    with pytest.raises(ConfigError, match="no validation split"):
        Validation(empty, Colour(), Store(tmp_path), Machine(), seeds=(0,))


def test_a_space_is_read_as_written(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "r.lr: {low: 1e-4, high: 0.1, log: true, points: 4}\n"
        "r.n: {low: 8, high: 64, int: true}\nr.k: {choices: [1, two]}\n"
    )
    known = ["r.lr", "r.n", "r.k", "r.other"]
    assert read_space("a", {"a": tmp_path / "a.yaml"}, known) == {
        "r.lr": Range(1e-4, 0.1, log=True, points=4),
        "r.n": Range(8, 64, whole=True),
        "r.k": Choices((1, "two")),
    }
    assert read_space(str(tmp_path / "a.yaml"), {}, known)
    grid = Range(1e-4, 0.1, log=True, points=4).grid("r.lr")
    assert grid == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            "r.lrr: {low: 1, high: 2}",
            ConfigError,
            "no setting 'r.lrr' to tune; did you mean 'r.lr'",
        ),
        ("r.lr: {low: 2, high: 1}", DataError, "expected numbers low < high"),
        ("r.lr: {low: 0, high: 1, log: true}", DataError, "log needs low > 0"),
        ("r.lr: {low: 0.5, high: 2, int: true}", DataError, "expected integers"),
        ("r.lr: {low: 1, hihg: 2}", DataError, "no 'hihg'; did you mean 'high'"),
        ("r.lr: {choices: []}", DataError, "expected choices alone"),
        ("r.lr: {low: 1, high: 2, points: 1}", DataError, "points >= 2"),
        ("r.lr: 3", DataError, "expected low and high, or choices"),
        ("r.lr", DataError, "expected lines such as"),
        ("r.lr: [", DataError, "is no YAML"),
    ],
)
def test_mistakes_in_a_space_are_named(tmp_path, text, error, says):
    (tmp_path / "a.yaml").write_text(text)
    spaces = {"a": tmp_path / "a.yaml"}
    with pytest.raises(error, match=says):
        read_space("a", spaces, ["r.lr"])
    with pytest.raises(ConfigError, match="no search space 'aa'; did you mean 'a'"):
        read_space("aa", spaces, ["r.lr"])


def test_two_processes_do_not_share_a_journal(tmp_path):
    def score(settings, watch):
        with pytest.raises(ConfigError, match="another process is tuning into"):
            search(hill, SPACE, tmp_path / "a.journal", trials=1)
        return 0.0

    assert len(search(score, SPACE, tmp_path / "a.journal", trials=1)) == 1


def test_where_small_scores_are_good_the_smallest_is_best(tmp_path):
    def score(settings, watch):
        return -hill(settings, watch)

    down = search(score, SPACE, tmp_path / "a.journal", trials=16, lower=True)
    up = search(hill, SPACE, tmp_path / "b.journal", trials=16)
    assert [t.settings for t in down] == [t.settings for t in up], "the same search upside down"
    assert best(down, lower=True).value == -best(up).value


def test_processes_share_a_search(tmp_path):
    """One works while the other's trial is open, and both count what the other did."""
    journal = tmp_path / "a.journal"
    inner = []

    def score(settings, watch):
        if not inner:
            inner.append(search(hill, SPACE, journal, trials=6, shared=True, sampler="random"))
        return hill(settings, watch)

    outer = search(score, SPACE, journal, trials=6, shared=True, sampler="random")
    assert (len(inner[0]), len(outer)) == (5, 6)
    assert len({str(t.settings) for t in outer}) == 6

    left_open = optuna.load_study(
        study_name=journal.stem,
        storage=storages.JournalStorage(backends.JournalFileBackend(str(journal))),
    )
    left_open.ask()  # by a process that was killed
    assert len(search(hill, SPACE, journal, trials=8, shared=True, sampler="random")) == 7
    assert len(search(hill, SPACE, journal, trials=8, sampler="random")) == 8


def test_over_folds_a_score_is_the_mean_of_what_each_fold_says(world, tmp_path):
    """And who listens hears the first fold's training, and the mean after each."""
    other = replace(world, valid=world.test, test=world.valid)
    make = partial(BPRMF, factors=4, epochs=2)
    each = [
        Validation(data, Colour(), Store(tmp_path), Machine(), seeds=(0, 1))
        for data in (world, other)
    ]
    heard = []
    both = OverFolds(each).score(make, lambda step, score: heard.append((step, score)))
    alone = [fold.score(make, lambda step, score: None) for fold in each]
    assert alone[0] != alone[1]
    assert both == pytest.approx(sum(alone) / 2)
    steps = [step for step, _ in heard if step >= FOLD_STEPS]
    assert steps == [FOLD_STEPS, FOLD_STEPS + 1]
    assert [s for _, s in heard[-2:]][1] == pytest.approx(both)
    assert min(step for step, _ in heard) == 2  # epochs of the first fold
