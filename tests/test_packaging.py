"""What is built and shipped: image files, metadata, what a source archive holds."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ["Dockerfile", "Dockerfile.cuda"]
KNOWN = {"FROM", "RUN", "WORKDIR", "COPY", "ENTRYPOINT", "CMD", "ENV", "ARG"}


def steps_of(name):
    """Return the instructions of an image file, each with what follows it."""
    lines = [x for x in (ROOT / name).read_text().splitlines() if x and not x.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [line.partition(" ")[::2] for line in joined]


@pytest.mark.parametrize("name", FILES)
def test_an_image_is_built_of_known_steps_and_runs_the_two_commands(name):
    steps = steps_of(name)
    (first, base), second, *_ = steps
    assert (first, second) == ("ARG", ("FROM", "$BASE"))
    assert {step for step, _ in steps} <= KNOWN
    assert re.fullmatch(r"BASE=[\w./-]+:[\w.-]+", base), "an image has a tag"
    told = dict(steps)
    assert told["COPY"] == ". ."
    assert json.loads(told["ENTRYPOINT"]) == ["bash"]
    assert (ROOT / json.loads(told["CMD"])[0]).is_file()
    for step, what in steps:
        if step == "RUN":
            assert subprocess.run(["bash", "-n", "-c", what], check=False).returncode == 0
            assert shlex.split(what)
    installed = " ".join(what for step, what in steps if step == "RUN")
    assert "python -m venv" in installed
    assert "--editable '.[test]'" in installed  # where both scripts look, and what they need
    assert "touch .venv/.installed .venv/.installed-test" in installed


def test_what_is_installed_is_not_installed_again_until_its_settings_change(tmp_path):
    """So that a container runs without a network."""
    for path in ("scripts/run", "setup.cfg"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/asked\n')
    python.chmod(0o755)

    def asked():
        subprocess.run(["bash", tmp_path / "scripts/run"], check=True)
        told = (tmp_path / "asked").read_text().split()
        (tmp_path / "asked").unlink()
        return told

    os.utime(tmp_path / "setup.cfg", (1, 1))
    assert asked() == ["pip", "vrbench"]
    assert asked() == ["vrbench"]
    os.utime(tmp_path / "setup.cfg", (2**31, 2**31))
    assert asked() == ["pip", "vrbench"]


def test_what_an_image_leaves_out_is_what_runs_leave_behind():
    left_out = {line.strip("/") for line in (ROOT / ".dockerignore").read_text().split()}
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    assert {"runs", "store", "weights", ".venv"} <= left_out & ignored
    assert ".git" in left_out


def test_the_package_says_whose_it_is_and_what_it_is_about():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    told = setup["metadata"]
    assert told["author"]
    assert "recommender systems" in told["keywords"]
    assert "Typing :: Typed" in told["classifiers"].splitlines()
    assert (ROOT / "vrbench" / "py.typed").is_file()


def test_an_archive_for_pypi_leads_to_the_repository():
    """PyPI shows nothing that lies beside README."""
    path = ROOT / "scripts" / "archives.py"
    spec = importlib.util.spec_from_file_location("archives", path)
    archives = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(archives)
    text = 'src="a/b.png" ![x](c.png) [d](e.md#f) [g](https://h/i.md) [j](#k) [![l](m.png)](n.md)'
    assert archives.readme(text, "https://x/y", "v1") == (
        'src="https://x/y/raw/v1/a/b.png" ![x](https://x/y/raw/v1/c.png) '
        "[d](https://x/y/blob/v1/e.md#f) [g](https://h/i.md) [j](#k) "
        "[![l](https://x/y/raw/v1/m.png)](https://x/y/blob/v1/n.md)"
    )
    whole = archives.readme((ROOT / "README.md").read_text(), "https://x/y", "v1")
    led = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', whole)
    assert len(led) > 20
    assert all((link or source).startswith(("https://", "#")) for link, source in led)
    setup = ConfigParser()
    setup.read_string(archives.metadata((ROOT / "setup.cfg").read_text(), "https://x/y", "v1"))
    assert "Source = https://x/y\n" in setup["metadata"]["project_urls"]
    assert setup["metadata"]["name"] == "vrbench"


@pytest.mark.slow
def test_archives_hold_what_they_should(tmp_path):
    """The source archive can be tested; the wheel has the choices and the pages' templates."""
    pytest.importorskip("setuptools")
    build = "import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, check=True)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # from 3.11.4 on
        archive.extractall(tmp_path / "again")
    wanted = ["tests/conftest.py", "tests/golden/numbers.json", "scripts/run", "conf/run.yaml"]
    read = ["results/README.md", "images/gallery.png", *FILES, ".dockerignore", ".ci/run"]
    assert {*wanted, *read, "docs/index.md", "CHANGELOG.md", "LICENSE"} <= inside
    (again,) = (tmp_path / "again").iterdir()
    build = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=again, check=True, env=clean)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        metadata = archive.read(next(n for n in inside if n.endswith("METADATA"))).decode()
    wanted = ["vrbench/py.typed", "vrbench/conf/run.yaml", "vrbench/conf/track/none.yaml"]
    assert {*wanted, "vrbench/report/pages/templates/page.css"} <= inside
    assert "Keywords: adversarial" in metadata
    assert "Description-Content-Type: text/markdown" in metadata
