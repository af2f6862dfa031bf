"""Fake users from a file: what is written is read back, and what cannot be read is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.attacks.profile.world import attacked, bazaar, known, row, shop
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import AverageProfiles
from vrbench.bench.store import Store
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.data.export import write_profiles
from vrbench.data.sources.ratings_files import prepared
from vrbench.threats.imported_profiles import ImportedProfiles
from vrbench.threats.scenario.by_popularity import ByPopularity

ROOT = Path(__file__).parents[2]


def written(tmp_path, text, name="profiles.tsv"):
    file = Path(tmp_path) / name
    file.write_text(text)
    return str(file)


def test_exported_profiles_give_the_same_rows_when_imported(tmp_path):
    store = Store(tmp_path)
    made = attacked(store, attack=AverageProfiles())
    file = tmp_path / "profiles.tsv"
    write_profiles(file, made.fakes, bazaar())
    again = attacked(store, attack=ImportedProfiles(path=str(file)))
    assert again.fakes.items.equal(made.fakes.items)
    assert again.fakes.indptr.equal(made.fakes.indptr)
    for one, other in zip(made.rows, again.rows, strict=True):
        assert (one.before, one.control) == (other.before, other.control)
        assert one.after == pytest.approx(other.after)


def test_names_of_fakes_are_nobody_s(tmp_path):
    data = bazaar()
    named = Dataset(
        data.catalogue,
        data.train,
        data.valid,
        data.test,
        tuple(f"fake{n}" for n in range(200)),
        tuple(f"item{n}" for n in range(80)),
    )
    made = attacked(Store(tmp_path), attack=AverageProfiles(), dataset=named)
    write_profiles(tmp_path / "profiles.tsv", made.fakes, named)
    lines = [line.split("\t") for line in (tmp_path / "profiles.tsv").read_text().splitlines()]
    assert {user for user, _, _ in lines} == {f"_fake{n}" for n in range(20)}
    assert {rating for _, _, rating in lines} == {"1.0"}
    back = ImportedProfiles(path=str(tmp_path / "profiles.tsv"))
    assert row(attacked(Store(tmp_path), attack=back, dataset=named), "nDCG@10").after is not None


def test_stars_come_from_the_file_where_fakes_give_them(tmp_path):
    data = shop([(0, 0), (1, 1)], 2, 3, ratings=[4.0, 5.0])
    file = written(tmp_path, "a\t2\t1\t99\nb\t0\t5\t99\na\t1\t4\t99\n")
    made = ImportedProfiles(path=file)
    budget = FakeUsers(eps=1.0, feedback="rated")
    found = made(known(data), torch.tensor([2]).numpy(), budget, Dice(0))
    assert found.items.tolist() == [1, 2, 0]
    assert found.stars.tolist() == [4.0, 1.0, 5.0]
    implicit = made(known(data), torch.tensor([2]).numpy(), FakeUsers(eps=1.0), Dice(0))
    assert implicit.items.tolist() == [1, 2, 0]
    assert implicit.stars is None


def test_the_key_is_of_what_the_file_holds_and_not_of_where_it_lies(tmp_path):
    one, same, other = (
        ImportedProfiles(path=written(tmp_path, text, name))
        for name, text in (("one", "a\t1\n"), ("same", "a\t1\n"), ("other", "a\t2\n"))
    )
    assert digest(one) == digest(same) != digest(other)


def test_as_many_random_profiles_stand_beside_fewer_than_are_allowed(tmp_path):
    file = written(tmp_path, "a\t1\na\t70\nb\t2\nb\t70\n")
    found = attacked(Store(tmp_path), attack=ImportedProfiles(path=file))
    assert found.fakes.num_users == 2
    assert row(found, "nDCG@10").random is not None


@pytest.mark.parametrize(
    ("text", "budget", "error", "message"),
    [
        ("a\t900\n", FakeUsers(eps=0.1), DataError, "line 1: the shop has no item '900'"),
        ("a\n", FakeUsers(eps=0.1), DataError, "expected 2 to 4"),
        ("", FakeUsers(eps=0.1), DataError, "empty"),
        ("a\t1\tmany\n", FakeUsers(eps=0.1), DataError, "rating 'many' is not a number"),
        ("a\t1\nb\t1\n", FakeUsers(eps=0.001), ConfigError, "has 2 fake users, and budget.eps"),
        ("a\t1\na\t2\n", FakeUsers(eps=0.1, length=1), ConfigError, "a profile of 2 items"),
    ],
)
def test_what_cannot_be_measured_is_said(text, budget, error, message, tmp_path):
    file = written(tmp_path, text)
    with pytest.raises(error, match=message):
        attacked(Store(tmp_path), attack=ImportedProfiles(path=file), budget=budget)


def test_stars_that_are_not_there_are_missed(tmp_path):
    data = shop([(0, 0), (1, 1)], 2, 3, ratings=[4.0, 5.0])
    made = ImportedProfiles(path=written(tmp_path, "a\t2\n"))
    with pytest.raises(DataError, match="it has no ratings"):
        made(known(data), torch.tensor([2]).numpy(), FakeUsers(eps=1.0, feedback="rated"), Dice(0))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"no file .*nowhere"):
        ImportedProfiles(path=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="expected push or nuke"):
        ImportedProfiles(path=written(tmp_path, "a\t1\n"), aim="shove")


def test_a_scenario_without_any_target_in_it_is_no_error(tmp_path):
    """Others choose their own targets: rows say what became of those that were named."""
    file = written(tmp_path, "a\t1\na\t2\n")
    attack = ImportedProfiles(path=file)
    found = attacked(Store(tmp_path), attack=attack, scenario=ByPopularity(max_items=1))
    assert row(found, "rank shift").after is not None


def as_elliot(folder, parts):
    (folder / "0" / "0").mkdir(parents=True)
    for name, file in (
        ("train", "0/0/train.tsv"),
        ("valid", "0/0/val.tsv"),
        ("test", "0/test.tsv"),
    ):
        (folder / file).write_text("".join("\t".join(line) + "\n" for line in parts[name]))


def as_mmrec(folder, parts):
    folder.mkdir()
    head = "userID\titemID\trating\ttimestamp\tx_label\n"
    labelled = [
        (*line, str(n)) for n, name in enumerate(("train", "valid", "test")) for line in parts[name]
    ]
    (folder / "shop.inter").write_text(head + "".join("\t".join(x) + "\n" for x in labelled))


LAYOUTS = {"elliot": as_elliot, "mmrec": as_mmrec}


def prepared_elsewhere(folder, layout):
    """Write the shop of ``bazaar`` as others lay it out, a tenth of train as validation."""
    data = bazaar()
    lines = {
        name: [(f"u{u}", f"i{i}", "1", "7") for u, i in zip(part.users, part.items, strict=True)]
        for name, part in (("train", data.train), ("test", data.test))
    }
    lines["valid"] = lines["train"][::10]
    lines["train"] = [line for n, line in enumerate(lines["train"]) if n % 10]
    LAYOUTS[layout](folder, lines)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fakes_in_a_shop_that_others_prepared(layout, tmp_path):
    prepared_elsewhere(tmp_path / "shop", layout)
    kind = {"elliot": "hierarchy"}.get(layout, layout)
    data = prepared(path=str(tmp_path / "shop"), format=kind)
    made = attacked(Store(tmp_path / "store"), attack=AverageProfiles(), dataset=data)
    write_profiles(tmp_path / "profiles.tsv", made.fakes, data)
    lines = [line.split("\t") for line in (tmp_path / "profiles.tsv").read_text().splitlines()]
    assert {item for _, item, _ in lines} <= set(data.item_ids)
    assert len({user for user, *_ in lines}) == 20
    again = ImportedProfiles(path=str(tmp_path / "profiles.tsv"))
    read = attacked(Store(tmp_path / "store"), attack=again, dataset=data)
    assert read.fakes.items.equal(made.fakes.items)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_on_a_command_line(layout, tmp_path):
    prepared_elsewhere(tmp_path / "shop", layout)
    line = f"dataset={layout} dataset.path=shop threat=profiles attack=average recommender=itemknn"
    line += " save=[profiles] hydra.run.dir=out machine.threads=1"
    command = [sys.executable, "-m", "vrbench", *line.split()]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    lines = (tmp_path / "out" / "profiles.tsv").read_text().splitlines()
    assert len({line.split("\t")[0] for line in lines}) == 10  # 5 % of 200


def test_timestamps_in_a_file_are_said_to_be_left_out(tmp_path, caplog):
    ImportedProfiles(path=written(tmp_path, "a\t0\t5\t100\n"))
    assert "timestamps are not read" in caplog.text
    caplog.clear()
    ImportedProfiles(path=written(tmp_path, "a\t0\t5\n"))
    assert not caplog.text
