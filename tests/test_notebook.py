"""The notebooks run from top to bottom, and what they show is so."""

import ast
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
SCRIPTS = Path(__file__).parents[1] / "scripts"
NOTEBOOKS = ("attack", "handson")


def read(name):
    return nbformat.read(SCRIPTS / f"{name}.ipynb", 4)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_outputs_are_committed(name):
    cells = [c for c in read(name).cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in cells)


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Runs a notebook; what each cell shows, by its last line."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(SCRIPTS.parent))
    here = {"metadata": {"path": str(tmp_path)}}

    def run(name):
        book, found = read(name), {}
        nbclient.NotebookClient(book, timeout=600, resources=here).execute()
        for cell in book.cells:
            for output in cell.get("outputs", []):
                told = output.get("data", {})
                last = cell.source.splitlines()[-1]
                found |= {last: told.get("text/plain"), **dict.fromkeys(told)}
        return found

    return run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the notebook machinery
def test_bpr_is_attacked_trained_adversarially_and_attacked_again(shown):
    told = shown("handson")
    bpr, apr = (ast.literal_eval(told[name]) for name in ("of_bpr", "of_apr"))
    for of in (bpr, apr):
        assert of["embedding_fgsm"]["clean"] > 0.9
        assert of["embedding_fgsm"]["attacked"] < of["embedding_noise"]["attacked"]
    assert bpr["embedding_fgsm"]["attacked"] < bpr["embedding_noise"]["attacked"] - 0.1
    assert apr["embedding_fgsm"]["attacked"] > bpr["embedding_fgsm"]["attacked"] + 0.1
    assert ast.literal_eval(told["left"]) == {
        "BPR-MF": bpr["embedding_fgsm"]["attacked"],
        "APR": apr["embedding_fgsm"]["attacked"],
    }


@pytest.mark.filterwarnings("ignore")
def test_one_attack_step_by_step(shown):
    shown = shown("attack")
    score, rank = (ast.literal_eval(shown[name]) for name in ("mean_score", "mean_rank"))
    assert score["after"] > score["noise"] + 0.5 * abs(score["before"] - score["noise"])
    assert rank["after"] < rank["before"]
    assert "image/png" in shown
