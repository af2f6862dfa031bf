"""What README and docs/ say is so: links lead somewhere, commands name what there is."""

import re
import shlex
from pathlib import Path
from string import Template

import pytest
import yaml

from vrbench.cli.commands import COMMANDS
from vrbench.cli.folders import choice_names, conf_dir
from vrbench.cli.variants import current, row
from vrbench.config import preflight

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PYTHON = ("runs", "threats", "data", "extractors", "recommenders", "attacks", "metrics")
BUILT = {DOCS / "reference" / "axes.md"}  # by scripts/site_pages.py
BUILT |= {DOCS / "reference" / "python" / f"{name}.md" for name in PYTHON}
VERSION_1 = "measured on version 1 of the embedded shop"
VERSION_2 = "version 2 of the embedded shop"
OWN = {"shrinking", "looks", "tuned", "tuned/ease", "tuned/itemknn"}  # defined by the pages


def name_of(page):
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def text_of(page):
    return page.read_text(encoding="utf-8")


def told(page):
    """The page as one line of small letters, quoted or not."""
    return " ".join(text_of(page).replace("\n>", "\n").lower().split())


def shown(page):
    """The page without its blocks of code."""
    return re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)


def slugs(page):
    heads = re.findall(r"^#+ (.+)$", shown(page), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", h).strip().lower()) for h in heads}


def commands(page):
    """Yield the arguments of each ``python -m vrbench`` in blocks of bash that show no mistake."""
    right = r"```bash\n((?:(?!```).)*)```(?!\n\n```text\nvrbench: )"
    for block in re.findall(right, text_of(page), re.DOTALL):
        named = {}
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(Template(line).safe_substitute(named), comments=True)
            if len(words) == 1 and (told := re.fullmatch(r"([A-Z]+)=(.*)", words[0])):
                named[told[1]] = told[2]
            if words[:3] == ["python", "-m", "vrbench"]:
                yield words[3:]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_no_line_is_long(page):
    long = [n for n, line in enumerate(text_of(page).splitlines(), 1) if len(line) > 100]
    assert not long


@each_page
def test_links_and_pictures_are_there(page):
    links = re.findall(r"\]\(([^)\s]+)\)", shown(page)) + re.findall(r'src="([^"]+)"', shown(page))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target in BUILT or target.exists(), link
        assert not anchor or target in BUILT or anchor in slugs(target), link


@each_page
def test_what_it_includes_is_there(page):
    for name in re.findall(r'--8<-- "(.+)"', text_of(page)):
        assert (ROOT / name).exists(), name
        for link in re.findall(r"\]\(([^)\s#]+)", text_of(ROOT / name)):
            assert link.startswith("https://") or (ROOT / name).parent.joinpath(link).exists(), link


def test_what_is_added_to_has_no_long_line():
    long = [
        n for n, t in enumerate(text_of(ROOT / "CONTRIBUTING.md").split("\n"), 1) if len(t) > 100
    ]
    assert not long


def test_search_works_in_pages_that_are_opened_from_disk():
    told = (ROOT / "mkdocs.yml").read_text()
    assert "\n  - offline\n" in told
    (script,) = re.findall(r"polyfills: \[(.+?)\]", told)
    assert "iframe-worker" in script  # by this name the theme fetches no other
    assert "https:" not in (DOCS / script).read_text()


def test_the_site_shows_every_page_once():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        return [
            p
            for below in (entry if isinstance(entry, list) else entry.values())
            for p in pages(below)
        ]

    listed = pages(nav)
    assert len(listed) == len(set(listed))
    assert {DOCS / p for p in listed} == set(PAGES[1:]) | BUILT


def any_number(axis, choice):
    """Whether a choice is a row of a table with a number that the row does not list."""
    now = current(axis, choice, conf_dir())
    return now == choice and row(axis, choice, conf_dir()) is not None


@each_page
def test_commands_name_what_there_is(page):
    for words in commands(page):
        command = words[0] if words and words[0] in COMMANDS else None
        assert command or not words or "=" in " ".join(words), words
        for axis, choices in re.findall(r"(?<![\w.@])(\w+)=([\w,./-]+)(?=\s|$)", " ".join(words)):
            if (conf_dir() / axis).is_dir():
                for choice in choices.split(","):
                    known = {*OWN, *choice_names(axis, conf_dir())}
                    assert choice in known or any_number(axis, choice), f"{axis}={choice}"
        if command == "reproduce":
            assert (conf_dir() / "reproduce" / f"{words[1]}.yaml").exists(), words


@pytest.mark.slow
@each_page
def test_commands_compose(page):
    for words in commands(page):
        line = " ".join(words)
        if (words and words[0] in COMMANDS) or "--config-dir" in words:
            continue
        if re.search(r"machine=(joblib|ray|slurm)", line):  # need what the test extras do not bring
            continue
        preflight([re.sub(r"\b(FOLDER|FILE)$", str(ROOT), word) for word in words], conf_dir())


@pytest.mark.parametrize("page", sorted((DOCS / "results").glob("*.md")), ids=name_of)
def test_a_result_says_how_where_and_what_not(page):
    text = text_of(page)
    if page.name == "index.md":
        return
    assert list(commands(page)) or "\npython scripts/" in text
    assert "What it does not show" in text
    if "embedded shop" in text:
        assert VERSION_1 in told(page) or VERSION_2 in told(page)


def test_results_say_of_which_version_they_are():
    assert VERSION_2 in told(ROOT / "results" / "README.md")
    assert VERSION_2 in told(DOCS / "results" / "index.md")


def test_every_section_that_a_docstring_cites_is_in_the_protocol():
    protocol = text_of(DOCS / "concepts" / "protocol.md")
    heads = set(re.findall(r"^#+ (\d(?:\.\d)?)", protocol, re.MULTILINE))
    cited = 0
    for path in sorted((ROOT / "vrbench").rglob("*.py")):
        for sections in re.findall(r"protocol (\d[^)]*)\)", path.read_text()):
            for section, part in re.findall(r"(\d(?:\.\d)?)([a-c]?)", sections):
                cited += 1
                assert section in heads, f"{path}: {section}"
                assert not part or f"- **{part}.**" in protocol, f"{path}: {section}{part}"
    assert cited >= 15


def test_the_glossary_names_each_thing_once():
    names = re.findall(r"^(\S.*)\n:   ", text_of(DOCS / "concepts" / "glossary.md"), re.MULTILINE)
    assert len(names) == len(set(names)) > 40
    for name in (
        "Evasion",
        "Poisoning",
        "CHR@K",
        "Lift",
        "Clean retrain",
        "Surrogate",
        "Cold item",
        "Exposure",
        "Backdoor",
        "standard-1",
    ):
        assert name in names


def test_python_is_that_of_the_readme():
    def code(page):
        return re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)

    assert code(DOCS / "how-to" / "python.md") == code(ROOT / "README.md")
