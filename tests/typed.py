"""A command as it is typed, run in this process: a new one takes seconds to import what it needs.

That the process itself is right (its streams, its start, its end) is shown by few tests.
"""

import io
import logging
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from vrbench.cli import main
from vrbench.cli.terminal import Once


class Done(NamedTuple):
    """What is left of a command, named as ``subprocess.run`` names it."""

    returncode: int
    stdout: str
    stderr: str


def typed(*arguments, cwd):
    """Run ``vrbench`` with some arguments in a folder, as somebody without weights and data."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, its_own_logging():
        for name in [name for name in os.environ if name.startswith("VRBENCH_")]:
            patch.delenv(name)
        patch.delenv("HYDRA_FULL_ERROR", raising=False)
        patch.setenv("HOME", str(cwd))
        patch.chdir(cwd)
        patch.setattr(Once, "told", set())
        patch.setattr(sys, "argv", ["vrbench", *map(str, arguments)])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    return Done(ended.value.code or 0, out.getvalue(), err.getvalue())


@contextmanager
def its_own_logging():
    """Give the root logger back as it was: a run sets it up for itself."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers).difference(before):
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
