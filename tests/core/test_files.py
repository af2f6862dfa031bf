"""What is no regular file is refused by every reader, before it can wait or read for ever."""

import os
import re

import pytest

from vrbench.attacks.imported import Imported
from vrbench.bench.space import read_space
from vrbench.core.archives import opened_zip
from vrbench.core.arrays import read_npz
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.torch_files import read_saved
from vrbench.core.weights import read_plain
from vrbench.data.readers.csv_files import read_items
from vrbench.data.readers.object_arrays import load_objects, load_tree
from vrbench.data.readers.text import read_commas, read_lines, read_tabs
from vrbench.extractors.checkpoints import read_state
from vrbench.generators.checkpoint import load
from vrbench.report.papers.paper_spec import read_paper
from vrbench.report.papers.published_comparison import printed
from vrbench.report.plots.curves import reported
from vrbench.report.run_records import readable


def zipped(path):
    with opened_zip(path):
        raise AssertionError("opened")


READERS = {
    "lines.txt": lambda path: read_lines(path, "lines"),
    "tabs.tsv": lambda path: read_tabs(path, "lines"),
    "commas.csv": lambda path: read_commas(path, "lines"),
    "items.csv": read_items,
    "objects.npy": load_objects,
    "tree.pkl": load_tree,
    "arrays.npz": read_npz,
    "saved.pth": read_saved,
    "plain.safetensors": read_plain,
    "state.pth": read_state,
    "state.safetensors": read_state,
    "generator.safetensors": load,
    "archive.zip": zipped,
    "pixels.npz": lambda path: Imported(path=str(path)),
    "pixels.safetensors": lambda path: Imported(path=str(path)),
    "curves.yaml": reported,
    "numbers.yaml": printed,
    "space.yaml": lambda path: read_space(str(path), {}, ["r.lr"]),
    "paper.yaml": lambda path: read_paper("paper", {"paper": path}),
}


@pytest.mark.parametrize(("make", "kind"), [("pipe", "a pipe"), ("zero", "a device")])
@pytest.mark.parametrize("name", READERS)
def test_a_device_or_a_pipe_is_refused_by_every_reader(tmp_path, name, make, kind):
    path = tmp_path / name
    if make == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"^{re.escape(str(path))} is {kind}, not a file$"):
        READERS[name](path)


@pytest.mark.parametrize("name", [n for n in READERS if "generator" not in n])
def test_a_file_that_is_not_there_is_named_by_every_reader(tmp_path, name):
    with pytest.raises(MissingDataError, match=re.escape(str(tmp_path / name))):
        READERS[name](tmp_path / name)


def test_rows_that_are_a_pipe_are_left_out_and_named(tmp_path, caplog):
    os.mkfifo(tmp_path / "rows.json")
    assert readable([tmp_path, tmp_path / "rows.json"]) == []
    told = [record.message for record in caplog.records]
    assert told == [f"left out: {tmp_path / 'rows.json'} is a pipe, not a file"] * 2
