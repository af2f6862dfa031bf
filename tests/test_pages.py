"""Whoever follows a page from an empty folder sees what the page shows."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.page_blocks import blocks, differs

ROOT = Path(__file__).parents[1]
FOLLOWED = ["get-started", "how-to/own-shop", "how-to/own-features"]
FOLLOWED += ["how-to/own-attack", "how-to/own-recommender", "how-to/own-service"]
FOLLOWED += ["how-to/fake-users"]
SLOW = partial(pytest.param, marks=pytest.mark.slow)
# too long even without their slow blocks
LONG = ("how-to/own-shop", "how-to/own-recommender", "how-to/own-attack")
RUN = '[ $# -gt 0 ] || set -- experiment=first\nexec python -m vrbench "$@"\n'  # installs nothing
MISTAKE = "vrbench: "


@pytest.fixture
def folder(tmp_path):
    """A clone as ``scripts/run`` leaves it, without the installation."""
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    enter = f'PATH="{tmp_path}/.venv/bin:$PATH"\n'
    for path, text in (
        ("scripts/run", f"{enter}{RUN}"),
        (".venv/bin/activate", enter),
        (".venv/bin/python", python),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / ".venv/bin/python").chmod(0o755)
    return tmp_path


def run(text, folder):
    """Run a block of bash in a folder, as somebody who has no weights and no data."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VRBENCH_")}
    more = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TORCH_HOME": str(folder / "torch")}
    path = os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=kept | more | {"PATH": path},
    )


def follow(page, folder, slow, beginning=False):
    """Do what a page says, block after block, and compare; slow ones only if asked to."""
    every = blocks(ROOT / "docs" / f"{page}.md")
    for block, after in zip(every, [*every[1:], None], strict=True):
        if beginning and block.slow:
            return
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "bash" and (slow or not block.slow):
            shown = after.text if after and after.language == "text" else "..."
            wrong = shown.startswith(MISTAKE)
            done = run(block.text, folder)
            assert done.returncode == (2 if wrong else 0), block.text + done.stderr
            printed = (wrong and done.stderr) or done.stdout  # a cell tells its mistakes there
            line = differs(shown, printed, loosely=block.slow)
            assert not line, f"{page} shows {line!r}, printed was:\n{printed}"


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow) if page in LONG else page for page in FOLLOWED],
)
def test_its_quick_blocks_print_what_it_shows(page, folder):
    follow(page, folder, slow=False)


def test_a_shop_is_drawn_and_checked_as_its_page_shows(folder):
    follow("how-to/own-shop", folder, slow=False, beginning=True)
    assert (folder / "shop.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED)
def test_all_its_blocks_print_what_it_shows(page, folder):
    follow(page, folder, slow=True)


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_block_is_a_file_a_command_or_what_it_prints(page):
    every = blocks(ROOT / "docs" / f"{page}.md")
    for block, before in zip(every, [None, *every[:-1]], strict=True):
        assert block.title or block.language in ("bash", "text"), block.text
        assert block.language != "text" or (before and before.language == "bash"), block.text


@pytest.mark.parametrize(
    ("shown", "printed", "loosely", "line"),
    [
        ("a 1\nb 2", "a 1\nb 2\n", False, ""),
        ("a 1\nb 2", "a 1\nb 3", False, "b 2"),
        ("a 1", "a 1\nb 2", False, "(the end)"),
        ("a 1\n...", "a 1\nb 2", False, ""),
        ("...\nb 2", "a 1\nb 2", False, ""),
        ("a 1\nb 2", "a 1\nc\nb 2", False, "b 2"),
        ("missing  pixels/...", "missing  pixels/a83", False, ""),
        ("did you mean ...", "did you mean 'x' or 'y'?", False, ""),
        ("CHR 1.08 +106.4 %", "CHR 0.99 +84.3 %", True, ""),
        ("CHR 1.08 +106.4 %", "CHR 0.99 +84.3 %", False, "CHR 1.08 +106.4 %"),
        ("CHR 1.08 +106.4 %", "CHR 0.99 -84.3 %", True, "CHR 1.08 +106.4 %"),
        ("(CHR 1.08, by", "(CHR 0.99, by", True, ""),
        ("p <.001", "p 0.012", True, ""),
        ("CHR 1.08", "HR 1.08", True, "CHR 1.08"),
    ],
)
def test_what_is_printed_is_compared(shown, printed, loosely, line):
    assert differs(shown, printed, loosely) == line
