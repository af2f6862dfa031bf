"""Long stages in blocks: what is done is kept, and whoever computes them, the numbers are equal."""

import json
import os
from functools import partial

import numpy as np
import pytest
import torch

from tests.threats.test_surfaces import parts
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench import blocks as blocks_module
from vrbench.bench import executors
from vrbench.bench.executors import run_jobs
from vrbench.bench.machine import Machine
from vrbench.bench.mapping import Block, map_blocks
from vrbench.bench.run import run
from vrbench.bench.session import Session
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, MissingDataError
from vrbench.core.visuals import Signal, Table
from vrbench.data.sources.colours import colours
from vrbench.recommenders.ranking import joined, rank, slices
from vrbench.threats.scenario.base import Scenario

ROWS, WIDTH, BLOCK = 37, 5, 4
TABLE = torch.arange(ROWS * WIDTH, dtype=torch.float32).reshape(ROWS, WIDTH)


class Killed(BaseException):
    """What a process meets that is stopped."""


class Counted:
    """Computes rows, notes which, and is stopped at one of them."""

    def __init__(self, stop_at=None):
        self.asked, self.stop_at = [], stop_at

    def __call__(self, start, stop):
        self.asked.append(start)
        if start == self.stop_at:
            raise Killed
        return TABLE[start:stop]


def table(root, part, block=BLOCK, **more):
    store = Store(root)
    return store.fetch_rows("t", 1, (ROWS, WIDTH), torch.float32, part, block, **more)


def stopped(root, at):
    first = Counted(at)
    with pytest.raises(Killed):
        table(root, first)
    return first.asked


def test_a_stopped_table_goes_on_where_it_stopped(tmp_path):
    assert stopped(tmp_path, 12) == [0, 4, 8, 12]
    assert stopped(tmp_path, 24) == [12, 16, 20, 24]
    second = Counted()
    made = table(tmp_path, second)
    assert second.asked == list(range(24, ROWS, BLOCK))
    assert torch.equal(made.tensors["rows"], TABLE)
    whole = table(tmp_path / "whole", Counted())
    files = [tmp_path / whole.spec / "rows.npy", tmp_path / "whole" / whole.spec / "rows.npy"]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted(p.name for p in files[0].parent.iterdir()) == sorted(
        p.name for p in files[1].parent.iterdir()
    )


def test_a_note_that_was_cut_counts_for_nothing(tmp_path):
    stopped(tmp_path, 12)
    (notes,) = tmp_path.glob(f"t/.draft-*/{blocks_module.WRITTEN}")
    assert notes.read_text().endswith("\n8\n")
    notes.write_text(notes.read_text()[:-2] + "1")  # of "12": the disk got that far
    again = Counted(20)
    with pytest.raises(Killed):
        table(tmp_path, again)
    assert again.asked == [8, 12, 16, 20]
    assert notes.read_text().split("\n")[1:] == ["0", "4", "8", "12", "16", ""]


@pytest.mark.parametrize("other", ["block", "versions"])
def test_blocks_of_another_size_or_of_other_versions_are_made_anew(tmp_path, other, monkeypatch):
    stopped(tmp_path, 12)
    if other == "versions":
        monkeypatch.setattr(blocks_module, "versions", lambda: {"torch": "0"})
    again = Counted()
    made = table(tmp_path, again, block=8 if other == "block" else BLOCK)
    assert again.asked[0] == 0
    assert torch.equal(made.tensors["rows"], TABLE)


def test_the_block_size_changes_no_byte(tmp_path):
    files = []
    for block in (1, 4, 36, 37, 100):
        spec = table(tmp_path / str(block), Counted(), block=block).spec
        files.append((tmp_path / str(block) / spec / "rows.npy").read_bytes())
    assert len(set(files)) == 1


def test_a_table_that_failed_at_once_leaves_nothing(tmp_path):
    assert stopped(tmp_path, 0) == [0]
    assert not list(tmp_path.glob("t/.draft-*"))


def drawn(key):
    return {"x": torch.rand(3, generator=torch.Generator().manual_seed(key))}, {"by": os.getpid()}


def blocks(keys):
    return [Block({"key": key}, partial(drawn, key)) for key in keys]


