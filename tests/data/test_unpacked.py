"""Several processes at their first use of one archive; an archive that is replaced."""

import json
import subprocess
import sys
import zipfile

import pytest

from tests.data.test_dvbpr import parts, save
from vrbench.core.errors import DataError, StorageError
from vrbench.data.readers.unpacked import SOURCE, alone, unpacked
from vrbench.data.sources.dvbpr import dvbpr_npy

ONE = """
import sys
from vrbench.data.sources.dvbpr import dvbpr_npy
data = dvbpr_npy(path=sys.argv[1], size=16)
print(len(data.catalogue), data.train.matrix().int().tolist())
"""
MANY = """
import sys, time
from pathlib import Path
from vrbench.data.readers.unpacked import unpacked
archive, folder = Path(sys.argv[1]), Path(sys.argv[2])
def write(draft):
    with open(folder.with_name("made"), "a") as out:
        out.write("x")
    for n in range(20):
        time.sleep(0.01)
        (draft / str(n)).write_text("whole")
unpacked(archive, folder, write)
print(sorted(p.name for p in folder.iterdir()))
"""


def at_once(count, code, *told):
    started = [
        subprocess.Popen([sys.executable, "-c", code, *map(str, told)], stdout=subprocess.PIPE)
        for _ in range(count)
    ]
    found = [p.communicate()[0].decode() for p in started]
    assert [p.returncode for p in started] == [0] * count
    return found


def test_of_several_processes_one_unpacks_and_the_others_wait(tmp_path):
    (tmp_path / "a").write_text("archive")
    found = at_once(3, MANY, tmp_path / "a", tmp_path / "folder")
    assert len(set(found)) == 1
    assert found[0].count("'") == 2 * 21
    assert (tmp_path / "made").read_text() == "x"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "folder", "made"}, "and nothing is left"


@pytest.mark.slow
def test_a_first_use_by_three_processes_gives_three_data_sets(tmp_path):
    save(tmp_path / "a.npy", parts())
    found = at_once(3, ONE, tmp_path / "a.npy")
    assert found == ["6 [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]\n"] * 3


def test_the_folder_follows_its_archive(tmp_path):
    archive = save(tmp_path / "a.npy", parts())
    dvbpr_npy(path=str(archive), size=16)
    save(archive, parts(count=5))
    assert len(dvbpr_npy(path=str(archive), size=16).catalogue) == 5
    noted = json.loads((tmp_path / "a" / SOURCE).read_text())
    (tmp_path / "copy.npy").write_bytes(archive.read_bytes())
    (tmp_path / "copy.npy").replace(archive)  # the same content, another file
    (tmp_path / "a" / "kept").touch()
    dvbpr_npy(path=str(archive), size=16)
    assert (tmp_path / "a" / "kept").exists(), "it was not unpacked again"
    assert json.loads((tmp_path / "a" / SOURCE).read_text())["seen"] != noted["seen"]


def test_a_folder_left_broken_is_made_anew_and_ones_own_files_are_not_lost(tmp_path):
    archive = save(tmp_path / "a.npy", parts())
    (tmp_path / "a" / "images").mkdir(parents=True)  # of an earlier version, or of one that died
    (tmp_path / "a" / "items.csv").write_text("item_id,ima")
    (tmp_path / ".a.draft.dead").mkdir()
    assert len(dvbpr_npy(path=str(archive), size=16).catalogue) == 6
    assert not (tmp_path / ".a.draft.dead").exists()
    (tmp_path / "a" / "notes.txt").write_text("mine")
    save(archive, parts(count=5))
    with pytest.raises(DataError, match=r"holds 'notes\.txt', which is not from its archive"):
        dvbpr_npy(path=str(archive), size=16)
    assert (tmp_path / "a" / "notes.txt").read_text() == "mine"


def test_what_fails_leaves_what_was_there(tmp_path):
    (tmp_path / "a").write_text("1")
    unpacked(tmp_path / "a", tmp_path / "folder", lambda draft: (draft / "x").write_text("1"))
    (tmp_path / "a").write_text("2")

    def fails(draft):
        (draft / "x").write_text("2")
        raise DataError("no archive")

    def changes(draft):
        (tmp_path / "a").write_text("three")

    for write, says in ((fails, "no archive"), (changes, "was changed while")):
        with pytest.raises(DataError, match=says):
            unpacked(tmp_path / "a", tmp_path / "folder", write)
        assert (tmp_path / "folder" / "x").read_text() == "1"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "folder"}


def test_where_nothing_can_be_written_one_line_says_so(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"cannot write .*: make room, or copy"),
        alone(tmp_path / "file" / "folder"),
    ):
        pass


def test_a_zip_of_one_folder_is_laid_out_without_it(tmp_path):
    from vrbench.data.sources.download import unzip

    for names in (["top/a", "top/b/c"], ["a", "b/c"]):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
            for name in names:
                made.writestr(name, name[-1])
        unzip(tmp_path / "a.zip", tmp_path / names[0][:3])
        assert (tmp_path / names[0][:3] / "b" / "c").read_text() == "c"
