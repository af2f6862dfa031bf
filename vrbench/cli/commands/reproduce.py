"""Run a paper's table, and print ours beside the printed numbers.

Under each of its presets.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from vrbench.cli import output
from vrbench.cli.folders import conf_dir, files_of
from vrbench.cli.overrides import merged
from vrbench.cli.pairs import with_pairs
from vrbench.cli.preflight import cells, preflight
from vrbench.cli.sweeps import launch
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.plurals import how_many
from vrbench.core.spec import digest
from vrbench.report import writing
from vrbench.report.papers.claims.base import Verdict
from vrbench.report.papers.claims.registry import CLAIMS
from vrbench.report.papers.paper_spec import Paper, read_paper
from vrbench.report.papers.published_comparison import Cell, beside, measured, printed
from vrbench.report.run_records import OF_THE_PLACE, Entry, readable
from vrbench.report.tables import FORMATS, comma_separated, plain

log = logging.getLogger(__name__)
OF_NO_PROTOCOL = (*OF_THE_PLACE, "seed=", "machine.threads=", "machine.device=")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    known = ", ".join(files_of("reproduce", conf_dir()))
    parser.add_argument("name", help=known)
    parser.add_argument(
        "overrides", nargs="*", default=[], help="for every run: scenario.max_items=8 ..."
    )
    parser.add_argument("--preset", help="run this one only")
    parser.add_argument("--data", help="the published data, or a stand-in; default: what is there")
    parser.add_argument("--dry-run", action="store_true", help="say what is needed and would run")
    parser.add_argument("--read", action="store_true", help="run nothing: a table of what was run")
    parser.add_argument("--folder", type=Path, default=Path("reproduced"), help="of the rows")
    output.with_format(parser)


def main(chosen: argparse.Namespace) -> int:
    """Run the sweeps and print the table; return the exit code."""
    writing.check(chosen.out)
    output.show_progress()
    found, failures = reproduced(
        chosen.name,
        chosen.overrides,
        preset=chosen.preset,
        data=chosen.data,
        folder=chosen.folder,
        dry_run=chosen.dry_run,
        read=chosen.read,
        format=chosen.format,
    )
    output.put(chosen.out, found + "\n")
    return output.failed(failures)


def reproduced(
    name: str,
    overrides: Sequence[str],
    *,
    preset: str | None,
    data: str | None,
    folder: Path,
    dry_run: bool,
    read: bool,
    format: str,
) -> tuple[str, list[str]]:
    """Return a paper's table under every preset as text, and the errors of failed cells.

    Or what would be run.

    Args:
        name: a file of ``conf/reproduce``.
        overrides: settings for every sweep; they replace those of the file.
        preset: one of the file's; None runs all.
        data: one of the file's; None takes the published data where its files are there, and
            else the first stand-in whose files are.
        folder: where rows go; the same command goes on where it stopped.
        dry_run: run nothing.
        read: run nothing either, and print the table of the cells that earlier runs left.
        format: "text", "markdown" or "csv".

    Raises:
        ConfigError: if there is no such paper, preset or data, or an override is wrong.
        MissingDataError: if ``data`` was asked for and is not there.
    """
    conf = conf_dir()
    paper = read_paper(name, files_of("reproduce", conf))
    chosen = paper.choice(data)
    plan = _plan(paper, chosen, preset, overrides, conf)
    head = _head(paper, chosen, format)
    if dry_run:
        return head + _planned(plan, conf), []
    _check_data(paper, chosen)
    theirs = _theirs(paper, conf)
    told, heads, table = [head], [""], []
    failures: list[str] = []
    for which, sweeps in plan.items():
        asked = paper.runs[which][chosen]
        wanted = [cells(sweep, conf) for sweep in sweeps]
        expected = 0 if read else sum(wanted)
        counts = [None] * len(wanted) if read else wanted
        entries = _ran(sweeps, counts, folder / name / f"{chosen}-{which}")
        ours = measured(entries, paper.axes, paper.labels, paper.metrics, paper.show)
        heads, lines = beside(ours, theirs, paper.axes, paper.metrics)
        table += [[which, *line] for line in lines]
        left = f"{len(entries)} of {sum(wanted)} cells"
        if overrides:
            left += f", {_count(asked, conf)} without the overrides"
        changed = [o for o in overrides if any(o not in sweep for sweep in asked)]
        told += ["", f"{_mark(format)}{which} ({left})", ""]
        told += [FORMATS[format](heads, lines), "", *_verdicts(paper, entries, changed)]
        failures += _failures(entries, expected, which)
    text = comma_separated(["preset", *heads], table) if format == "csv" else "\n".join(told)
    return text, failures


def _plan(
    paper: Paper, chosen: str, preset: str | None, overrides: Sequence[str], conf: Path
) -> dict[str, list[list[str]]]:
    """Return the sweeps of each preset, checked, with the overrides in them."""
    plan = {
        which: [_each_pair(merged(sweep, overrides), conf) for sweep in paper.runs[which][chosen]]
        for which in paper.presets(preset, chosen)
    }
    for sweeps in plan.values():
        for sweep in sweeps:
            preflight(["-m", *sweep], conf)
    return plan


def _ran(sweeps: Sequence[list[str]], counts: Sequence[int | None], place: Path) -> list[Entry]:
    """Return the cells of a preset's sweeps, each in a numbered folder beside ``place``."""
    return [
        entry
        for n, (sweep, count) in enumerate(zip(sweeps, counts, strict=True))
        for entry in run(sweep, place.with_name(f"{place.name}-{n}"), count)
    ]