@pytest.mark.parametrize("executor", ["serial", "joblib", "ray"])
def test_every_executor_makes_the_same_blocks_and_notes_them(tmp_path, executor):
    if executor != "serial":
        pytest.importorskip(executor)
    machine = Machine(executor=executor, workers=2, threads=1)
    made = map_blocks(Store(tmp_path), machine, "s", blocks(range(3)), "drawing")
    assert [m.tensors["x"].tolist() for m in made] == [
        drawn(key)[0]["x"].tolist() for key in range(3)
    ]
    elsewhere = {m.notes["by"] for m in made} - {os.getpid()}
    assert bool(elsewhere) == (executor != "serial")
    store = Store(tmp_path)
    again = Session(store, machine).map("s", blocks(range(4)))
    assert [m.spec for m in again[:3]] == [m.spec for m in made]
    assert [entry["cached"] for entry in store.log] == [True, True, True, False]


def fails():
    raise ConfigError("expected x, got y")


@pytest.mark.parametrize("executor", ["serial", "joblib", "ray"])
def test_a_fault_in_a_block_is_the_same_line_wherever_it_happened(executor):
    if executor != "serial":
        pytest.importorskip(executor)
    with pytest.raises(ConfigError, match=r"^expected x, got y$"):
        list(run_jobs(Machine(executor=executor, workers=2, threads=1), [fails, fails], "x"))


def test_a_dry_run_makes_no_block(tmp_path):
    machine = Machine(executor="joblib")
    made = map_blocks(Store(tmp_path / "none", dry=True), machine, "s", blocks(range(2)), "")
    assert [m.tensors for m in made] == [None, None]
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", ["joblib", "ray"])
def test_a_run_in_several_processes_has_the_rows_of_one(tmp_path, elsewhere):
    pytest.importorskip(elsewhere)
    data = colours(num_items=330)
    asked = partial(
        run, **parts(dataset=data, attack=PGD(steps=3), scenario=Scenario(source="red"))
    )
    assert (data.catalogue.categories == data.catalogue.category("red")).sum() > 64
    found = {}
    for executor in ("serial", elsewhere):
        machine = Machine(executor=executor, workers=2, threads=1, block=64)
        store = Store(tmp_path / executor)
        result = asked(store=store, machine=machine)
        found[executor] = result.rows, [entry["address"] for entry in store.log]
    assert found["serial"] == found[elsewhere]


def test_an_executor_that_is_not_installed_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(executors, "import_module", missing)
    with pytest.raises(MissingDataError, match=r"pip install 'vrbench\[ray\]'"):
        list(run_jobs(Machine(executor="ray"), [partial(int, 1), partial(int, 2)], ""))


@pytest.mark.parametrize("wrong", [{"block": 0}, {"block": 100}, {"workers": 0}])
def test_settings_that_change_numbers_or_mean_nothing_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"machine\.(block|workers): expected"):
        Machine(**wrong)


def test_a_mapped_table_is_handed_over_by_name(tmp_path):
    import pickle

    store = Store(tmp_path)
    made = store.fetch_rows("t", 1, (ROWS, WIDTH), torch.float32, lambda a, b: TABLE[a:b])
    there = Table(Signal.VECTOR, made.tensors["rows"], "x", file=store.file_of(made))
    told = pickle.dumps(there.to("cpu"))
    assert len(told) < TABLE.numpy().nbytes
    back = pickle.loads(told)
    assert torch.equal(back[torch.arange(ROWS)], TABLE)
    alone = pickle.loads(pickle.dumps(Table(Signal.VECTOR, TABLE, "x")))
    assert torch.equal(alone.rows, TABLE)


def test_slices_of_users_are_ranked_as_all_at_once(tmp_path, monkeypatch):

    data = colours(num_users=60)
    session = Session(Store(tmp_path), Machine())
    world = session.fit(session.shop(data, parts()["extractor"], parts()["recommender"]))
    targets, given = torch.tensor([3, 0]), (data.seen, data.test)
    whole = rank(world.model, world.visuals, *given, targets, 10, block=8)
    cut = slices(60, data.train.num_items, users=20, block=8)
    assert [(r.start, r.stop) for r in cut] == [(0, 24), (24, 48), (48, 60)]
    ranked = [rank(world.model, world.visuals, *given, targets, 10, block=8, users=r) for r in cut]
    for name, value in joined(ranked)._asdict().items():
        expected = getattr(whole, name)
        assert (value is None) == (expected is None)
        assert value is None or np.array_equal(value, expected, equal_nan=True), name
    monkeypatch.setattr("vrbench.bench.stages.rankings.slices", lambda users, items: cut)
    at_once = session.rank(world, targets)
    kept = [json.loads(p.read_text()) for p in tmp_path.glob("rankings/*/spec.json")]
    assert ["users" in spec for spec in kept] == [False]
    assert len(at_once.ranking) == 60
    assert [entry["stage"] for entry in session.store.log].count("rankings") == 1
