"""What the README says is so."""

import re
from pathlib import Path

from vrbench.cli.folders import choice_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def axes():
    """Each row of the table of axes: its name and the choices it names."""
    table = README[README.index("| axis |") :]
    for line in table[: table.index("\n\n")].splitlines()[2:]:
        axis, _, choices = line.split("|")[1:-1]
        yield axis.strip(" `"), re.findall(r"`(\w+)`", choices)


def test_it_is_a_page():
    assert len(README.splitlines()) <= 150


def test_every_choice_it_names_exists():
    named = dict(axes())
    assert len(named) >= 11
    for axis, choices in named.items():
        assert choices
        for choice in choices:
            assert choice in choice_names(axis, ROOT / "conf"), f"{axis}={choice}"


def test_it_names_the_two_commands():
    for script in re.findall(r"bash (scripts/\w+)", README):
        assert (ROOT / script).exists(), script
    assert {"bash scripts/run", "bash scripts/test"} <= set(re.findall(r"bash scripts/\w+", README))


def test_it_keeps_its_promises_in_words():
    told = " ".join(README.split()).lower()
    assert "whatever an attack returns is brought into the budget" in told
    assert "nothing loaded is executed" in told


def test_its_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(re.findall(r"^(?:import|from) ", code, re.MULTILINE)) <= 3
    exec(code, {})  # our own README
    found = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert list(found) == ["CHR@5", "nDCG@5"]
    before, after = map(float, found["CHR@5"])
    assert after > 1.5 * before
