"""Pickles read as data: a small machine that imports nothing and calls only what it is given.

The opcodes are those of the standard library's ``pickletools``. Names a pickle asks for are
answered by the reader's own table, never looked up; sizes are compared with what is left of the
file before anything of that size is made; extension codes and buffers outside are refused.
"""

from __future__ import annotations

import codecs
import io
import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from vrbench.core.archives import ForgedError

LINE = 4096  # bytes of an opcode's line: a name, or a number as text
NUMBER = 128  # bytes of a whole number
SHAPES = {form: struct.Struct(form) for form in ("<i", "<H", "<I", "<Q", ">d")}
SCALARS = (type(None), bool, int, float, str, bytes)  # what may be a key, beside tokens


class Token:
    """Stands for a name; what ``call`` returns stands for what calling the name would make."""

    def call(self, *args: Any) -> Any:
        """Return what is made with ``args``."""
        raise ForgedError(f"it calls {self}, which makes nothing")

    def built(self, state: Any) -> Any:
        """Return what takes this token's place once its state is known."""
        raise ForgedError(f"it sets a state of {self}")


class StandIn(Token):
    """An object nobody needs: made with anything, holds nothing, does nothing."""

    def call(self, *args: Any) -> StandIn:
        return StandIn()

    def built(self, state: Any) -> StandIn:
        return self


class Makes(Token):
    """A name that, called, makes what ``make`` returns."""

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name, self.make = name, make

    def __str__(self) -> str:
        return self.name

    def call(self, *args: Any) -> Any:
        return self.make(*args)


def _empty(make: Callable[[], Any]) -> Callable[..., Any]:
    """Return a maker of empty containers, whatever default a ``defaultdict`` names."""
    return lambda *_: make()


def _pairs(*args: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    held = args[0] if args else ()
    for pair in held.items() if isinstance(held, dict) else _items(held):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ForgedError("it makes a dict of what are no pairs")
        found[_key(pair[0])] = pair[1]
    return found


def _items(*args: Any) -> list[Any]:
    if args and not isinstance(args[0], list | tuple | set | frozenset):
        raise ForgedError("it makes a container of what is none")
    return list(args[0]) if args else []


def _latin(text: Any, encoding: Any = "latin1") -> bytes:
    """Return bytes as Python 3 writes them into old pickles."""
    if encoding not in ("latin1", b"latin1") or not isinstance(text, str):
        raise ForgedError(f"it asks for the codec {encoding!r}, which no archive needs")
    return text.encode("latin1")


CONTAINERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _pairs,
    "collections.defaultdict": _empty(dict),
    "collections.Counter": _pairs,
    "_codecs.encode": _latin,
    "builtins.dict": _pairs,
    "builtins.list": _items,
    "builtins.tuple": lambda *args: tuple(_items(*args)),
    "builtins.set": lambda *args: {_key(item) for item in _items(*args)},
    "builtins.frozenset": lambda *args: frozenset(_key(item) for item in _items(*args)),
    "builtins.bytes": _empty(bytes),
    "builtins.bytearray": _empty(bytes),
    **{f"builtins.{name}": lambda *_: StandIn() for name in ("int", "float", "bool", "str")},
}


def container(name: str) -> Token | None:
    """Return what makes the container of this full name; None if it is no container."""
    name = name.replace("__builtin__.", "builtins.", 1)
    return Makes(name, CONTAINERS[name]) if name in CONTAINERS else None


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
    return _Machine(file, names, strings, persistent).run()


def read_pickled(data: bytes, names: Callable[[str], Token], **settings: Any) -> Any:
    """Return what a pickle in memory holds, see ``read_pickle``."""
    return read_pickle(io.BytesIO(data), names, **settings)


def _key(value: Any) -> Any:
    """Return a key of a dict; nested ones would be hashed without an end."""
    flat = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(v, (*SCALARS, Token)) for v in flat):
        raise ForgedError(f"a key is a {type(value).__name__}")
    return value


class _Mark:
    """Where a group of the stack begins."""


MARK = _Mark()
Op = Callable[["_Machine"], None]


