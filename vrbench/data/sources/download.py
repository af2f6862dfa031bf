"""Verified downloads, fetched once."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from vrbench.core import files
from vrbench.core.archives import BLOCK, opened_zip
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.progress import progress
from vrbench.data.readers.unpacked import alone

PATIENCE = 10  # seconds without an answer


def download(url: str, path: Path, *, sha256: str | None) -> str:
    """Return the sha256 of ``path``, fetched from ``url`` if it is not there yet.

    What arrives is written to a draft of this process's own and takes its place only when complete
    and, where a hash is given, right; other processes wait for it. The hash of a first download is
    noted in ``<path>.sha256``; later uses must equal it.

    Args:
        url: where it is published.
        path: where it shall be.
        sha256: what it must be; None accepts the first download as it comes.

    Raises:
        MissingDataError: if it cannot be fetched; the text says how to do it by hand.
        DataError: if it is not the file that was expected.
        StorageError: if it cannot be written.
    """
    noted = path.with_name(path.name + ".sha256")
    if not path.is_file():
        with alone(path) as draft:
            if not path.is_file():
                _fetched(url, path, draft)
                checked(draft, sha256)
                os.replace(draft, path)
    found = checked(path, sha256 or (noted.read_text().strip() if noted.is_file() else None))
    if not noted.is_file():
        with suppress(OSError):  # a folder of data may be read-only
            noted.write_text(found + "\n")
    return found


def _fetched(url: str, path: Path, draft: Path) -> None:
    try:
        _fetch(url, draft)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise MissingDataError(
            f"no file {path}, and it cannot be fetched ({reason}): on a machine with internet "
            f"run `curl -L -o {path.name} {url}` and put it there"
        ) from error


def unzip(archive: Path, folder: Path) -> None:
    """Extract ``archive`` into ``folder``; the one folder that holds all the rest is left out.

    Raises:
        DataError: if it is damaged, a name in it leads out of the folder or is a link, or it would
            unpack to too much.
    """
    with opened_zip(archive) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        tops = {name.partition("/")[0] for name in names}
        top = f"{tops.pop()}/" if len(tops) == 1 and all("/" in n for n in names) else ""
        for name in progress(names, f"unpacking {archive.name}"):
            place = folder / name.removeprefix(top)
            place.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(name) as source, open(place, "wb") as out:
                while block := source.read(BLOCK):
                    out.write(block)


def _fetch(url: str, part: Path) -> None:
    with urllib.request.urlopen(url, timeout=PATIENCE) as source, open(part, "wb") as out:
        length = int(source.headers.get("Content-Length") or 0)
        blocks = iter(lambda: source.read(BLOCK), b"")
        for block in progress(blocks, f"fetching {part.stem}", total=length // BLOCK or None):
            out.write(block)
        if length and out.tell() != length:
            raise ConnectionError(f"{out.tell():,} of {length:,} bytes came")


def checked(path: Path, expected: str | None) -> str:
    """Return the sha256 of a file.

    Raises:
        DataError: if another one is expected.
    """
    found = files.sha256(path)
    if expected is not None and found != expected:
        raise DataError(
            f"{path} is not the file expected: sha256 {found[:16]}..., not "
            f"{expected[:16]}...; delete it, or give the right sha256"
        )
    return found
