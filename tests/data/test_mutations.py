"""Valid files, changed at random: each is read whole, or refused in one line; nothing is lost."""

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vrbench.core.errors import VRBenchError
from vrbench.data.sources.folder import folder
from vrbench.data.sources.interactions_only import amazon, movielens
from vrbench.data.sources.ratings_files import prepared, ratings
from vrbench.data.sources.var import var
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.per_user import TemporalLeaveOut

PIECES = [
    *(
        b'"',
        b"'",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b",",
        b" ",
        b"\x0c",
    ),
    *(b"nan", b"-1", b"0", b"1e999", b"1_0", b"\xe2\x80\xa8", b"\xc2\xa0", b"NA", b"9" * 25, b".5"),
    *(b"user\titem\n", b'"a,b"', b"\xd9\xa1", b"\x1a", b"\\", b"#"),
]
ITEMS = ("007", "NA", "b7", "é")
LINES = [f"u{n}\t{i}\t{1 + n % 5}\t{10 * n}" for n in range(3) for i in ITEMS[n:] + ITEMS[:n]]
PARTS = {
    "train": LINES[0:2] + LINES[4:6] + LINES[8:10],
    "validation": LINES[2:3],
    "test": LINES[3:4],
}
HEADER = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
LABELLED = [f"{line}\t{0 if n % 4 < 2 else n % 4 - 1}" for n, line in enumerate(LINES)]
CATALOGUE = ["item_id,image,category", *(f'{i},images/{i}.png,"hat, {i}"' for i in ITEMS)]
KINDS = ["ImageID,ClassStr,ClassNum,Prob", *(f"{i},sock,1,0.5" for i in ITEMS)]
PAIRS = {name: ["\t".join(line.split("\t")[:2]) for line in part] for name, part in PARTS.items()}
LAST = Split(test=TemporalLeaveOut(n=1))

LAYOUTS = {
    "folder": (
        {"items.csv": CATALOGUE, **{f"{name}.tsv": part for name, part in PARTS.items()}},
        lambda root: folder(path=str(root), size=16),
    ),
    "amazon": (
        {f"{name}.tsv": part for name, part in PARTS.items()},
        lambda root: amazon(path=str(root)),
    ),
    "ratings": ({"a.tsv": LINES}, lambda root: ratings(path=str(root), split=LAST)),
    "recbole": (
        {"a.inter": HEADER + LINES},
        lambda root: ratings(path=str(root), format="atomic", split=LAST),
    ),
    "movielens": ({"a.inter": HEADER + LINES}, lambda root: movielens(path=str(root))),
    "benchmark": (
        {
            f"a.{name}.inter": HEADER + PARTS[part]
            for name, part in (("train", "train"), ("valid", "validation"), ("test", "test"))
        },
        lambda root: prepared(path=str(root), format="atomic"),
    ),
    "mmrec": (
        {"a.inter": [HEADER[0] + "\tx_label", *LABELLED]},
        lambda root: prepared(path=str(root), format="mmrec"),
    ),
    "elliot": (
        {
            "0/test.tsv": PARTS["test"],
            "0/0/train.tsv": PARTS["train"],
            "0/0/val.tsv": PARTS["validation"],
        },
        lambda root: prepared(path=str(root), format="hierarchy"),
    ),
    "var": (
        {
            "original/classes.csv": KINDS,
            "trainingset.tsv": PAIRS["train"],
            "validationset.tsv": PAIRS["validation"],
            "testset.tsv": PAIRS["test"],
        },
        lambda root: var(path=str(root), size=16),
    ),
    "taamr": (
        {
            "pos.txt": [line.split("\t")[0] + " b7" for line in LINES[::4]]
            + ["u0 NA", "u0 007", "u1 é"]
        },
        lambda root: var(path=str(root), size=16),
    ),
    "amr": (
        {"pos.txt": ["0 007", "0 NA", "1 b7"], "neg.txt": ["b7 é", "NA 007"]},
        lambda root: var(path=str(root), size=16),
    ),
}
HEADED = {"recbole", "movielens", "benchmark", "mmrec"}  # each file begins with a header


class Said(logging.Handler):
    """Keeps what was said, and holds the log back from the terminal."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@st.composite
def changed(draw):
    """Return a layout, and its files as bytes with one to three changes."""
    layout = draw(st.sampled_from(sorted(LAYOUTS)))
    files = {name: "\n".join(lines).encode() + b"\n" for name, lines in LAYOUTS[layout][0].items()}
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        held = files[name]
        start = draw(st.integers(0, len(held)))
        end = draw(st.sampled_from([start, start + 1, start + 9, len(held)]))
        piece = draw(st.sampled_from([b"", *PIECES, held[:start], held[start : start + 20]]))
        files[name] = held[:start] + piece + held[end:]
    return layout, files


def rows(layout, files):
    """Return how many lines of feedback the files hold."""
    total = 0
    for name, held in files.items():
        if not name.endswith(".csv") and name != "neg.txt":
            text = held.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
            total += sum(bool(line.strip(" ")) for line in text.split("\n"))
            total -= layout in HEADED
    return total


def survives(case):
    layout, files = case
    said = Said()
    logging.getLogger("vrbench").addHandler(said)
    try:
        with tempfile.TemporaryDirectory() as folder_:
            root = Path(folder_)
            base = root / "original" if layout == "var" else root
            (base / "images").mkdir(parents=True)
            for item in ITEMS:
                Image.new("RGB", (4, 4)).save(base / "images" / f"{item}.png")
            for name, held in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(held)
            refusal = None
            try:
                data = LAYOUTS[layout][1](root)
            except VRBenchError as error:
                refusal = str(error)
    finally:
        logging.getLogger("vrbench").removeHandler(said)
    if refusal is not None:
        assert "\n" not in refusal
        assert folder_ in refusal
        return
    left_out = [line for line in said.lines if "TAaMR has no split" not in line]
    read = len(data.train) + len(data.valid) + len(data.test)
    if layout == "amr":
        read = len(data.train)  # neg.txt gives one test to each user of pos.txt
    if not left_out:
        assert read == rows(layout, files)
    assert all(name == name.strip() and name for name in (*data.user_ids, *data.item_ids))


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@settings(max_examples=100, **QUIET)
@given(changed())
def test_changed_files_are_read_whole_or_refused_in_one_line(case):
    survives(case)


@pytest.mark.slow
@settings(max_examples=5_000, **QUIET)
@given(changed())
def test_many_changed_files(case):
    survives(case)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_unchanged_files_are_read(layout):
    files = {name: "\n".join(lines).encode() + b"\n" for name, lines in LAYOUTS[layout][0].items()}
    survives((layout, files))
