"""Fetching published files, whole and verified or not at all."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath

from vrbench.core import files
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.progress import progress

BLOCK = 1 << 20
PATIENCE = 10  # seconds without an answer


def download(url: str, path: Path, *, sha256: str | None) -> str:
    """Return the sha256 of ``path``, fetched from ``url`` if it is not there yet.

    What arrives is written beside it under another name and takes its place only when complete
    and, where a hash is given, right. The hash of a first download is noted in
    ``<path>.sha256``; later uses must equal it.

    Args:
        url: where it is published.
        path: where it shall be.
        sha256: what it must be; None accepts the first download as it comes.

    Raises:
        MissingDataError: if it cannot be fetched; the text says how to do it by hand.
        DataError: if it is not the file that was expected.
    """
    noted = path.with_name(path.name + ".sha256")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            _fetch(url, part)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            part.unlink(missing_ok=True)
            reason = getattr(error, "reason", error)
            raise MissingDataError(
                f"no file {path}, and it cannot be fetched ({reason}): on a machine with internet "
                f"run `curl -L -o {path.name} {url}` and put it there"
            ) from error
        checked(part, sha256)
        os.replace(part, path)
    found = checked(path, sha256 or (noted.read_text().strip() if noted.is_file() else None))
    noted.write_text(found + "\n")
    return found


def unzip(archive: Path, folder: Path) -> None:
    """Extract ``archive`` into ``folder``; a second call does nothing.

    Raises:
        DataError: if it is damaged, or a name in it leads out of the folder.
    """
    done = folder / ".complete"
    if done.is_file():
        return
    try:
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise DataError(f"{archive}: the name {name!r} leads out of the archive")
            for member in progress(opened.infolist(), f"unpacking {archive.name}"):
                opened.extract(member, folder)
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive} is damaged ({error}): delete it and fetch it again") from error
    done.write_text("")


def _fetch(url: str, part: Path) -> None:
    with urllib.request.urlopen(url, timeout=PATIENCE) as source, open(part, "wb") as out:
        length = int(source.headers.get("Content-Length") or 0)
        blocks = iter(lambda: source.read(BLOCK), b"")
        for block in progress(blocks, f"fetching {part.stem}", total=length // BLOCK or None):
            out.write(block)


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