class _Machine:
    """A stack and a memo."""

    def __init__(
        self,
        file: BinaryIO,
        names: Callable[[str], Token],
        strings: str | None,
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        self.file, self.names, self.strings, self.persistent = file, names, strings, persistent
        at = file.tell()
        self.size = file.seek(0, os.SEEK_END)
        file.seek(at)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.noted: dict[int, list[int]] = {}  # where in the memo a token stands, by its id

    def run(self) -> Any:
        read = self.file.read
        while True:
            op = read(1)
            if op == b".":
                return self.pop()
            try:
                step = OPS[op]
            except KeyError:
                told = f"opcode {op!r}" if op else "an end in its middle"
                raise ForgedError(f"it is no pickle that can be read: {told}") from None
            step(self)

    def take(self, count: int) -> bytes:
        """Return the next bytes, if there are so many."""
        if not 0 <= count <= self.size:
            raise ForgedError("it is longer by its own account than the file is")
        found = self.file.read(count)
        if len(found) != count:
            raise ForgedError("it ends in its middle")
        return found

    def number(self, form: str) -> Any:
        shape = SHAPES[form]
        return shape.unpack(self.take(shape.size))[0]

    def byte(self) -> int:
        return self.take(1)[0]

    def line(self) -> bytes:
        found = self.file.readline(LINE)
        if not found.endswith(b"\n"):
            raise ForgedError("a line of it does not end")
        return found[:-1]

    def text(self, data: bytes) -> str:
        return data.decode("utf-8", "surrogatepass")

    def old(self, data: bytes) -> str | bytes:
        """Return a string of Python 2."""
        return data if self.strings is None else data.decode(self.strings)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ForgedError("its stack is empty")
        return self.stack.pop()

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or self.stack[-1] is MARK or not isinstance(self.stack[-1], kind):
            raise ForgedError("it fills what is no container")
        return self.stack[-1]

    def group(self) -> list[Any]:
        """Return what lies above the last mark."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is MARK:
                found = self.stack[at + 1 :]
                del self.stack[at:]
                return found
        raise ForgedError("it has no mark")

    def popped(self, count: int) -> tuple[Any, ...]:
        return tuple([self.pop() for _ in range(count)][::-1])

    def fill(self, pairs: list[Any]) -> None:
        held = self.top((dict, StandIn))
        if len(pairs) % 2:
            raise ForgedError("a key of it has no value")
        if isinstance(held, dict):
            for key, value in zip(pairs[::2], pairs[1::2], strict=True):
                held[_key(key)] = value

    def extend(self, values: list[Any]) -> None:
        held = self.top((list, StandIn))
        if isinstance(held, list):
            held.extend(values)

    def add(self, values: list[Any]) -> None:
        held = self.top((set, StandIn))
        if isinstance(held, set):
            held.update(map(_key, values))

    def get(self, at: int) -> None:
        if at not in self.memo:
            raise ForgedError("it asks for what it has not noted")
        self.push(self.memo[at])

    def put(self, at: int) -> None:
        held = self.memo[at] = self.top(object)
        if isinstance(held, Token):
            self.noted.setdefault(id(held), []).append(at)

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ForgedError("it asks for a name that is no text")
        self.push(self.names(f"{module}.{name}"))

    def call(self, made: Any, args: Any) -> None:
        if not isinstance(made, Token) or not isinstance(args, tuple | list):
            raise ForgedError(f"it calls a {type(made).__name__}")
        try:
            self.push(made.call(*args))
        except TypeError as error:
            raise ForgedError(f"it calls {made} with other arguments: {error}") from None

    def build(self) -> None:
        state, made = self.pop(), self.pop()
        if isinstance(made, dict | set | list):  # attributes of a container, such as _metadata
            self.push(made)
        elif isinstance(made, Token):
            done = made.built(state)
            self.push(done)
            for at in self.noted.get(id(made), ()):
                if self.memo[at] is made:
                    self.memo[at] = done
        else:
            raise ForgedError(f"it sets a state of a {type(made).__name__}")

    def persist(self, told: Any) -> None:
        if self.persistent is None:
            raise ForgedError("it asks for something outside of it")
        self.push(self.persistent(told))

    def instance(self) -> None:
        module, name = self.line().decode("ascii"), self.line().decode("ascii")
        args = self.group()
        self.name(module, name)
        self.call(self.pop(), args)

    def object_of(self) -> None:
        made, *args = self.group() or [None]
        self.call(made, args)

    def new(self, keyed: bool) -> None:
        if keyed:
            self.pop()  # keyword arguments: no token takes any
        made, args = self.popped(2)
        self.call(made, args)

    def whole(self, line: bytes) -> None:
        if line in (b"00", b"01"):  # how the first protocols write booleans
            return self.push(line == b"01")
        if len(line) > 2 * NUMBER:
            raise ForgedError("a number of it is too long")
        return self.push(int(line.removesuffix(b"L")))

    def long(self, length: int) -> None:
        if length > NUMBER:
            raise ForgedError("a number of it is too long")
        self.push(int.from_bytes(self.take(length), "little", signed=True))


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
    b"\x91": lambda m: m.push(frozenset(map(_key, m.group()))),
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


def _dict(machine: _Machine, pairs: list[Any]) -> None:
    machine.push({})
    machine.fill(pairs)
