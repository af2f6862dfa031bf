"""A file of feedback that several cells of a sweep read."""

import os

import pytest

from vrbench.core.errors import MissingDataError
from vrbench.data.readers import remembered as module
from vrbench.data.readers.csv_files import read_feedback


@pytest.fixture
def counted(tmp_path):
    """A file, what reads its text, and how often that read it."""
    file, times = tmp_path / "train.tsv", []

    def read(path):
        times.append(path)
        return path.read_text()

    file.write_text("ann\that\n")
    return file, module.remembered(read), times


def test_a_file_is_read_once(counted):
    file, read, times = counted
    assert [read(file), read(file)] == ["ann\that\n"] * 2
    assert len(times) == 1


def test_a_file_that_was_written_since_is_read_again(counted):
    file, read, times = counted
    read(file)
    file.write_text("ann\tshoe\n")
    assert read(file) == "ann\tshoe\n"
    assert len(times) == 2


def test_another_file_of_that_name_size_and_time_is_read(counted, tmp_path):
    file, read, _ = counted
    other = tmp_path / "other.tsv"
    other.write_text("bob\that\n")
    stamp = file.stat().st_mtime_ns
    os.utime(other, ns=(stamp, stamp))
    assert read(file) == "ann\that\n"
    other.replace(file)
    assert read(file) == "bob\that\n"


def test_a_large_file_is_not_kept(counted, monkeypatch):
    file, read, times = counted
    monkeypatch.setattr(module, "LARGEST", 3)
    read(file)
    read(file)
    assert len(times) == 2


def test_feedback_is_read_anew_where_the_file_changed_or_went(tmp_path):
    file = tmp_path / "train.tsv"
    file.write_text("ann\that\n")
    assert read_feedback(file) is read_feedback(file)
    file.write_text("ann\tshoe\nbob\that\n")
    assert read_feedback(file).items == ["shoe", "hat"]
    file.unlink()
    with pytest.raises(MissingDataError):
        read_feedback(file)
