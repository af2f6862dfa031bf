"""Runs of one cell are told from runs of another, by what differs; each counts once."""

import json

import pytest

from vrbench.report.grid import cells
from vrbench.report.identity import counted, told_apart
from vrbench.report.leaderboard import board, load, sweep_table
from vrbench.report.order import natural
from vrbench.report.run_records import AXES

NUMBERS = {"seed": 0, "extractor_seed": 0, "began": "2026-01-01"}


def run(after=1.0, *, metric="CHR@20", metrics=None, precision="float32", changed=None, **more):
    """A run of ``same`` choices; ``changed``: of a part, its key, settings and overrides."""
    parts = {axis: {"name": "same", "key": "k"} for axis in (*AXES, "scenario")}
    overrides = []
    for part, told in (changed or {}).items():
        parts[part] = {"name": "same"} | told
    for part in parts.values():
        overrides += part.pop("overrides", [])
    row = {"metric": metric, "before": 0.5, "after": after, "better": "lower", "per": "user"}
    made = {"schema": 1, "parts": parts, "overrides": overrides, "rows": [row]} | NUMBERS
    return made | {"machine": {"precision": precision}, "metrics": metrics or {}} | more


def budget(eps, **more):
    return {"budget": {"key": f"k{eps}", "settings": {"eps": eps, "store": "round"} | more}}


def table(entries):
    return board(told_apart(entries))


def test_a_sweep_of_a_number_has_a_line_for_each_in_the_order_of_numbers():
    swept = [run(eps, changed=budget(eps)) for eps in (16, 2, 8.5, 0.25)]
    heads, lines = table(swept)
    assert heads[0] == "budget.eps"
    assert [(line[0], line[-1]) for line in lines] == [
        ("0.25", "0.25"),
        ("2", "2"),
        ("8.5", "8.5"),
        ("16", "16"),
    ]
    assert len(sweep_table(swept).splitlines()) == 6


def test_beside_other_choices_a_cell_is_named_by_choice_and_setting():
    other = run(changed={"budget": {"name": "linf_4", "key": "4", "settings": {"eps": 4}}})
    heads, lines = table([run(changed=budget(32)), run(changed=budget(8)), other])
    assert heads[0] == "budget"
    assert [line[0] for line in lines] == ["linf_4", "same eps=8", "same eps=32"]


def test_an_attack_that_nobody_makes_is_not_named():
    none = {"threat": {"name": "none", "key": "n", "settings": {"timing": "none"}}}
    clean = run(changed=budget(8) | none | {"attack": {"name": "pgd", "key": "p"}})
    same = run(changed=budget(32) | none | {"attack": {"name": "noise", "key": "q"}})
    attacked = run(changed=budget(8) | {"attack": {"name": "pgd", "key": "p"}})
    heads, lines = table([clean, same, attacked])
    assert {"threat", "attack", "budget"} < {*heads}
    told = [dict(zip(heads, line, strict=True)) for line in lines]
    assert [(t["threat"], t["attack"], t["budget"]) for t in told] == [
        ("none", "none", "none"),
        ("same", "pgd", "same"),
    ]


def test_older_runs_are_told_apart_by_their_overrides_and_else_by_keys():
    older = [
        run(changed={"attack": {"key": "a", "overrides": ["attack.steps=40", "seed=0"]}}),
        run(changed={"attack": {"key": "b"}}),
    ]
    assert [line[0] for line in table(older)[1]] == ["same", "same steps=40"]
    blind = [run(changed={"attack": {"key": f"{n}2345678xyz"}}) for n in (1, 2)]
    assert [line[0] for line in table(blind)[1]] == ["same #12345678", "same #22345678"]


@pytest.mark.parametrize("part", [*AXES, "scenario"])
def test_a_setting_of_any_part_makes_another_cell(part):
    swept = [run(changed={part: {"key": str(n), "settings": {"n": n}}}) for n in (10, 9)]
    heads, lines = table(swept)
    assert heads[0] == f"{part}.n"
    assert [line[0] for line in lines] == ["9", "10"]


def test_precision_makes_another_cell():
    heads, lines = table([run(1.0), run(3.0, precision="bfloat16"), run(5.0, seed=1)])
    assert heads[0] == "precision"
    assert [(line[0], line[1], line[-1]) for line in lines] == [
        ("bfloat16", "1", "3"),
        ("float32", "2", "3 ± 2.8"),
    ]


def test_two_settings_of_one_metric_are_not_averaged():
    def aplt(head):
        told = {"APLT@20": {"key": str(head), "settings": {"k": 20, "head": head}}}
        return run(head, metric="APLT@20", metrics=told)

    heads, lines = board(told_apart([aplt(0.8), aplt(0.2)]), ["APLT@20"])
    assert heads[0] == "metrics"
    assert [(line[0], line[-1]) for line in lines] == [
        ("APLT@20 head=0.2", "0.2"),
        ("APLT@20 head=0.8", "0.8"),
    ]
    assert table([aplt(0.8), run(metric="nDCG@20", seed=1)])[0][0] == "seeds"  # not mixed


def test_a_rerun_counts_once_and_one_that_disagrees_is_named(caplog):
    again = [run(1.0), run(1.0), run(1.0, began="2025-01-01"), run(3.0, seed=1)]
    assert table(again) == table([run(1.0), run(3.0, seed=1)])
    assert not caplog.messages
    newest = [run(9.0, began="2026-03-01"), run(1.0), {**run(), "rows": []} | {"skipped": "no"}]
    newest[2].pop("rows")
    assert table(newest)[1] == table([run(9.0)])[1]
    (line,) = caplog.messages
    assert line.startswith("two runs disagree, the newer one counts: same same")
    assert counted(newest) == [newest[0]]


def test_seeds_of_the_extractor_are_seeds():
    (cell,) = cells(told_apart([run(n, extractor_seed=n) for n in (2, 0, 1)]))
    assert (cell.runs, cell.values("CHR@20", "after")) == (3, [0, 1, 2])


def test_an_audit_below_the_folder_does_not_stop_a_leaderboard(tmp_path):
    sources = {
        name: run(changed={"scenario": {"key": name, "settings": {"source": name}}})
        for name in ("hat", "bag")
    }
    for name, entry in (sources | {"plain": run()}).items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.json").write_text(json.dumps(entry))
    names = [line[0] for line in board(load([tmp_path]))[1]]
    assert names == ["same", "same source=bag", "same source=hat"]


def test_naming_twice_changes_nothing():
    swept = told_apart([run(eps, changed=budget(eps)) for eps in (2, 8)])
    assert [c.where for c in cells(told_apart(swept))] == [c.where for c in cells(swept)]


def test_numbers_in_names_count_as_numbers():
    names = ["x", "e=1e-3", "e=-2", "e=0.5", "e=0.25", "e=10", "linf_16", "linf_2", "linf_2_a"]
    assert sorted(reversed(names), key=natural) == [
        "e=-2",
        "e=1e-3",
        "e=0.25",
        "e=0.5",
        "e=10",
        "linf_2",
        "linf_2_a",
        "linf_16",
        "x",
    ]
