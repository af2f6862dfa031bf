"""Triton's interpreter, which runs a GPU's kernels on a processor."""

from importlib.metadata import version
from importlib.util import find_spec

import pytest


def _there():
    if find_spec("triton") is None:
        return False
    major, minor = (int(part) for part in version("triton").split(".")[:2])
    return (major, minor) >= (3, 1)  # before, it knew no constants of a kernel


needs_interpreter = pytest.mark.skipif(not _there(), reason="no Triton with an interpreter")
