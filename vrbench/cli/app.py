"""Entry point of ``python -m vrbench``: a command, or a run composed by Hydra; an exit code."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import vrbench
from vrbench.cli import completion
from vrbench.cli.commands import COMMANDS
from vrbench.cli.folders import conf_dir, overruled, own_first, without_own
from vrbench.cli.outcomes import Report
from vrbench.cli.output import in_words
from vrbench.cli.terminal import forget_empty, in_utf8, print_anything, print_nothing
from vrbench.cli.trouble import SHOWN, Ended, ended, full_error, line, of_argparse, place
from vrbench.cli.usage import overview
from vrbench.core.errors import ConfigError, VRBenchError, offered

SHOWS = {"-c", "--cfg", "-i", "--info", "--hydra-help", "-sc", "--shell-completion"}
USER_MISTAKE = 2  # exit code
BUG = 1  # exit code of what nobody foresaw
STOPPED = 130  # exit code of Ctrl-C, as shells have it
ENDED = 128 + signal.SIGTERM  # exit code of a process that is ended, as shells have it
CUT = 141  # exit code where nobody reads on, as shells have it


def main() -> None:
    """Run the command named by the first argument; without one, run the benchmark."""
    in_utf8()
    print_anything()
    forget_empty()
    try:
        try:
            code = _outcome(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read has enough, as `head` has
        print_nothing()
        code = CUT
    except OSError as error:
        if full_error():
            raise
        print_nothing()
        code = _say(f"cannot write: {error.strerror}")
    sys.exit(code)


def _outcome(given: list[str]) -> int:
    """Run what a command line asks for; say what goes wrong, and return the exit code."""
    try:
        arguments, own = without_own(given)
        with own_first(own):
            if own is not None and (taken := overruled(own)):
                sys.stderr.write(f"vrbench: of {own}, not as shipped: {', '.join(taken)}\n")
            return _command(arguments)
    except VRBenchError as error:
        return _say(str(error))
    except (KeyboardInterrupt, Ended) as error:
        code = ENDED if isinstance(error, Ended) else STOPPED
        return _say("interrupted; what was finished is kept: the same command goes on", code)
    except OSError as error:
        if full_error() or error.filename is None:
            raise
        return _say(f"{error.filename}: {error.strerror}")
    except Exception as error:
        if full_error():
            raise
        return _say(f"{place(error)}: {line(error)} ({SHOWN})", BUG)


def _command(arguments: list[str]) -> int:
    """Run what a command line asks for; return the exit code."""
    first = arguments[0] if arguments else ""
    if first in COMMANDS:
        return _named(first, arguments[1:])
    if first.isidentifier():
        raise ConfigError(
            f"no command {first!r}{offered(first, COMMANDS)}; settings are written axis=choice, "
            "as in attack=pgd"
        )
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(overview(COMMANDS, conf_dir()))
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"vrbench {vrbench.__version__}\n")
        return 0
    if completion.asked(arguments):
        found = completion.commands_for(os.environ.get("COMP_LINE", ""), COMMANDS)
        if found is None:
            return 0
        sys.stdout.write("".join(f"{name} " for name in found))
    return _bench(arguments)


def _named(name: str, arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    try:
        return COMMANDS[name](arguments)
    except SystemExit as error:
        if isinstance(error, Ended) or of_argparse(error):
            raise
        raise ended(error) from None


def _bench(arguments: list[str]) -> int:
    """Let Hydra compose and start the cells of a command line that was checked before."""
    from vrbench.cli.cell import bench
    from vrbench.cli.preflight import preflight

    preflight(arguments, conf_dir())
    if any(argument.startswith(("scenario=", "experiment=")) for argument in arguments):
        from vrbench.cli.pairs import with_pairs

        arguments = with_pairs(arguments, conf_dir())
    Report.failures.clear()
    sys.argv[1:] = arguments  # Hydra reads them there
    if SHOWS & {argument.partition("=")[0] for argument in arguments}:
        return _shown(bench)
    bench()
    return USER_MISTAKE if Report.failures else 0


def _shown(bench: Callable[[], None]) -> int:
    """Print what Hydra shows instead of a run; a closed pipe it would take for a fault."""
    told = io.StringIO()
    try:
        with redirect_stdout(told):
            bench()
    finally:
        sys.stdout.write(told.getvalue())
    return 0


def _say(told: str, code: int = USER_MISTAKE) -> int:
    sys.stderr.write(f"vrbench: {in_words(told)}\n")
    return code
