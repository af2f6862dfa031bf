"""Other libraries, in interpreters of their own: which one has them, and what a script makes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def python_with(library, variable):
    """Return an interpreter that has ``library``: ours, or what ``variable`` names; else skip."""
    named = os.environ.get(variable, sys.executable)
    tried = subprocess.run([named, "-c", f"import {library}"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"needs {library}; {variable}=PYTHON names an interpreter that has it")
    return named


def made(python, code, *told, out):
    """Run a script on what it is told, and on where its arrays go; return them."""
    script = Path(out).with_suffix(".py")
    script.write_text(code)
    free = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, str(script), *map(str, told), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=free)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(out)
