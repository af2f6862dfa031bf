"""The notebook runs from top to bottom, and what it shows is so."""

import ast
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
NOTEBOOK = Path(__file__).parents[1] / "scripts" / "attack.ipynb"


def cells():
    return [c for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]


def test_no_outputs_are_committed():
    assert all(not c.outputs and c.execution_count is None for c in cells())


@pytest.mark.filterwarnings("ignore")  # of the notebook machinery
def test_one_attack_step_by_step(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    book = nbformat.read(NOTEBOOK, 4)
    here = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=600, resources=here).execute()
    shown = {}
    for cell in book.cells:
        for output in cell.get("outputs", []):
            told = output.get("data", {})
            shown |= {cell.source.splitlines()[-1]: told.get("text/plain"), **dict.fromkeys(told)}
    score, rank = (ast.literal_eval(shown[name]) for name in ("mean_score", "mean_rank"))
    assert score["after"] > score["noise"] + 0.5 * abs(score["before"] - score["noise"])
    assert rank["after"] < rank["before"]
    assert "image/png" in shown
