"""Shell completion of subcommands; axes and choices are completed by Hydra."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FLAGS = {"-sc", "--shell-completion"}


def asked(arguments: Sequence[str]) -> bool:
    """Whether a shell requests completions, by the protocol of Hydra's completion."""
    return bool(FLAGS & set(arguments)) and any(a.startswith("query=") for a in arguments)


def commands_for(line: str, commands: Iterable[str]) -> list[str] | None:
    """Return the commands that complete the last word of a line.

    Args:
        line: as typed so far, the program's name first (or ``python -m vrbench``).
        commands: all there are.

    Returns:
        None behind a command, where no axis follows either.
    """
    words = line.split()
    if words[1:3] == ["-m", "vrbench"]:
        del words[:2]
    words += [""] if line.endswith(" ") else []
    before, word = words[1:-1], words[-1] if len(words) > 1 else ""
    known = list(commands)
    if before and before[0] in known:
        return None
    return [] if before else [name for name in known if name.startswith(word)]
