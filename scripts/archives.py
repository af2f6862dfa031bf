"""Build what PyPI takes: python scripts/archives.py [URL]; needs `pip install build`.

URL is that of the repository, as https://github.com/OWNER/NAME: README's pictures and links then
lead to the version's tag there, as PyPI shows nothing of what lies beside it, and the metadata name
the address. Without it README stays as it is.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "archives"
PICTURE = re.compile(r'(!\[[^\]]*\]\(|src=")(?!\w+:|#)([^)"\s]+)')
LINK = re.compile(r"((?<!!)\[(?:[^\]]|!\[[^\]]*\])*\]\()(?!\w+:|#)([^)\s]+)")


def readme(text: str, url: str, tag: str) -> str:
    """Return README with its relative pictures and links leading to a tag of a repository."""
    text = PICTURE.sub(rf"\1{url}/raw/{tag}/\2", text)
    return LINK.sub(rf"\1{url}/blob/{tag}/\2", text)


def metadata(text: str, url: str, tag: str) -> str:
    """Return setup.cfg with the addresses of a repository."""
    told = {
        "Source": url,
        "Documentation": f"{url}/blob/{tag}/docs/index.md",
        "Changelog": f"{url}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{url}/issues",
    }
    lines = "".join(f"    {name} = {where}\n" for name, where in told.items())
    return text.replace("[metadata]\n", f"[metadata]\nproject_urls =\n{lines}", 1)


def main(url: str = "") -> None:
    """Build both archives of what git keeps into ``build/archives``."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "vrbench" / "__init__.py").read_text())
    assert version
    with tempfile.TemporaryDirectory() as place:
        kept = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
        for name in kept.stdout.decode().split("\0")[:-1]:
            copy = Path(place, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
            copy.chmod((ROOT / name).stat().st_mode)
        for name, made in (("README.md", readme), ("setup.cfg", metadata)) if url else ():
            text = Path(place, name).read_text(encoding="utf-8")
            told = made(text, url.rstrip("/"), f"v{version[1]}")
            Path(place, name).write_text(told, encoding="utf-8")
        command = [sys.executable, "-m", "build", "--outdir", str(OUT), place]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
