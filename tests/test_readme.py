"""What the README says is so."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_choice_it_names_exists():
    table = README[README.index("| axis |") : README.index("```bash\npython -m vrbench objective")]
    for line in table.splitlines()[2:]:
        cells = [cell for cell in line.split("|")[1:-1]]
        if len(cells) == 2:
            (axis,) = re.findall(r"`(\w+)`", cells[0])
            for choice in re.findall(r"`([\w*]+)`", cells[1]):
                assert list((ROOT / "conf" / axis).glob(f"{choice}.yaml")), f"{axis}={choice}"


def test_its_links_and_pictures_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_its_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(re.findall(r"^(?:import|from) ", code, re.MULTILINE)) <= 3
    exec(code, {})  # our own README
    found = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert list(found) == ["CHR@5", "nDCG@5"]
    before, after = map(float, found["CHR@5"])
    assert after > 1.5 * before