def _check_data(paper: Paper, chosen: str) -> None:
    for need in paper.data[chosen]:
        if not need.there:
            raise MissingDataError(f"no {need.path} ({need.what}): {need.get}")


def _count(sweeps: Sequence[Sequence[str]], conf: Path) -> int:
    """Return how many cells the sweeps of a file have, nothing overridden."""
    return sum(cells(_each_pair(sweep, conf), conf) for sweep in sweeps)


def _each_pair(sweep: Sequence[str], conf: Path) -> list[str]:
    """Return a sweep with the pairs of categories that its scenario visits as settings."""
    return with_pairs(["-m", *sweep], conf)[1:]


def _theirs(paper: Paper, conf: Path) -> list[Cell]:
    """Return what the paper printed; nothing where no table of it can be had."""
    if not paper.reported:
        return []
    files = files_of("reported", conf)
    return printed(files.get(paper.reported, Path(f"{paper.reported}.yaml")), paper.show)


def _failures(entries: Sequence[Entry], wanted: int, which: str) -> list[str]:
    """Return what failed of the cells of one preset, and how many of ``wanted`` are not there."""
    found = [entry["error"] for entry in entries if "error" in entry]
    if len(entries) < wanted:
        found.append(f"{which}: {how_many(wanted - len(entries), 'cell')} came to no end")
    return found


def run(sweep: Sequence[str], folder: Path, count: int | None) -> list[Entry]:
    """Run a sweep in a subprocess and return its ``count`` cells; None: run nothing, read it.

    One that left as many already is read, not run: delete its folder to run it again.

    Raises:
        ConfigError: if it left nothing behind.
    """
    place = folder.with_name(f"{folder.name}-{digest(list(sweep))[:8]}")
    entries = _cells_in(place)
    whole = count is not None and len(entries) >= count
    if count is None or (whole and not any("error" in entry for entry in entries)):
        log.info("%d cells read, none run: %s", len(entries), place)
        if not entries:
            log.warning("%s", _nothing_read(place, folder))
        return entries
    launch(sweep, place)
    return _cells_in(place)


def _nothing_read(place: Path, folder: Path) -> str:
    """Return the line that says why there is nothing to read of a sweep."""
    others = sorted(f.name for f in folder.parent.glob(f"{folder.name}-*") if f != place)
    told = f"nothing to read in {place}: this sweep was not run there as it is now"
    if others:
        told += f"; with other overrides or by another version: {', '.join(others)}"
    return told


def _cells_in(folder: Path) -> list[Entry]:
    return [entry for _, entry in readable([folder])] if folder.is_dir() else []


def _verdicts(paper: Paper, entries: Sequence[Entry], overrides: Sequence[str]) -> list[str]:
    """Return one line per claim, and what was left out or failed.

    Raises:
        DataError: if a claim is about what the paper's file does not tell apart.
    """
    told = []
    for claim in paper.claims:
        ours = measured(entries, paper.axes, paper.labels, [claim.metric], claim.show)
        try:
            found = CLAIMS[claim.test](ours)
        except KeyError as axis:
            raise DataError(
                f"reproduce {paper.name}: the test {claim.test} needs {axis} among the axes"
            ) from axis
        verdict = _weakened(found, overrides)
        told.append(f"- claim: {claim.text} | {verdict}")
    told += sorted({f"- left out: {e['skipped']}" for e in entries if "skipped" in e})
    return told + sorted({f"- failed: {e['error']}" for e in entries if "error" in e})


def _weakened(verdict: Verdict, overrides: Sequence[str]) -> Verdict:
    """Return the verdict on a paper's claim, which runs under another protocol cannot give."""
    changed = [plain(o) for o in overrides if not o.startswith(OF_NO_PROTOCOL)]
    if not changed:
        return verdict
    under = f"{' '.join(changed)} changed the protocol"
    if verdict.holds is None:
        return Verdict(None, f"{under}; {verdict.said}")
    here = "holds" if verdict.holds else "does not hold"
    return Verdict(None, f"{under} (of these cells alone it {here}: {verdict.said})")


def _head(paper: Paper, chosen: str, format: str) -> str:
    """Return title, source, and what the published table needs."""
    own = chosen == paper.published
    where = f"on {chosen}" if own else f"on {chosen}, a stand-in: other data than the paper's"
    lines = [
        f"{_mark(format)}{paper.title}, {where}",
        "",
        f"Source: {paper.source}",
        "",
        paper.note,
    ]
    if not own:
        lines += ["", f"The published table needs, for `--data {paper.published}`:", ""]
        lines += [
            f"- {n.what}: {n.where} ({'there' if n.there else 'missing'}); {n.get}"
            for n in paper.data[paper.published]
        ]
    if paper.reported is None and paper.claims:
        lines += ["", "No table of it can be had: what is claimed is tested."]
    return "\n".join(lines)


def _planned(plan: dict[str, list[list[str]]], conf: Path) -> str:
    lines = [""]
    for which, sweeps in plan.items():
        count = [cells(sweep, conf) for sweep in sweeps]
        lines += ["", f"{which}: {how_many(sum(count), 'cell')}"]
        lines += [
            f"  python -m vrbench -m {' '.join(sweep)}   # {n}"
            for sweep, n in zip(sweeps, count, strict=True)
        ]
    return "\n".join(lines)


def _mark(format: str) -> str:
    return "## " if format == "markdown" else ""
