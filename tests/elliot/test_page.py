"""The page "Coming from Elliot" says what is translated, line by line."""

from pathlib import Path

from vrbench.cli.elliot.page import tables

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "elliot.md"


def test_the_page_has_every_line_of_the_tables_and_no_other():
    shown: dict[str, list[tuple[str, str]]] = {}
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line[3:]
        elif line.startswith("| `"):
            name, here = line.strip("| ").split(" | ", 1)
            shown.setdefault(title, []).append((name.strip("`"), here))
    assert shown == tables()
