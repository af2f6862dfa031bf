"""The blocks of code of a page, and whether a program printed what the page shows.

A block with a title is a file, a block of bash is run, a block of text is what the block before it
prints, and ``...`` in it stands for anything. ``<!-- slow -->`` before a block: it takes long.
"""

import math
import re
from dataclasses import dataclass

BLOCK = re.compile(
    r'(?P<slow><!-- slow -->\n\n)?```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<text>.*?)```",
    re.DOTALL,
)
NUMBER = re.compile(r"<?([-+]?\d*\.?\d+)%?")


@dataclass(frozen=True)
class Block:
    """One block of a page, in its order.

    Attributes:
        language: bash, python, yaml, text, ...
        title: the file that it is; empty: none.
        text: what stands in it.
        slow: whether it, or the block whose output it is, is marked.
    """

    language: str
    title: str
    text: str
    slow: bool


def blocks(path):
    """Return every block of a page, in its order."""
    found = []
    for match in BLOCK.finditer(path.read_text(encoding="utf-8")):
        slow = match["slow"] is not None
        if match["language"] == "text":
            slow = bool(found) and found[-1].slow
        found.append(Block(match["language"], match["title"] or "", match["text"], slow))
    return found


def differs(shown, printed, loosely=False):
    """Return the first line of a page that a program did not print; empty if it printed all.

    Args:
        shown: on the page.
        printed: by the program.
        loosely: numbers may be half as far apart as the larger of two is from zero: what a training
            gives on another processor.
    """
    lines, skipping = [line.split() for line in printed.strip().splitlines()], False
    for line in shown.strip().splitlines():
        words = line.split()
        if words == ["..."]:
            skipping = True
            continue
        at = [n for n, other in enumerate(lines) if _agree(words, other, loosely)]
        if not at or (at[0] > 0 and not skipping):
            return line
        lines, skipping = lines[at[0] + 1 :], False
    return "" if skipping or not lines else "(the end)"


def _agree(words, others, loosely):
    if words and words[-1] == "...":
        words, others = words[:-1], others[: len(words) - 1]
    spread = ["", *words][: len(words)]  # what stands after a ±, which three seeds hardly know
    return len(words) == len(others) and all(
        (before == "±" and loosely) or _same(word, other, loosely)
        for before, word, other in zip(spread, words, others, strict=True)
    )


def _same(word, other, loosely):
    if word == other or (set(word) == set(other) == {"-"} and loosely):
        return True
    if word.endswith("...") and other.startswith(word[:-3]):
        return True
    one, two = (NUMBER.fullmatch(text.strip("(,)")) for text in (word, other))
    if not loosely or one is None or two is None:
        return False
    return math.isclose(float(one[1]), float(two[1]), rel_tol=0.5, abs_tol=0.05)
