"""MkDocs hooks: pages that are made from the code, and what the site shows of other folders."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("images/*.png", "results/*.csv", "results/*.jsonl", "results/*.html")
ELSEWHERE = re.compile(r"\]\((?:\.\./)+((?:images|results)/[\w.-]+\.(?:png|csv|jsonl|html))\)")
KINDS = {  # page: title, and the files whose classes, and functions that return data, it shows
    "runs": (
        "Runs",
        (
            "bench/run.py",
            "bench/session.py",
            "bench/shops.py",
            "bench/store.py",
            "bench/machine.py",
        ),
    ),
    "threats": ("Experiments, scenarios, threats", ("threats",)),
    "data": ("Data", ("data",)),
    "extractors": ("Extractors", ("extractors",)),
    "recommenders": ("Recommenders", ("recommenders",)),
    "attacks": ("Attacks and budgets", ("attacks",)),
    "metrics": ("Metrics", ("metrics",)),
}
CHANGES = re.compile(r'--8<-- "CHANGELOG\.md"')  # as text, so that its links are checked
CODE = re.compile(r"(<(?:pre|code)\b.*?</code>)", re.DOTALL)
APART = re.compile(
    r"(?<=[\d±→x])\s(?=[±→%])|(?<=[±→])\s(?=[-+.\d])"
    r"|(?<=\d)\s(?=to\s[-+.\d])|(?<=\d\sto)\s(?=[-+.\d])"
)
AXES_HEAD = """# Axes

A folder of `conf/` is an axis, a file in it or a row of its table is a
[choice](configuration.md). This page is what `python -m vrbench list` says: the class behind each
choice, its paper, what an adversary must know and how many forward and
backward passes a picture takes at most.

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages made from the code, and pictures and tables that lie outside of docs/."""
    from mkdocs.structure.files import File

    for pattern in SHOWN:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    files.append(File.generated(config, "reference/axes.md", content=AXES_HEAD + axes()))
    for page in KINDS:
        files.append(File.generated(config, f"reference/python/{page}.md", content=python(page)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the changelog into its page; turn links out of docs/ into links inside the site."""
    markdown = CHANGES.sub(lambda _: changes(), markdown)
    up = "../" * (len(PurePosixPath(page.file.src_uri).parts) - 1)
    return ELSEWHERE.sub(rf"]({up}\1)", markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep a number and its spread, its interval or its unit in one line, outside of code."""
    parts = CODE.split(html)
    parts[::2] = [APART.sub("\N{NO-BREAK SPACE}", part) for part in parts[::2]]
    return "".join(parts)


def changes() -> str:
    """Return the changelog without its heading, its links as a page of docs/ has them."""
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n")[2]
    return told.replace("](docs/", "](")


def axes() -> str:
    """Return what ``vrbench list`` prints."""
    told = subprocess.run(
        [sys.executable, "-m", "vrbench", "list", "--format", "markdown"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    words = re.sub(r"(?:\\?`){2}", "`", told.stdout).replace("---:", "---")  # words, not numbers
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace("\\*", "*"), words)


def python(page: str) -> str:
    """Return a page of mkdocstrings' directives, one for each public name."""
    title, places = KINDS[page]
    lines = [f"# {title}", "", "What each module says of its classes; settings are keywords.", ""]
    for place in places:
        lines += [f"::: {name}\n" for name in sorted(public(ROOT / "vrbench" / place))]
    return "\n".join(lines)


def public(place: Path) -> Iterator[str]:
    """Yield the dotted names of a file's, or a folder's, documented classes and data sets."""
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                shown = path.name == "run.py" or _returns_data(node)
            else:
                shown = isinstance(node, ast.ClassDef)
            if shown and not node.name.startswith("_") and ast.get_docstring(node):
                yield f"{module}.{node.name}"


def _returns_data(node: ast.FunctionDef) -> bool:
    return isinstance(node.returns, ast.Name) and node.returns.id == "Dataset"
