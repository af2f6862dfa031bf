"""Every public class and function has an example in its docstring, and each example is right."""

import doctest
import importlib
import inspect
import tempfile
from pathlib import Path

import pytest
import torch

NAMES = Path(__file__).with_name("api.txt").read_text(encoding="utf-8").split()
MODULES = {name.rpartition(".")[0] for name in NAMES}
SHOWN = [n for n in NAMES if n not in MODULES and not n.endswith("__version__")]


@pytest.fixture
def own_chance():
    """An example may draw; what comes after it does not notice."""
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.usefixtures("own_chance")
def test_its_example_is_right(name, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    module, _, last = name.rpartition(".")
    shown = getattr(importlib.import_module(module), last)
    text = inspect.cleandoc(vars(shown).get("__doc__") or shown.__doc__)
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "examples"}, name, name, 0)
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=told.append)
    assert "Example:\n" in text, f"{name} shows no example"
    assert any(example.want for example in test.examples), f"{name}: an example says what comes out"
    assert not runner.failures, "".join(told)
