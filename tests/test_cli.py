"""The commands as a person types them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.typed import typed

ROOT = Path(__file__).parents[1]
SMALL = ["dataset.num_items=120", "dataset.num_users=80", "metrics=fast", "recommender.epochs=2"]
SMALL += ["extractor.epochs=1", "scenario.min_items=3", "machine.threads=1", "attack=fgsm"]


def vrbench(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "vrbench", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(cwd)},
    )


def entries(folder):
    return [json.loads(p.read_text()) for p in sorted(folder.rglob("rows.json"))]


def test_help_needs_no_torch(tmp_path):
    code = "import sys, vrbench.cli; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert done.returncode == 0
    done = vrbench("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "attack  " in done.stdout


def test_one_run_leaves_a_table_rows_values_and_a_picture(tmp_path):
    done = vrbench(*SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CHR@20" in done.stdout
    (entry,) = entries(tmp_path)
    (folder,) = {p.parent for p in tmp_path.rglob("rows.json")}
    assert {row["metric"] for row in entry["rows"]} >= {"CHR@20", "success", "nDCG@20"}
    assert entry["parts"]["attack"]["name"] == "fgsm"
    assert len(entry["stages"]) >= 5
    assert entry["versions"]["vrbench"]
    assert (folder / "picture.png").stat().st_size > 1000
    assert (folder / "values.safetensors").is_file()

    again = typed(*SMALL, cwd=tmp_path)
    assert again.returncode == 0
    first, second = entries(tmp_path)
    assert first["rows"] == second["rows"]
    assert all(
        step["cached"]
        for step in max(first, second, key=lambda e: e["stages"][0]["cached"])["stages"]
    )

    board = typed("leaderboard", cwd=tmp_path)
    assert board.returncode == 0
    assert "CHR@20 attacked" in board.stdout

    plan = typed(*SMALL, "dry_run=true", "attack=pgd", cwd=tmp_path)
    assert plan.returncode == 0
    assert "missing  attacks/" in plan.stdout
    assert "cached   extractors/" in plan.stdout
    assert len(entries(tmp_path)) == 2


def test_lists_model_and_splits_are_saved_when_asked_for(tmp_path):
    """And the lists are those that the metrics were taken from."""
    rows = [(u, i, 1 + (u + i) % 5, 50 * i) for u in range(12) for i in range(u % 5, u % 5 + 9)]
    (tmp_path / "mine.tsv").write_text("".join("\t".join(map(str, r)) + "\n" for r in rows))
    own = ["dataset=ratings", f"dataset.path={tmp_path / 'mine.tsv'}", "threat=none"]
    own += ["split@dataset.split=temporal_leave_out", "+filter@dataset.filters.a=user_core"]
    own += ["recommender=popular", "metrics=elliot", "machine.threads=1"]
    done = typed(*own, "save=[lists,model,splits]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = {p.parent for p in tmp_path.rglob("rows.json")}
    lists = [line.split("\t") for line in (folder / "lists_before.tsv").read_text().splitlines()]
    held_out = (folder / "splits/0/test.tsv").read_text().splitlines()
    test = {tuple(line.split("\t")[:2]) for line in held_out}
    hits = {u for u, i, _, place in lists if int(place) <= 10 and (u, i) in test}
    (entry,) = entries(tmp_path)
    found = {row["metric"]: row["before"] for row in entry["rows"]}
    assert found["HR@10"] == pytest.approx(len(hits) / 12)
    assert found["item coverage@10"] == len({i for _, i, _, place in lists if int(place) <= 10})
    assert load_file(folder / "model_before.safetensors")["count"].sum() == 12 * 7
    assert not list(folder.glob("*after*"))
    done = typed(*own, "save=[list]", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "save: expected some of features, lists, model, pictures, profiles, splits, got 'list'; did"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["attack=pdg"], "attack: no choice 'pdg'; did you mean 'pgd'?"),
        (["budget.eps=-1"], "expected eps >= 0, got -1"),
        (["dataset=folder", "dataset.path=nowhere"], "nowhere"),
        (["scenario.source=hatt", "scenario.target=bag", *SMALL[:5]], "no category 'hatt'"),
        (["leaderboard", "nowhere"], "run `python -m vrbench` first"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, says):
    done = typed(*arguments, "machine.threads=1" if "=" in arguments[0] else ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert says in done.stdout + done.stderr


@pytest.mark.slow
def test_a_failing_cell_does_not_stop_a_sweep(tmp_path):
    done = vrbench("-m", *SMALL, "budget.eps=4,-1,8", cwd=tmp_path)
    assert done.returncode == 2
    assert ["rows" in e for e in entries(tmp_path)].count(True) == 2
    assert "expected eps >= 0" in done.stdout


@pytest.mark.slow
def test_two_sweeps_at_once_on_one_store_agree(tmp_path):
    command = [sys.executable, "-m", "vrbench", "-m", *SMALL[:-1], "attack=fgsm,noise"]
    command.append(f"store={tmp_path / 'store'}")
    env = {"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    running = []
    for name in "ab":
        (tmp_path / name).mkdir()
        running.append(subprocess.Popen(command, cwd=tmp_path / name, env=env))
    assert [process.wait() for process in running] == [0, 0]
    found = [[e["rows"] for e in entries(tmp_path / name)] for name in "ab"]
    assert found[0] == found[1]
    steps = [s for name in "ab" for e in entries(tmp_path / name) for s in e["stages"]]
    made = [s["address"] for s in steps if not s["cached"]]
    assert len(made) == len(set(made)), "something was made twice"


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on(tmp_path):
    command = [sys.executable, "-m", "vrbench", "-m", *SMALL[:-1], "attack=fgsm,noise,bim"]
    env = {"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=env)
    while not list(tmp_path.rglob("rows.json")):  # the first cell is done
        assert process.poll() is None
        time.sleep(0.2)
    process.kill()
    process.wait()
    assert len(entries(tmp_path)) < 3
    done = subprocess.run(command, cwd=tmp_path, env=env, check=False)
    assert done.returncode == 0
    last = [e for e in entries(tmp_path) if "rows" in e][-3:]
    first = next(e for e in last if e["parts"]["attack"]["name"] == "fgsm")
    assert all(step["cached"] for step in first["stages"])


@pytest.mark.slow
def test_folds_are_one_cell_on_the_board_and_in_a_comparison(tmp_path):
    lines = [f"u{n % 9}\ti{(n // 9 + n) % 13}\t{1 + n % 5}\t{n}" for n in range(117)]
    (tmp_path / "all.tsv").write_text("\n".join(lines))
    swept = ["dataset=ratings", "dataset.path=all.tsv", "split@dataset.split=k_fold"]
    swept += ["dataset.split.test.folds=2", "dataset.fold=0,1", "recommender=popular,random"]
    swept += ["threat=none", "metrics=ndcg", "hydra.sweep.dir=folds"]
    done = vrbench("-m", *swept, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = [e["parts"]["dataset"] for e in entries(tmp_path)]
    assert len({part["fold"]["shared"] for part in told}) == 1
    assert len({part["key"] for part in told}) == 2
    board = vrbench("leaderboard", "folds", cwd=tmp_path).stdout.splitlines()
    assert board[0].split("  ")[0] == "recommender"
    assert [line.split()[:4] for line in board[2:]] == [
        [name, "1", "x", "2"] for name in ("popular", "random")
    ]
    compared = vrbench("compare", "folds", cwd=tmp_path).stdout.splitlines()
    assert compared[2].split()[:3] == ["popular", "random", "9"]


@pytest.mark.slow  # its processes all import torch; of blocks, bench/test_mapping.py shows it
def test_joblib_finds_the_same_rows(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sweep = ["-m", *[a for a in SMALL if not a.startswith("attack")], "attack=fgsm,noise"]
    assert typed(*sweep, cwd=tmp_path / "a").returncode == 0
    done = vrbench(*sweep, "machine=joblib", cwd=tmp_path / "b")
    assert done.returncode == 0, done.stderr

    def rows(folder):
        return {e["parts"]["attack"]["name"]: e["rows"] for e in entries(folder)}

    assert rows(tmp_path / "a") == rows(tmp_path / "b")


@pytest.mark.slow
def test_pictures_are_exported_and_judged_again_with_the_same_numbers(tmp_path):
    pytest.importorskip("pyarrow")
    done = vrbench(*SMALL, "save=[pictures]", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = ["pictures", "export", "out", "--licence", "cc0-1.0", "--source", "drawn by vrbench"]
    for to, how in (("folder", []), ("table", ["--parquet"])):
        done = vrbench(*told, "--to", to, *how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        arguments = ["attack=imported", f"attack.path={to}", f"hydra.run.dir=back_{to}"]
        done = vrbench(*SMALL[:-1], *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    out, *back = (
        json.loads((tmp_path / f / "rows.json").read_text())
        for f in ("out", "back_folder", "back_table")
    )
    assert [e["rows"] for e in back] == [out["rows"]] * 2
    assert len({e["parts"]["attack"]["key"] for e in back}) == 1
    shown = next((tmp_path / "folder" / "attacked").glob("*.png"))
    shown.unlink()
    done = vrbench(*SMALL[:-1], "attack=imported", "attack.path=folder", cwd=tmp_path)
    assert done.returncode == 2
    assert f"vrbench: no picture of the item at position {shown.stem}" in done.stdout + done.stderr


@pytest.mark.slow
def test_parameters_are_attacked_measured_and_compared_from_the_command_line(tmp_path):
    small = [*SMALL[:2], "recommender=bprmf", "recommender.epochs=60", "recommender.lr=0.02"]
    small += ["recommender.l2=0", "recommender.patience=30"]  # what learnt nothing cannot fall
    small += ["threat=parameters", "metrics=handson", "machine.threads=1", "scenario.min_items=3"]
    done = vrbench("-m", *small, "attack=embedding_fgsm,embedding_noise", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " | embedding_fgsm embedding_05 | parameters | seed 0" in done.stdout
    found = entries(tmp_path)
    assert [e["parts"]["budget"]["eps"] for e in found] == [0.5, 0.5]
    assert {e["parts"]["budget"]["norm"] for e in found} == {"row_l2"}
    assert {e["parts"]["objective"]["name"] for e in found} == {"misrank"}
    assert not list(tmp_path.rglob("extractors/*")), "an extractor was taught for nothing"
    rows = {e["parts"]["attack"]["name"]: e["rows"] for e in found}
    auc = {name: next(r for r in of if r["metric"] == "AUC") for name, of in rows.items()}
    assert auc["embedding_fgsm"]["before"] == auc["embedding_noise"]["before"]
    assert auc["embedding_fgsm"]["after"] < auc["embedding_noise"]["after"]

    drawn = vrbench("curves", "--metric", "AUC", cwd=tmp_path)
    assert drawn.returncode == 0
    assert "bprmf, embedding_fgsm" in drawn.stdout
    tested = vrbench("compare", "--metric", "AUC", "--side", "after", cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr
    assert "embedding_fgsm" in tested.stdout
    wrong = vrbench(*small, "attack=pgd", cwd=tmp_path)
    assert "skipped: threat=parameters goes with" in wrong.stdout


@pytest.mark.slow
def test_a_search_of_settings_from_the_command_line(tmp_path):
    pytest.importorskip("optuna")
    command = ["tune", *SMALL[:2], "recommender=bprmf", "recommender.epochs=2", "threat=none"]
    command += ["machine.threads=1", "--space", "bprmf", "--trials", "2", "--out", "best.yaml"]
    done = vrbench(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "_target_: vrbench.recommenders.collaborative.bpr.BPRMF"
        in (tmp_path / "best.yaml").read_text()
    )
    wrong = vrbench(*[a.replace("bprmf", "bprmff") for a in command], cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.strip().count("\n") == 0


@pytest.mark.slow
def test_designs_leave_a_table_and_a_sheet_per_user(tmp_path):
    small = ["dataset.num_items=480", "dataset.num_users=80", "dataset.size=32", "users=2"]
    small += ["design.generator.epochs=1", "design.generator.width=4", "design.copies=2"]
    small += ["design.starts=3", "recommender.epochs=1", "judge.epochs=1", "extractor.epochs=1"]
    done = vrbench(
        "design",
        *small,
        "machine.threads=1",
        "--format",
        "csv",
        "--out",
        "judged.csv",
        "--picture",
        "all.png",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "judged.csv").read_text().splitlines()
    assert lines[0].startswith("pictures,own ranker,other seed,other kind,opposite SSIM,nearest")
    assert len(lines) == 8
    told = json.loads((tmp_path / "runs" / "design" / "judged.json").read_text())
    assert [row["pictures"] for row in told["rows"]] == [line.split(",")[0] for line in lines[1:]]
    sheets = list((tmp_path / "runs" / "design").glob("user_*.png"))
    assert len(sheets) == 2
    assert all(p.stat().st_size > 1000 for p in [*sheets, tmp_path / "all.png"])
    wrong = vrbench("design", "design.stepz=3", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "design" in wrong.stderr


@pytest.mark.slow
def test_a_papers_table_is_run_and_printed_beside_the_published_one(tmp_path):
    """And what is not there is named: the data, the setting."""
    small = [a for a in SMALL if not a.startswith(("attack", "extractor"))]
    small += ["recommender=bprmf,apr", "attack=embedding_fgsm", "budget=embedding_05", "seed=0"]
    command = ["reproduce", "apr", "--format", "markdown", *small, "metrics=handson"]
    plan = vrbench(*command, "--dry-run", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    assert "on boutique, a stand-in" in plan.stdout
    assert "$VRBENCH_DATA/apr/yelp/train.tsv (missing)" in plan.stdout
    assert "corrected: 2 cells" in plan.stdout
    assert not list(tmp_path.iterdir())
    done = vrbench(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "Yelp" in line and "BPR-MF" in line]
    ours, printed = lines[0].split("|")[5:7]
    assert printed.strip() == "-22.1"
    (plain,) = [e for e in entries(tmp_path) if e["parts"]["recommender"]["name"] == "bprmf"]
    (row,) = [r for r in plain["rows"] if r["metric"] == "nDCG@100"]
    assert float(ours) == pytest.approx(100 * (row["after"] / row["before"] - 1), rel=1e-3)
    assert "claim: APR falls less than BPR-MF | cannot be told: " in done.stdout
    assert "budget=embedding_05 changed the protocol" in done.stdout
    assert "corrected (2 of 2 cells, 60 without the overrides)" in done.stdout
    for wrong, says in (
        (["reproduce", "apr", "--data", "yelp"], "git clone"),
        (["reproduce", "apr", "attack=embeding_fgsm"], "did you mean 'embedding_fgsm'?"),
    ):
        failed = vrbench(*wrong, cwd=tmp_path)
        assert failed.returncode == 2
        assert says in failed.stderr
        assert "Traceback" not in failed.stderr
