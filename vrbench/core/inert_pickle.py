"""Pickles read as data: a small machine that imports nothing and calls only what it is given.

The opcodes are those of the standard library's ``pickletools``. Names a pickle asks for are
answered by the reader's own table, never looked up; sizes are compared with what is left of the
file before anything of that size is made; extension codes and buffers outside are refused.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any, BinaryIO

from vrbench.core.archives import ForgedError
from vrbench.core.pickle_machine import MARK, Machine, Op
from vrbench.core.pickle_tokens import Token, checked_key


def read_pickle(
    file: BinaryIO,
    names: Callable[[str], Token],
    *,
    strings: str | None = None,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Return what the pickle at the file's position holds; the file is left behind its end.

    Containers, numbers, text and bytes are themselves; every name is what ``names`` says. Nothing
    is imported, and nothing but the tokens' own ``call`` and ``built`` is ever called.

    Args:
        file: open for reading, and seekable.
        names: returns the token of a full name such as ``os.system``, or raises ``ForgedError``.
        strings: how the text of Python 2 is decoded; None leaves it as bytes.
        persistent: returns what stands for a persistent id; None refuses them.

    Raises:
        ForgedError: if it is no pickle, or asks for what it should not.
    """
    return Machine(file, names, strings, persistent).run(OPS)


def read_pickled(data: bytes, names: Callable[[str], Token], **settings: Any) -> Any:
    """Return what a pickle in memory holds, see ``read_pickle``."""
    return read_pickle(io.BytesIO(data), names, **settings)


def _quoted(line: bytes) -> bytes:
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ForgedError("a string of it has no quotes")
    return codecs.escape_decode(line[1:-1])[0]  # type: ignore[attr-defined, no-any-return]


OPS: dict[bytes, Op] = {
    b"\x80": lambda m: _ignore(m.take(1)),
    b"\x95": lambda m: _ignore(m.take(8)),
    b"(": lambda m: m.push(MARK),
    b"0": lambda m: _ignore(m.stack.pop() if m.stack else m.pop()),
    b"1": lambda m: _ignore(m.group()),
    b"2": lambda m: m.push(m.top(object)),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": lambda m: m.whole(m.line()),
    b"L": lambda m: m.whole(m.line()),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.byte()),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.long(m.byte()),
    b"\x8b": lambda m: m.long(m.number("<I")),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(m.number(">d")),
    b"S": lambda m: m.push(m.old(_quoted(m.line()))),
    b"T": lambda m: m.push(m.old(m.take(m.number("<I")))),
    b"U": lambda m: m.push(m.old(m.take(m.byte()))),
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),
    b"X": lambda m: m.push(m.text(m.take(m.number("<I")))),
    b"\x8c": lambda m: m.push(m.text(m.take(m.byte()))),
    b"\x8d": lambda m: m.push(m.text(m.take(m.number("<Q")))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"C": lambda m: m.push(m.take(m.byte())),
    b"\x8e": lambda m: m.push(m.take(m.number("<Q"))),
    b"\x96": lambda m: m.push(m.take(m.number("<Q"))),
    b"]": lambda m: m.push([]),
    b"a": lambda m: m.extend([m.pop()]),
    b"e": lambda m: m.extend(m.group()),
    b"l": lambda m: m.push(m.group()),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.group())),
    b"\x85": lambda m: m.push(m.popped(1)),
    b"\x86": lambda m: m.push(m.popped(2)),
    b"\x87": lambda m: m.push(m.popped(3)),
    b"}": lambda m: m.push({}),
    b"d": lambda m: _dict(m, m.group()),
    b"s": lambda m: m.fill(list(m.popped(2))),
    b"u": lambda m: m.fill(m.group()),
    b"\x8f": lambda m: m.push(set()),
    b"\x90": lambda m: m.add(m.group()),
    b"\x91": lambda m: m.push(frozenset(map(checked_key, m.group()))),
    b"g": lambda m: m.get(int(m.line())),
    b"h": lambda m: m.get(m.byte()),
    b"j": lambda m: m.get(m.number("<I")),
    b"p": lambda m: m.put(int(m.line())),
    b"q": lambda m: m.put(m.byte()),
    b"r": lambda m: m.put(m.number("<I")),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"c": lambda m: m.name(m.line().decode("ascii"), m.line().decode("ascii")),
    b"\x93": lambda m: m.name(*m.popped(2)),
    b"R": lambda m: m.call(*m.popped(2)),
    b"b": lambda m: m.build(),
    b"i": lambda m: m.instance(),
    b"o": lambda m: m.object_of(),
    b"\x81": lambda m: m.new(keyed=False),
    b"\x92": lambda m: m.new(keyed=True),
    b"P": lambda m: m.persist(m.line().decode("ascii")),
    b"Q": lambda m: m.persist(m.pop()),
}


def _ignore(value: Any) -> None:
    """Drop what an opcode leaves."""


def _dict(machine: Machine, pairs: list[Any]) -> None:
    machine.push({})
    machine.fill(pairs)
